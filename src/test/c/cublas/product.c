// A product on its way through a stream. Like a kernel's, its accesses are checked when it runs, and
// what its arguments point into must not be freed before.
#include <stdio.h>
#include <stdlib.h>

#include "cublas.h"

enum { OPERANDS = 5 };

struct Job {
  struct Product product;
  struct Context *context;
  struct Origin origin;
  struct Allocation *used[OPERANDS];
  int used_count;
  char violation[256];
};

static size_t bytes_of(const struct Matrix *matrix, int batch) {
  size_t elements = (size_t)(matrix->columns - 1) * (size_t)matrix->leading + (size_t)matrix->rows;
  return (elements + (size_t)(batch - 1) * (size_t)matrix->stride) * sizeof(float);
}

// --- when its turn comes: without the driver's lock, or in somebody's call that has it ---------------

static CUresult refuse(struct Job *job, const char *operand, CUdeviceptr address, size_t size,
                       const char *why, CUresult code) {
  snprintf(job->violation, sizeof job->violation, "%s number %ld: %s, %zu bytes of %s at 0x%llx",
           job->origin.call, job->origin.nth, why, size, operand, (unsigned long long)address);
  return code;
}

static CUresult locate(struct Job *job, const char *operand, CUdeviceptr address, size_t size,
                       void *found) {
  if (address % sizeof(float)) {
    return refuse(job, operand, address, size, "misaligned", CUDA_ERROR_MISALIGNED_ADDRESS);
  }
  const struct Allocation *allocation = memory_find(address);
  uint64_t offset = allocation ? address - allocation->address : 0;
  if (!allocation || offset > allocation->size || size > allocation->size - offset) {
    return refuse(job, operand, address, size, "out of bounds", CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  if (allocation->freed) {
    return refuse(job, operand, address, size, "use after free", CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  if (allocation->kind == MEMORY_DEVICE && allocation->context != job->context) {
    return refuse(job, operand, address, size, "in another context", CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  *(void **)found = allocation->backing.bytes + offset;
  return CUDA_SUCCESS;
}

static CUresult locate_matrix(struct Job *job, const struct Matrix *matrix, void *found) {
  if (matrix->constant) {
    *(const float **)found = matrix->constant;
    return CUDA_SUCCESS;
  }
  return locate(job, matrix->name, matrix->address, bytes_of(matrix, job->product.batch), found);
}

static CUresult fetch(struct Job *job, const char *name, const struct Scalar *scalar, float *value) {
  *value = scalar->value;
  if (!scalar->address) return CUDA_SUCCESS;
  const float *word;
  TRY(locate(job, name, scalar->address, sizeof *word, &word));
  *value = *word;
  return CUDA_SUCCESS;
}

static CUresult run(void *arguments) {
  struct Job *job = arguments;
  const struct Product *p = &job->product;
  struct Gemm g = {
      .transposes_a = p->transposes_a,
      .transposes_b = p->transposes_b,
      .m = p->m,
      .n = p->n,
      .lda = p->a.leading,
      .ldb = p->b.leading,
      .ldc = p->c.leading,
  };
  TRY(fetch(job, "alpha", &p->alpha, &g.alpha));
  TRY(fetch(job, "beta", &p->beta, &g.beta));
  if (g.alpha != 0) g.k = p->k;  // with alpha 0, A and B are not read
  if (g.k == 0 && g.beta == 1) return CUDA_SUCCESS;
  if (g.k) TRY(locate_matrix(job, &p->a, &g.a));
  if (g.k) TRY(locate_matrix(job, &p->b, &g.b));
  TRY(locate_matrix(job, &p->c, &g.c));
  for (int i = 0; i < p->batch; i++) {
    gemm(&g);
    if (g.k) g.a += p->a.stride, g.b += p->b.stride;
    g.c += p->c.stride;
  }
  return CUDA_SUCCESS;
}

static void end(void *arguments) {
  struct Job *job = arguments;
  if (job->violation[0]) report_violation("%s", job->violation);
  for (int i = 0; i < job->used_count; i++) job->used[i]->in_use--;
  free(job);
}

// --- queueing --------------------------------------------------------------------------------------

static void use(struct Job *job, CUdeviceptr address) {
  struct Allocation *allocation = memory_find(address);
  if (!allocation || allocation->freed || address - allocation->address >= allocation->size) return;
  for (int i = 0; i < job->used_count; i++) {
    if (job->used[i] == allocation) return;
  }
  allocation->in_use++;
  job->used[job->used_count++] = allocation;
}

static bool overlap(const struct Product *p, const struct Matrix *in) {
  if (in->constant || p->k == 0) return false;
  const struct Matrix *out = &p->c;
  if (in->address + bytes_of(in, p->batch) <= out->address) return false;
  if (out->address + bytes_of(out, p->batch) <= in->address) return false;
  if (in->leading != out->leading) return true;
  // Both may be parts of one larger matrix: other rows of it.
  uint64_t step = (uint64_t)in->leading * sizeof(float);
  uint64_t row = (out->address >= in->address
                      ? (out->address - in->address) % step
                      : (step - (in->address - out->address) % step) % step) / sizeof(float);
  return row < (uint64_t)in->rows || row + (uint64_t)out->rows > (uint64_t)in->leading;
}

static void report_overlap(const struct Product *p, struct Origin origin) {
  // A sum of vectors may be one of a vector with itself.
  if (p->a.constant) return;
  for (int i = 0; i < 2; i++) {
    const struct Matrix *in = i ? &p->b : &p->a;
    if (overlap(p, in)) {
      report_violation("%s number %ld: %s overlaps %s, which it writes", origin.call, origin.nth,
                       in->name, p->c.name);
    }
  }
}

cublasStatus product_enqueue(struct CublasHandle *handle, const struct Product *product,
                             struct Origin origin) {
  struct Stream *stream;
  if (stream_find(handle->stream, &stream) != CUDA_SUCCESS) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (capture_refuse_legacy(stream) != CUDA_SUCCESS) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (product->m == 0 || product->n == 0 || product->batch == 0) return CUBLAS_STATUS_SUCCESS;
  if (!handle->launched) {  // a first product loads kernels
    CUresult waited = strict_wait_for_context(handle->context, origin);
    if (waited != CUDA_SUCCESS) return cublas_status(waited);
    handle->launched = true;
  }
  report_overlap(product, origin);
  struct Job *job = calloc(1, sizeof *job);
  if (!job) abort();
  job->product = *product;
  job->context = handle->context;
  job->origin = origin;
  use(job, product->a.address);
  use(job, product->b.address);
  use(job, product->c.address);
  use(job, product->alpha.address);
  use(job, product->beta.address);
  struct Operation *operation = operation_new(OPERATION_KERNEL, origin);
  operation->kernel = run;
  operation->end_kernel = end;
  operation->arguments = job;
  stream_enqueue(stream, operation);
  schedule_turn();
  return CUBLAS_STATUS_SUCCESS;
}
