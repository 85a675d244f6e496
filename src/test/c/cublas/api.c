// Entry points: products of matrices and vectors. All are one kind of product: a vector is a matrix
// of one row whose columns lie as far apart as its increment says.
#include "cublas.h"

static bool is_operation(int operation) {
  return operation == CUBLAS_OP_N || operation == CUBLAS_OP_T || operation == CUBLAS_OP_C;
}

static bool is_leading(long leading, int rows) { return leading >= (rows > 1 ? rows : 1); }

// alpha or beta: a value taken now, or where it will lie when the product runs.
static cublasStatus take(const struct CublasHandle *handle, const float *pointer,
                         struct Scalar *scalar) {
  if (!pointer) return CUBLAS_STATUS_INVALID_VALUE;
  if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
    scalar->address = (CUdeviceptr)pointer;
    return CUBLAS_STATUS_SUCCESS;
  }
  if (memory_in_device_window((uint64_t)pointer)) {
    report_violation("device address 0x%llx was given for a number in host pointer mode",
                     (unsigned long long)pointer);
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  scalar->value = *pointer;
  return CUBLAS_STATUS_SUCCESS;
}

static const struct Scalar one = {.value = 1};

// --- matrices --------------------------------------------------------------------------------------

struct Gemms {
  int transposes_a, transposes_b, m, n, k;
  const float *alpha;
  CUdeviceptr a;
  int lda;
  long long stride_a;
  CUdeviceptr b;
  int ldb;
  long long stride_b;
  const float *beta;
  CUdeviceptr c;
  int ldc;
  long long stride_c;
  int batch;
};

static cublasStatus enqueue_gemms(cublasHandle number, const struct Gemms *g,
                                  struct Origin origin) {
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (!is_operation(g->transposes_a) || !is_operation(g->transposes_b)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (g->m < 0 || g->n < 0 || g->k < 0 || g->batch < 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (g->stride_a < 0 || g->stride_b < 0 || g->stride_c < 0) return CUBLAS_STATUS_INVALID_VALUE;
  bool a = g->transposes_a != CUBLAS_OP_N;
  bool b = g->transposes_b != CUBLAS_OP_N;
  struct Product product = {
      .transposes_a = a,
      .transposes_b = b,
      .m = g->m,
      .n = g->n,
      .k = g->k,
      .batch = g->batch,
      .a = {"A", g->a, NULL, a ? g->k : g->m, a ? g->m : g->k, g->lda, g->stride_a},
      .b = {"B", g->b, NULL, b ? g->n : g->k, b ? g->k : g->n, g->ldb, g->stride_b},
      .c = {"C", g->c, NULL, g->m, g->n, g->ldc, g->stride_c},
  };
  if (!is_leading(g->lda, product.a.rows) || !is_leading(g->ldb, product.b.rows)
      || !is_leading(g->ldc, product.c.rows)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  TRY(take(handle, g->alpha, &product.alpha));
  TRY(take(handle, g->beta, &product.beta));
  return product_enqueue(handle, &product, origin);
}

CUBLAS_API cublasStatus cublasSgemm_v2(cublasHandle handle, int transposes_a, int transposes_b,
                                       int m, int n, int k, const float *alpha, CUdeviceptr a,
                                       int lda, CUdeviceptr b, int ldb, const float *beta,
                                       CUdeviceptr c, int ldc) {
  CUBLAS_ENTER(NEEDS_SOUND_CONTEXT);
  struct Gemms g = {transposes_a, transposes_b, m, n, k, alpha, a, lda, 0,
                    b,            ldb,          0, beta, c, ldc, 0, 1};
  return enqueue_gemms(handle, &g, THIS_CALL);
}

CUBLAS_API cublasStatus cublasSgemmStridedBatched(
    cublasHandle handle, int transposes_a, int transposes_b, int m, int n, int k,
    const float *alpha, CUdeviceptr a, int lda, long long stride_a, CUdeviceptr b, int ldb,
    long long stride_b, const float *beta, CUdeviceptr c, int ldc, long long stride_c, int batch) {
  CUBLAS_ENTER(NEEDS_SOUND_CONTEXT);
  struct Gemms g = {transposes_a, transposes_b, m,        n,    k, alpha, a,        lda,  stride_a,
                    b,            ldb,          stride_b, beta, c, ldc,   stride_c, batch};
  return enqueue_gemms(handle, &g, THIS_CALL);
}

// --- vectors ---------------------------------------------------------------------------------------

static struct Matrix vector(const char *name, CUdeviceptr address, int length, int increment) {
  return (struct Matrix){name, address, NULL, 1, length, increment, 0};
}

// Vectors that are walked backwards are refused.
static cublasStatus check_increments(int x, int y, struct Origin origin) {
  if (x == 0 || y == 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (x > 0 && y > 0) return CUBLAS_STATUS_SUCCESS;
  report_violation("%s with a negative increment is not part of the software cuBLAS", origin.call);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

// y' = x' op(A)', one row: alpha and beta as they are.
CUBLAS_API cublasStatus cublasSgemv_v2(cublasHandle number, int transposes, int m, int n,
                                       const float *alpha, CUdeviceptr a, int lda, CUdeviceptr x,
                                       int increment_x, const float *beta, CUdeviceptr y,
                                       int increment_y) {
  CUBLAS_ENTER(NEEDS_SOUND_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (!is_operation(transposes) || m < 0 || n < 0 || !is_leading(lda, m)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  TRY(check_increments(increment_x, increment_y, THIS_CALL));
  bool transposed = transposes != CUBLAS_OP_N;
  int in = transposed ? m : n;
  int out = transposed ? n : m;
  struct Product product = {
      .transposes_b = !transposed,
      .m = 1,
      .n = out,
      .k = in,
      .batch = 1,
      .a = vector("x", x, in, increment_x),
      .b = {"A", a, NULL, m, n, lda, 0},
      .c = vector("y", y, out, increment_y),
  };
  TRY(take(handle, alpha, &product.alpha));
  TRY(take(handle, beta, &product.beta));
  return product_enqueue(handle, &product, THIS_CALL);
}

// A = alpha x y' + A.
CUBLAS_API cublasStatus cublasSger_v2(cublasHandle number, int m, int n, const float *alpha,
                                      CUdeviceptr x, int increment_x, CUdeviceptr y,
                                      int increment_y, CUdeviceptr a, int lda) {
  CUBLAS_ENTER(NEEDS_SOUND_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (m < 0 || n < 0 || !is_leading(lda, m)) return CUBLAS_STATUS_INVALID_VALUE;
  TRY(check_increments(increment_x, increment_y, THIS_CALL));
  struct Product product = {
      .transposes_a = true,
      .m = m,
      .n = n,
      .k = 1,
      .batch = 1,
      .a = vector("x", x, m, increment_x),
      .b = vector("y", y, n, increment_y),
      .c = {"A", a, NULL, m, n, lda, 0},
      .beta = one,
  };
  TRY(take(handle, alpha, &product.alpha));
  return product_enqueue(handle, &product, THIS_CALL);
}

// y' = alpha 1 x' + y'.
CUBLAS_API cublasStatus cublasSaxpy_v2(cublasHandle number, int n, const float *alpha,
                                       CUdeviceptr x, int increment_x, CUdeviceptr y,
                                       int increment_y) {
  CUBLAS_ENTER(NEEDS_SOUND_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  TRY(check_increments(increment_x, increment_y, THIS_CALL));
  struct Product product = {
      .m = 1,
      .n = n > 0 ? n : 0,  // documented: nothing to do
      .k = 1,
      .batch = 1,
      .a = {.name = "1", .constant = &one.value, .rows = 1, .columns = 1, .leading = 1},
      .b = vector("x", x, n, increment_x),
      .c = vector("y", y, n, increment_y),
      .beta = one,
  };
  TRY(take(handle, alpha, &product.alpha));
  return product_enqueue(handle, &product, THIS_CALL);
}
