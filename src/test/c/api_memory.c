// Entry points: memory, copies, memsets.
#include "sim.h"

// --- device memory ---------------------------------------------------------------------------------

CUDA_API CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t size) {
  ENTER(NEEDS_SOUND_CONTEXT);
  TRY(capture_refuse_unsafe());
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  TRY(strict_wait_for_context(context_current(), THIS_CALL));
  return memory_allocate(context_current(), MEMORY_DEVICE, size, THIS_CALL, address);
}

static void wait_before_free(struct Allocation *allocation, struct Origin call) {
  if (allocation->kind == MEMORY_DEVICE) {
    strict_synchronize_context(allocation->context, call);
  } else {
    strict_wait_for_context(allocation->context, call);
  }
}

// In a context that has failed the real driver answers every call with the error, and what that
// leaves of the object is nobody's business any more. Here the call answers so too, but counts as
// the application's giving the object back: only what it never tried to give back is a leak.
static CUresult free_memory(struct Allocation *allocation, const char *call, struct Origin origin) {
  // Once the context has failed, the application has no way left to wait for what is queued.
  if (allocation->in_use && allocation->context->error == CUDA_SUCCESS) {
    report_violation("%s of buffer %ld while %d queued operation(s) use it", call,
                     allocation->number, allocation->in_use);
  }
  allocation->being_freed = true;
  bool readable = allocation->context->error != CUDA_SUCCESS;
  wait_before_free(allocation, origin);
  stream_wait_until_unused(allocation);
  if (allocation->freed) return CUDA_ERROR_CONTEXT_IS_DESTROYED;  // meanwhile
  CUresult result = allocation->context->error;
  memory_free(allocation, readable);
  return result;
}

CUDA_API CUresult cuMemFree_v2(CUdeviceptr address) {
  ENTER_RELEASE(NEEDS_CONTEXT, memory_note_failed_free(address));
  TRY(capture_refuse_unsafe());
  if (address == 0) return context_current()->error;
  struct Allocation *allocation = memory_to_free(MEMORY_DEVICE, address, "cuMemFree");
  return allocation ? free_memory(allocation, "cuMemFree", THIS_CALL) : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
  ENTER(NEEDS_SOUND_CONTEXT);
  *total_bytes = sim.device_bytes;
  *free_bytes = sim.device_bytes - memory_device_bytes_used(context_current()->device);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr address) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Range range;
  TRY(memory_device_range(context_current(), address, 1, &range));
  if (base) *base = range.allocation->address;
  if (size) *size = range.allocation->size;
  return CUDA_SUCCESS;
}

// --- pinned memory ---------------------------------------------------------------------------------

enum { ALL_HOST_ALLOC_FLAGS = 7 };  // portable, device map, write combined: no difference here

CUDA_API CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  TRY(capture_refuse_unsafe());
  if (size == 0 || flags & ~(unsigned)ALL_HOST_ALLOC_FLAGS) return CUDA_ERROR_INVALID_VALUE;
  TRY(strict_wait_for_context(context_current(), THIS_CALL));
  uint64_t address;
  TRY(memory_allocate(context_current(), MEMORY_PINNED, size, THIS_CALL, &address));
  *pointer = (void *)address;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuMemAllocHost_v2(void **pointer, size_t size) {
  ENTER(NEEDS_SOUND_CONTEXT);
  TRY(capture_refuse_unsafe());
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  TRY(strict_wait_for_context(context_current(), THIS_CALL));
  uint64_t address;
  TRY(memory_allocate(context_current(), MEMORY_PINNED, size, THIS_CALL, &address));
  *pointer = (void *)address;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuMemFreeHost(void *pointer) {
  ENTER_RELEASE(NEEDS_CONTEXT, memory_note_failed_free((uint64_t)pointer));
  TRY(capture_refuse_unsafe());
  struct Allocation *allocation = memory_to_free(MEMORY_PINNED, (uint64_t)pointer, "cuMemFreeHost");
  return allocation ? free_memory(allocation, "cuMemFreeHost", THIS_CALL)
                    : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API CUresult cuMemHostGetDevicePointer_v2(
    CUdeviceptr *address, void *pointer, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Range range;
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  TRY(memory_host_range((uint64_t)pointer, 1, &range));
  if (!range.allocation) return CUDA_ERROR_INVALID_VALUE;
  *address = range.address;  // unified addressing
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuMemHostGetFlags(unsigned *flags, void *pointer) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Range range;
  TRY(memory_host_range((uint64_t)pointer, 1, &range));
  if (!range.allocation) return CUDA_ERROR_INVALID_VALUE;
  *flags = 3;  // portable and mapped: with unified addressing all of it is
  return CUDA_SUCCESS;
}

// --- copies ------------------------------------------------------------------------------------------

struct Copy {
  enum OperationKind kind;
  uint64_t target;
  uint64_t source;
  size_t size;
  bool async;
};

static CUresult find_ranges(
    struct Context *context, const struct Copy *copy, struct Range *target, struct Range *source) {
  if (copy->kind == OPERATION_COPY_TO_HOST) {
    TRY(memory_host_range(copy->target, copy->size, target));
  } else {
    TRY(memory_device_range(context, copy->target, copy->size, target));
  }
  if (copy->kind == OPERATION_COPY_TO_DEVICE) {
    return memory_host_range(copy->source, copy->size, source);
  }
  return memory_device_range(context, copy->source, copy->size, source);
}

static CUresult queue_copy(const struct Copy *copy, CUstream handle, struct Origin origin) {
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  TRY(copy->async ? CUDA_SUCCESS : capture_refuse_unsafe());
  TRY(capture_refuse_legacy(stream));
  struct Range target;
  struct Range source;
  TRY(find_ranges(stream->context, copy, &target, &source));
  bool pageable = !target.allocation || !source.allocation;
  bool between_hosts = strict_is_between_hosts(&target, &source);
  if (pageable && copy->async) report_pageable_async_copy();
  if (copy->size == 0) return CUDA_SUCCESS;

  struct Operation *operation = operation_new(copy->kind, origin);
  operation->target = target;
  operation->source = source;
  stream_enqueue(stream, operation);
  schedule_turn();
  // Pageable memory is staged before the call returns. So it is with the real driver for copies to
  // the device; copies to pageable memory return when they are done.
  if (between_hosts) return strict_wait_for_copy(stream, origin);
  return pageable || !copy->async ? stream_synchronize(stream) : CUDA_SUCCESS;
}

CUDA_API CUresult cuMemcpyHtoDAsync_v2(
    CUdeviceptr target, const void *source, size_t size, CUstream stream) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Copy copy = {OPERATION_COPY_TO_DEVICE, target, (uint64_t)source, size, true};
  return queue_copy(&copy, stream, THIS_CALL);
}

CUDA_API CUresult cuMemcpyDtoHAsync_v2(
    void *target, CUdeviceptr source, size_t size, CUstream stream) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Copy copy = {OPERATION_COPY_TO_HOST, (uint64_t)target, source, size, true};
  return queue_copy(&copy, stream, THIS_CALL);
}

CUDA_API CUresult cuMemcpyDtoDAsync_v2(
    CUdeviceptr target, CUdeviceptr source, size_t size, CUstream stream) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Copy copy = {OPERATION_COPY_ON_DEVICE, target, source, size, true};
  return queue_copy(&copy, stream, THIS_CALL);
}

CUDA_API CUresult cuMemcpyHtoD_v2(CUdeviceptr target, const void *source, size_t size) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Copy copy = {OPERATION_COPY_TO_DEVICE, target, (uint64_t)source, size, false};
  return queue_copy(&copy, CU_STREAM_LEGACY, THIS_CALL);
}

CUDA_API CUresult cuMemcpyDtoH_v2(void *target, CUdeviceptr source, size_t size) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Copy copy = {OPERATION_COPY_TO_HOST, (uint64_t)target, source, size, false};
  return queue_copy(&copy, CU_STREAM_LEGACY, THIS_CALL);
}

// Documented not to wait on the host; async says so.
CUDA_API CUresult cuMemcpyDtoD_v2(CUdeviceptr target, CUdeviceptr source, size_t size) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Copy copy = {OPERATION_COPY_ON_DEVICE, target, source, size, true};
  return queue_copy(&copy, CU_STREAM_LEGACY, THIS_CALL);
}

// --- memsets -------------------------------------------------------------------------------------------

static CUresult queue_set(
    CUdeviceptr target, uint64_t value, size_t value_bytes, size_t count, CUstream handle,
    struct Origin origin) {
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  TRY(capture_refuse_legacy(stream));
  if (target % value_bytes || count > SIZE_MAX / value_bytes) return CUDA_ERROR_INVALID_VALUE;
  struct Range range;
  TRY(memory_device_range(stream->context, target, count * value_bytes, &range));
  struct Operation *operation = operation_new(OPERATION_SET, origin);
  operation->target = range;
  operation->value = value;
  operation->value_bytes = value_bytes;
  stream_enqueue(stream, operation);
  schedule_turn();
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuMemsetD8Async(CUdeviceptr target, uint8_t value, size_t count, CUstream stream) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_set(target, value, 1, count, stream, THIS_CALL);
}

CUDA_API CUresult cuMemsetD32Async(
    CUdeviceptr target, uint32_t value, size_t count, CUstream stream) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_set(target, value, 4, count, stream, THIS_CALL);
}

// Documented not to wait on the host either.
CUDA_API CUresult cuMemsetD8_v2(CUdeviceptr target, uint8_t value, size_t count) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_set(target, value, 1, count, CU_STREAM_LEGACY, THIS_CALL);
}

CUDA_API CUresult cuMemsetD32_v2(CUdeviceptr target, uint32_t value, size_t count) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_set(target, value, 4, count, CU_STREAM_LEGACY, THIS_CALL);
}
