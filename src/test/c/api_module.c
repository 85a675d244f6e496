// Entry points: modules, functions, launches.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "module.h"

enum { MAX_THREADS_PER_BLOCK = 1024, MAX_SHARED_BYTES = 49152, DEVICE_TARGET = 90 };

// --- loading -------------------------------------------------------------------------------------

struct Logs {
  char *buffers[2];  // for information, for errors; null if not asked for
  size_t sizes[2];
  void **told[2];  // where the number of bytes written goes
};

static struct Logs find_logs(unsigned count, const int *options, void **values) {
  struct Logs logs = {{NULL, NULL}, {0, 0}, {NULL, NULL}};
  for (unsigned i = 0; i < count; i++) {
    switch (options[i]) {
      case CU_JIT_INFO_LOG_BUFFER:
      case CU_JIT_ERROR_LOG_BUFFER:
        logs.buffers[options[i] == CU_JIT_ERROR_LOG_BUFFER] = values[i];
        break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
        logs.sizes[options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES] =
            (uint32_t)(uintptr_t)values[i];
        logs.told[options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES] = &values[i];
        break;
      default:  // optimisation, targets, caches: nothing to do here
        break;
    }
  }
  return logs;
}

static void write_log(const struct Logs *logs, int which, const char *text) {
  size_t size = logs->sizes[which];
  size_t length = strlen(text);
  if (logs->buffers[which] && size > 0) {
    snprintf(logs->buffers[which], size, "%s", text);
    if (length >= size) length = size - 1;
  }
  if (logs->told[which]) *logs->told[which] = (void *)(uintptr_t)length;
}

// Without the lock, because gcc takes its time; but in the seeded schedule the order of calls must
// fix everything.
static const struct PtxProgram *translate(const char *source, struct PtxError *error) {
  int newest = sim.newest_ptx;
  if (sim.schedule == SCHEDULE_SEEDED) return ptx_program(source, newest, error);
  pthread_mutex_unlock(&sim.lock);
  const struct PtxProgram *program = ptx_program(source, newest, error);
  pthread_mutex_lock(&sim.lock);
  return program;
}

static CUresult load(CUmodule *handle, const char *source, const struct Logs *logs,
                     struct Origin origin) {
  struct Context *context = context_current();
  TRY(capture_refuse_unsafe());
  if (!source) return CUDA_ERROR_INVALID_VALUE;
  TRY(strict_wait_for_context(context, origin));
  struct PtxError error;
  const struct PtxProgram *program = translate(source, &error);
  if (program && ptx_program_target(program) > DEVICE_TARGET) {
    error.code = CUDA_ERROR_NO_BINARY_FOR_GPU;
    snprintf(error.text, sizeof error.text, "the target sm_%d is newer than this device, sm_%d",
             ptx_program_target(program), DEVICE_TARGET);
    program = NULL;
  }
  write_log(logs, 0, program ? "software CUDA: PTX translated to C" : "");
  if (!program) {
    char text[sizeof error.text + 96];
    snprintf(text, sizeof text,
             "ptxas application ptx input, line %d; error   : %s (software CUDA)", error.line,
             error.text);
    write_log(logs, 1, text);
    report_log("  %s", text);
    return error.code;
  }
  write_log(logs, 1, "");
  if (!context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;  // meanwhile
  *handle = module_new(context, program, origin)->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuModuleLoadData(CUmodule *handle, const void *image) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Logs none = {{NULL, NULL}, {0, 0}, {NULL, NULL}};
  return load(handle, image, &none, THIS_CALL);
}

CUDA_API CUresult cuModuleLoadDataEx(CUmodule *handle, const void *image, unsigned count,
                                     int *options, void **values) {
  ENTER(NEEDS_SOUND_CONTEXT);
  if (count && (!options || !values)) return CUDA_ERROR_INVALID_VALUE;
  struct Logs logs = find_logs(count, options, values);
  return load(handle, image, &logs, THIS_CALL);
}

// What is queued already keeps its code (believed of the real driver, which may wait).
CUDA_API CUresult cuModuleUnload(CUmodule handle) {
  ENTER_RELEASE(NEEDS_CONTEXT, module_note_failed_free(handle));
  TRY(capture_refuse_unsafe());
  struct Module *module;
  TRY(module_find(handle, &module));
  strict_synchronize_context(module->context, THIS_CALL);
  if (!module->alive) return CUDA_ERROR_INVALID_HANDLE;  // meanwhile
  module->alive = false;
  return module->context->error;
}

CUDA_API CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle, const char *name) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Module *module;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  TRY(module_find(handle, &module));
  const struct PtxKernel *kernel = ptx_program_kernel(module->program, name);
  if (!kernel) return CUDA_ERROR_NOT_FOUND;
  struct Function *known = module_find_function(module, kernel);
  if (!known) {
    TRY(strict_wait_for_context(module->context, THIS_CALL));
    known = module_add_function(module, kernel);
  }
  *function = known->handle;
  return CUDA_SUCCESS;
}

// PTX with variables outside kernels is refused, so no module has any.
CUDA_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *size, CUmodule handle,
                                       const char *name) {
  ENTER(NEEDS_SOUND_CONTEXT);
  (void)address, (void)size;
  struct Module *module;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  TRY(module_find(handle, &module));
  return CUDA_ERROR_NOT_FOUND;
}

CUDA_API CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction handle) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Function *function;
  TRY(function_find(handle, &function));
  const struct PtxKernel *kernel = function->kernel;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *value = kernel->max_threads ? (int)kernel->max_threads : MAX_THREADS_PER_BLOCK;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *value = (int)kernel->shared_bytes;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      *value = (int)kernel->local_bytes;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      *value = 32;  // invented
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      *value = ptx_program_version(function->module->program);
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      *value = DEVICE_TARGET;
      return CUDA_SUCCESS;
    default:
      *value = 0;
      return attribute >= 0 && attribute < CU_FUNC_ATTRIBUTE_COUNT ? CUDA_SUCCESS
                                                                   : CUDA_ERROR_INVALID_VALUE;
  }
}

// --- parameters ----------------------------------------------------------------------------------

// Reads memory of this process that may not be there.
static bool read_safely(void *target, const void *source, size_t size) {
  struct iovec to = {target, size};
  struct iovec from = {(void *)source, size};
  if (size == 0 || process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size) return true;
  if (errno != EPERM && errno != ENOSYS) return false;
  memcpy(target, source, size);  // in a container that forbids the call; a wrong pointer crashes
  return true;
}

// One pointer for each parameter. Nothing says how many there are, so what is missing is found only
// if it points nowhere; a real driver would crash there.
static CUresult gather(const struct PtxKernel *kernel, void **pointers, uint8_t *bytes) {
  for (int i = 0; i < kernel->parameter_count; i++) {
    void *pointer = NULL;
    bool readable =
        read_safely(&pointer, pointers + i, sizeof pointer) && pointer
        && read_safely(bytes + kernel->parameters[i].offset, pointer, kernel->parameters[i].size);
    if (readable) continue;
    report_violation("cuLaunchKernel of %s: parameter %d of %d points nowhere", kernel->name, i,
                     kernel->parameter_count);
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

// All parameters in one buffer.
static CUresult gather_buffer(const struct PtxKernel *kernel, void **extra, uint8_t *bytes) {
  const void *buffer = NULL;
  const size_t *size = NULL;
  for (void **p = extra; (uintptr_t)p[0] != CU_LAUNCH_PARAM_END; p += 2) {
    if ((uintptr_t)p[0] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      buffer = p[1];
    } else if ((uintptr_t)p[0] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      size = p[1];
    } else {
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  if (!buffer || !size) return CUDA_ERROR_INVALID_VALUE;
  if (*size != kernel->parameter_bytes) {
    report_violation("cuLaunchKernel of %s: %zu bytes of parameters, not %u", kernel->name, *size,
                     kernel->parameter_bytes);
    return CUDA_ERROR_INVALID_VALUE;
  }
  return read_safely(bytes, buffer, *size) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// --- launches ------------------------------------------------------------------------------------

static CUresult check_shape(const struct PtxLaunch *launch) {
  const uint32_t *grid = launch->grid;
  const uint32_t *block = launch->block;
  for (int i = 0; i < 3; i++) {
    if (grid[i] == 0 || block[i] == 0) return CUDA_ERROR_INVALID_VALUE;
  }
  if (grid[0] > 2147483647 || grid[1] > 65535 || grid[2] > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (block[0] > 1024 || block[1] > 1024 || block[2] > 64) return CUDA_ERROR_INVALID_VALUE;
  uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
  uint32_t most = launch->kernel->max_threads;
  if (threads > MAX_THREADS_PER_BLOCK) return CUDA_ERROR_INVALID_VALUE;
  if (most && threads > most) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  uint64_t shared = (uint64_t)launch->kernel->shared_bytes + launch->dynamic_bytes;
  return shared > MAX_SHARED_BYTES ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUDA_API CUresult cuLaunchKernel(CUfunction function_handle, unsigned grid_x, unsigned grid_y,
                                 unsigned grid_z, unsigned block_x, unsigned block_y,
                                 unsigned block_z, unsigned shared_bytes, CUstream stream_handle,
                                 void **parameters, void **extra) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Function *function;
  struct Stream *stream;
  TRY(function_find(function_handle, &function));
  TRY(stream_find(stream_handle, &stream));
  TRY(capture_refuse_legacy(stream));
  if (stream->context != function->module->context) {
    report_violation("cuLaunchKernel of %s on a stream of another context", function->kernel->name);
    return CUDA_ERROR_INVALID_HANDLE;
  }
  struct PtxLaunch launch = {
      .kernel = function->kernel,
      .context = stream->context,
      .grid = {grid_x, grid_y, grid_z},
      .block = {block_x, block_y, block_z},
      .dynamic_bytes = shared_bytes,
  };
  TRY(check_shape(&launch));
  uint32_t bytes = function->kernel->parameter_bytes;
  uint8_t values[8 * PTX_PARAMETERS + 4096];
  if (bytes > sizeof values || (parameters && extra)) return CUDA_ERROR_INVALID_VALUE;
  if (bytes && !parameters && !extra) return CUDA_ERROR_INVALID_VALUE;
  if (bytes && parameters) TRY(gather(function->kernel, parameters, values));
  if (bytes && extra) TRY(gather_buffer(function->kernel, extra, values));
  if (!function->launched && !stream->capture) {
    TRY(strict_wait_for_context(stream->context, THIS_CALL));
    function->launched = true;
  }
  stream_enqueue(stream, launch_operation(&launch, values, THIS_CALL));
  schedule_turn();
  return CUDA_SUCCESS;
}
