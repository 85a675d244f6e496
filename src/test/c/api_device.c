// Entry points: the driver itself, devices, contexts, errors.
#include <stdio.h>
#include <string.h>

#include "sim.h"

CUDA_API CUresult cuInit(unsigned flags) {
  ENTER(NEEDS_NOTHING);
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  if (sim.devices == 0) return CUDA_ERROR_NO_DEVICE;
  if (!sim.initialised) {
    if (!sim.configured && !schedule_from_environment()) return CUDA_ERROR_INVALID_VALUE;
    memory_init();
    race_install_handler();
    sim.initialised = true;
  }
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDriverGetVersion(int *version) {
  ENTER(NEEDS_NOTHING);
  *version = sim.driver_version;
  return CUDA_SUCCESS;
}

// --- devices -------------------------------------------------------------------------------------

static CUresult check_device(CUdevice device) {
  return device >= 0 && device < sim.devices ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUDA_API CUresult cuDeviceGetCount(int *count) {
  ENTER(NEEDS_INIT);
  *count = sim.devices;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  ENTER(NEEDS_INIT);
  TRY(check_device(ordinal));
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  if (size <= 0) return CUDA_ERROR_INVALID_VALUE;
  snprintf(name, (size_t)size, "Pentrough software CUDA device (no GPU)");
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  if (size < 13) return CUDA_ERROR_INVALID_VALUE;
  snprintf(id, (size_t)size, "0000:%02X:00.0", 0x3B + device);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDeviceGetUuid(struct CUuuid *uuid, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  for (int i = 0; i < 16; i++) uuid->bytes[i] = (char)(0x9A ^ (17 * i));  // invented
  uuid->bytes[15] = (char)device;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  *bytes = sim.device_bytes;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  *major = 9;
  *minor = 0;
  return CUDA_SUCCESS;
}

// Invented, but such that they fit each other and a device of compute capability 9.0.
static const struct {
  int attribute;
  int value;
} attributes[] = {
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
    {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536},
    {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
    {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 2},
    {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
    {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 2},
    {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 9},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
    {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
};

CUDA_API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  if (attribute <= 0) return CUDA_ERROR_INVALID_VALUE;
  *value = 0;  // of an attribute not listed: "does not have it"
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
    if (attributes[i].attribute == attribute) *value = attributes[i].value;
  }
  return CUDA_SUCCESS;
}

// --- primary contexts ------------------------------------------------------------------------------

CUDA_API CUresult cuDevicePrimaryCtxRetain(CUcontext *handle, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  TRY(sim.fatal);
  struct Context *context = context_primary(device);
  if (!context->alive) {
    context->alive = true;
    context->origin = THIS_CALL;
  }
  context->retained++;
  *handle = context->handle;
  return CUDA_SUCCESS;
}

static void note_failed_release(CUdevice device) {
  if (check_device(device) == CUDA_SUCCESS) context_note_failed_free(context_primary(device));
}

CUDA_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  ENTER_RELEASE(NEEDS_INIT, note_failed_release(device));
  TRY(check_device(device));
  struct Context *context = context_primary(device);
  if (!context->alive) return CUDA_ERROR_INVALID_CONTEXT;
  if (--context->retained == 0) context_end(context, true);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  struct Context *context = context_primary(device);
  if (context->alive) context_end(context, false);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *is_active) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  *flags = context_primary(device)->flags;
  *is_active = context_primary(device)->alive;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  context_primary(device)->flags = flags;
  return CUDA_SUCCESS;
}

// --- contexts ----------------------------------------------------------------------------------------

static CUresult find_context(CUcontext handle, struct Context **context) {
  *context = context_find(handle);
  if (*context) return CUDA_SUCCESS;
  report_violation("0x%llx is no context", (unsigned long long)handle);
  return CUDA_ERROR_INVALID_CONTEXT;
}

CUDA_API CUresult cuCtxCreate_v2(CUcontext *handle, unsigned flags, CUdevice device) {
  ENTER(NEEDS_INIT);
  TRY(check_device(device));
  TRY(sim.fatal);
  struct Context *context = context_new(device, flags);
  context->alive = true;
  context->origin = THIS_CALL;
  context_push(context);
  *handle = context->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxDestroy_v2(CUcontext handle) {
  ENTER_RELEASE(NEEDS_INIT, context_note_failed_free(context_find(handle)));
  struct Context *context;
  TRY(find_context(handle, &context));
  if (context->primary || !context->alive) {
    report_violation("cuCtxDestroy of context %ld, which is %s", handle_number(HANDLE_CONTEXT, handle),
                     context->primary ? "a primary one" : "destroyed already");
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (context_current() == context) context_pop();
  context_end(context, false);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxSetCurrent(CUcontext handle) {
  ENTER(NEEDS_INIT);
  struct Context *context = NULL;
  if (handle) TRY(find_context(handle, &context));
  context_set_current(context);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxGetCurrent(CUcontext *handle) {
  ENTER(NEEDS_INIT);
  struct Context *context = context_current();
  *handle = context ? context->handle : 0;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  ENTER(NEEDS_INIT);
  struct Context *context;
  TRY(find_context(handle, &context));
  context_push(context);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxPopCurrent_v2(CUcontext *handle) {
  ENTER(NEEDS_INIT);
  struct Context *context = context_pop();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (handle) *handle = context->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxGetDevice(CUdevice *device) {
  ENTER(NEEDS_CONTEXT);
  *device = context_current()->device;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxGetFlags(unsigned *flags) {
  ENTER(NEEDS_CONTEXT);
  *flags = context_current()->flags;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxGetId(CUcontext handle, unsigned long long *id) {
  ENTER(NEEDS_INIT);
  struct Context *context = context_current();
  if (handle) TRY(find_context(handle, &context));
  if (!context || !context->alive) return CUDA_ERROR_INVALID_CONTEXT;
  *id = context->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxGetApiVersion(CUcontext handle, unsigned *version) {
  ENTER(NEEDS_INIT);
  struct Context *context = context_current();
  if (handle) TRY(find_context(handle, &context));
  if (!context || !context->alive) return CUDA_ERROR_INVALID_CONTEXT;
  *version = (unsigned)sim.driver_version;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  ENTER(NEEDS_CONTEXT);
  *least = 0;
  *greatest = -5;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuCtxSynchronize(void) {
  ENTER(NEEDS_SOUND_CONTEXT);
  TRY(capture_refuse_unsafe());
  return stream_synchronize_context(context_current());
}

// --- errors --------------------------------------------------------------------------------------------

static const struct Error {
  CUresult code;
  const char *name;
  const char *text;
} errors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT",
     "the launch timed out and was terminated"},
    {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE",
     "the operation cannot be performed in the present state"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {CUDA_ERROR_CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_NOT_PERMITTED, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {CUDA_ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const struct Error *find_error(CUresult code) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (errors[i].code == code) return &errors[i];
  }
  return NULL;
}

CUDA_API CUresult cuGetErrorName(CUresult code, const char **name) {
  const struct Error *error = find_error(code);
  *name = error ? error->name : NULL;
  return error ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API CUresult cuGetErrorString(CUresult code, const char **text) {
  const struct Error *error = find_error(code);
  *text = error ? error->text : NULL;
  return error ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
