// The software cuBLAS, libcublas.so.12: what its files say to each other.
//
// It stands on the software driver and is, lock and all, a part of it in a file of its own: a
// product is an operation in the driver's stream, like a kernel. Names and numbers are those of the
// documented interface, no header of NVIDIA's is used.
//
//   handle.c    handles, their streams and modes, statuses
//   api.c       the products: what is refused, what is queued
//   product.c   a product on its way through the stream: where its operands are
//   gemm.c      the arithmetic
#ifndef CUBLAS_H
#define CUBLAS_H

#include "sim.h"

#define CUBLAS_API CUDA_API

typedef int cublasStatus;
typedef uint64_t cublasHandle;

enum {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_ARCH_MISMATCH = 8,
  CUBLAS_STATUS_MAPPING_ERROR = 11,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_INTERNAL_ERROR = 14,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
  CUBLAS_STATUS_LICENSE_ERROR = 16
};

enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 };

enum { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 };

// --- handle.c ------------------------------------------------------------------------------------

struct CublasHandle {
  cublasHandle handle;
  struct Context *context;
  CUstream stream;
  int pointer_mode;
  int math_mode;
  bool launched;  // a product
  struct Origin origin;
  bool alive;
  bool free_failed;
};

// What a driver's refusal is called here.
cublasStatus cublas_status(CUresult result);
// Alive and of the current context; reports and refuses others.
cublasStatus cublas_find(cublasHandle handle, struct CublasHandle **found);
// The whole of a call that this library does not have.
cublasStatus cublas_unsupported(struct ApiCall **call, const char *name);

// First line of every entry point, as ENTER is of the driver's. An ordered fault is a status.
#define CUBLAS_ENTER_RELEASE(needs, on_fault)                               \
  static struct ApiCall *entry_call;                                        \
  struct Entry entry __attribute__((cleanup(sim_leave))) = {false, false};  \
  do {                                                                      \
    CUresult refused = sim_enter(&entry, &entry_call, __func__, (needs));   \
    if (entry.faulted) {                                                    \
      on_fault;                                                             \
      return refused;                                                       \
    }                                                                       \
    if (refused != CUDA_SUCCESS) return cublas_status(refused);             \
  } while (0)

#define CUBLAS_ENTER(needs) CUBLAS_ENTER_RELEASE(needs, (void)0)

// --- product.c -----------------------------------------------------------------------------------

// In device memory, column by column; a vector is a matrix of one row.
struct Matrix {
  const char *name;  // of the argument, for reports
  CUdeviceptr address;
  const float *constant;  // instead of an address
  int rows;
  int columns;
  long leading;  // from one column to the next
  long stride;   // from one matrix of a batch to the next
};

struct Scalar {
  float value;
  CUdeviceptr address;  // in device memory, instead of the value; 0 if not
};

// C = alpha * op(A) * op(B) + beta * C, `batch` times.
struct Product {
  bool transposes_a;
  bool transposes_b;
  int m;
  int n;
  int k;
  int batch;
  struct Matrix a;
  struct Matrix b;
  struct Matrix c;
  struct Scalar alpha;
  struct Scalar beta;
};

// Queues a product that has passed the checks of its call.
cublasStatus product_enqueue(struct CublasHandle *handle, const struct Product *product,
                             struct Origin origin);

// --- gemm.c --------------------------------------------------------------------------------------

struct Gemm {
  bool transposes_a;
  bool transposes_b;
  int m;
  int n;
  int k;  // 0: op(A) and op(B) are not looked at
  const float *a;
  const float *b;
  float *c;
  long lda;
  long ldb;
  long ldc;
  float alpha;
  float beta;  // 0: C is not read
};

void gemm(const struct Gemm *gemm);

#endif
