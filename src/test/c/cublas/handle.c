// Handles: what cublasCreate gives out, their streams and modes; the names of statuses.
#include <stdlib.h>

#include "cublas.h"

enum { VERSION = 120600, MATH_MODES = 4, MATH_DISALLOW_REDUCED = 16 };

// Generated from the imports of JCublas2's native library.
extern const char *const cublas_imported_calls[];

static void describe(const struct CublasHandle *handle, struct Text *text) {
  text_add(text, "cuBLAS handle %ld, made by %s number %ld%s",
           handle_number(HANDLE_CUBLAS, handle->handle), handle->origin.call, handle->origin.nth,
           handle->free_failed ? "; its free was made to fail" : "");
}

static void end_context(struct Context *context, bool lost_is_a_leak) {
  for (long i = handle_first(HANDLE_CUBLAS); i < handle_count(HANDLE_CUBLAS); i++) {
    struct CublasHandle *handle = handle_nth(HANDLE_CUBLAS, i);
    if (!handle->alive || handle->context != context) continue;
    if (lost_is_a_leak) describe(handle, report_lost_text());
    handle->alive = false;
  }
}

static void count(struct Live *live, struct Text *leaks) {
  for (long i = handle_first(HANDLE_CUBLAS); i < handle_count(HANDLE_CUBLAS); i++) {
    const struct CublasHandle *handle = handle_nth(HANDLE_CUBLAS, i);
    if (!handle->alive) continue;
    live->library_handles++;
    describe(handle, leaks);
  }
}

__attribute__((constructor)) static void join_driver(void) {
  static struct Sibling cublas = {.end_context = end_context, .count = count};
  cublas.calls = cublas_imported_calls;
  sibling_register(&cublas);
}

cublasStatus cublas_status(CUresult result) {
  switch (result) {
    case CUDA_SUCCESS:
      return CUBLAS_STATUS_SUCCESS;
    case CUDA_ERROR_NOT_INITIALIZED:
    case CUDA_ERROR_INVALID_CONTEXT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
      return CUBLAS_STATUS_NOT_INITIALIZED;
    default:
      return CUBLAS_STATUS_EXECUTION_FAILED;
  }
}

cublasStatus cublas_find(cublasHandle number, struct CublasHandle **found) {
  if (!number) return CUBLAS_STATUS_NOT_INITIALIZED;
  struct CublasHandle *handle = handle_object(HANDLE_CUBLAS, number);
  if (!handle) {
    report_violation("0x%llx is no cuBLAS handle", (unsigned long long)number);
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  if (!handle->alive) {
    report_violation("use of cuBLAS handle %ld after it, or its context, was destroyed",
                     handle_number(HANDLE_CUBLAS, number));
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  if (handle->context != context_current()) {
    report_violation("cuBLAS handle %ld belongs to another context than the current one",
                     handle_number(HANDLE_CUBLAS, number));
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  *found = handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus cublas_unsupported(struct ApiCall **call, const char *name) {
  struct Entry entry __attribute__((cleanup(sim_leave))) = {false, false};
  CUresult fault = sim_enter(&entry, call, name, NEEDS_NOTHING);
  if (fault != CUDA_SUCCESS) return fault;
  report_violation("%s is not part of the software cuBLAS", name);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

// --- entry points ----------------------------------------------------------------------------------

CUBLAS_API cublasStatus cublasCreate_v2(cublasHandle *number) {
  CUBLAS_ENTER(NEEDS_SOUND_CONTEXT);
  if (!number) return CUBLAS_STATUS_INVALID_VALUE;
  // It allocates device memory.
  if (capture_refuse_unsafe() != CUDA_SUCCESS) return CUBLAS_STATUS_ALLOC_FAILED;
  CUresult waited = strict_wait_for_context(context_current(), THIS_CALL);
  if (waited != CUDA_SUCCESS) return cublas_status(waited);
  struct CublasHandle *handle = calloc(1, sizeof *handle);
  if (!handle) abort();
  handle->handle = handle_add(HANDLE_CUBLAS, handle);
  handle->context = context_current();
  handle->origin = THIS_CALL;
  handle->alive = true;
  *number = handle->handle;
  return CUBLAS_STATUS_SUCCESS;
}

static void note_failed_free(cublasHandle number) {
  struct CublasHandle *handle = handle_object(HANDLE_CUBLAS, number);
  if (handle) handle->free_failed = true;
}

// Documented: synchronises with the device.
CUBLAS_API cublasStatus cublasDestroy_v2(cublasHandle number) {
  CUBLAS_ENTER_RELEASE(NEEDS_CONTEXT, note_failed_free(number));
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (capture_refuse_unsafe() != CUDA_SUCCESS) return CUBLAS_STATUS_EXECUTION_FAILED;
  strict_synchronize_context(handle->context, THIS_CALL);
  if (!handle->alive) return CUBLAS_STATUS_NOT_INITIALIZED;  // meanwhile
  handle->alive = false;
  return cublas_status(handle->context->error);
}

CUBLAS_API cublasStatus cublasGetVersion_v2(cublasHandle number, int *version) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (!version) return CUBLAS_STATUS_INVALID_VALUE;
  *version = VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasSetStream_v2(cublasHandle number, CUstream stream_handle) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  struct Stream *stream;
  if (stream_find(stream_handle, &stream) != CUDA_SUCCESS) return CUBLAS_STATUS_INVALID_VALUE;
  if (stream->context != handle->context) {
    report_violation("cublasSetStream of a stream of another context");
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  handle->stream = stream_handle;
  return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetStream_v2(cublasHandle number, CUstream *stream) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (!stream) return CUBLAS_STATUS_INVALID_VALUE;
  *stream = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasSetPointerMode_v2(cublasHandle number, int mode) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (mode != CUBLAS_POINTER_MODE_HOST && mode != CUBLAS_POINTER_MODE_DEVICE) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  handle->pointer_mode = mode;
  return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetPointerMode_v2(cublasHandle number, int *mode) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (!mode) return CUBLAS_STATUS_INVALID_VALUE;
  *mode = handle->pointer_mode;
  return CUBLAS_STATUS_SUCCESS;
}

// Kept, and of no effect: all modes are as exact as the default one.
CUBLAS_API cublasStatus cublasSetMathMode(cublasHandle number, int mode) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  int base = mode & ~MATH_DISALLOW_REDUCED;
  if (base < 0 || base >= MATH_MODES) return CUBLAS_STATUS_INVALID_VALUE;
  handle->math_mode = mode;
  return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetMathMode(cublasHandle number, int *mode) {
  CUBLAS_ENTER(NEEDS_CONTEXT);
  struct CublasHandle *handle;
  TRY(cublas_find(number, &handle));
  if (!mode) return CUBLAS_STATUS_INVALID_VALUE;
  *mode = handle->math_mode;
  return CUBLAS_STATUS_SUCCESS;
}

// --- words -----------------------------------------------------------------------------------------

#define STATUSES(_)                                                                \
  _(SUCCESS, "success")                                                            \
  _(NOT_INITIALIZED, "the library was not initialized")                            \
  _(ALLOC_FAILED, "the resource allocation failed")                                \
  _(INVALID_VALUE, "an invalid value was passed")                                  \
  _(ARCH_MISMATCH, "the device lacks a feature")                                   \
  _(MAPPING_ERROR, "an access to device memory failed")                            \
  _(EXECUTION_FAILED, "the device failed to execute")                              \
  _(INTERNAL_ERROR, "an internal operation failed")                                \
  _(NOT_SUPPORTED, "the functionality is not supported")                           \
  _(LICENSE_ERROR, "the license check failed")

CUBLAS_API const char *cublasGetStatusName(cublasStatus status) {
  switch (status) {
#define NAME(name, words) \
  case CUBLAS_STATUS_##name: return "CUBLAS_STATUS_" #name;
    STATUSES(NAME)
    default: return "CUBLAS_STATUS_UNKNOWN";
  }
}

CUBLAS_API const char *cublasGetStatusString(cublasStatus status) {
  switch (status) {
#define WORDS(name, words) \
  case CUBLAS_STATUS_##name: return words;
    STATUSES(WORDS)
    default: return "unknown status";
  }
}
