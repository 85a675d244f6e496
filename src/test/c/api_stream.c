// Entry points: streams, events, host functions, words to wait for, capture.
#include "sim.h"

// --- streams ---------------------------------------------------------------------------------------

static CUresult create_stream(CUstream *handle, unsigned flags, int priority, struct Origin origin) {
  if (flags & ~(unsigned)CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  struct Stream *stream = stream_new(context_current(), STREAM_ORDINARY, flags, origin);
  stream->priority = priority;
  report_log("  makes stream %ld", handle_number(HANDLE_STREAM, stream->handle));
  *handle = stream->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamCreate(CUstream *handle, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return create_stream(handle, flags, 0, THIS_CALL);
}

CUDA_API CUresult cuStreamCreateWithPriority(CUstream *handle, unsigned flags, int priority) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return create_stream(handle, flags, priority, THIS_CALL);
}

CUDA_API CUresult cuStreamDestroy_v2(CUstream handle) {
  ENTER_RELEASE(NEEDS_CONTEXT, stream_note_failed_free(handle));
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  if (stream->class != STREAM_ORDINARY) {
    report_violation("cuStreamDestroy of a default stream");
    return CUDA_ERROR_INVALID_HANDLE;
  }
  stream_destroy(stream);
  return stream->context->error;
}

CUDA_API CUresult cuStreamQuery(CUstream handle) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  TRY(capture_refuse_on(stream));
  TRY(capture_refuse_legacy(stream));
  TRY(capture_refuse_unsafe());
  schedule_turn();
  if (stream->context->error != CUDA_SUCCESS) return stream->context->error;
  return stream->head ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamSynchronize(CUstream handle) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  TRY(capture_refuse_on(stream));
  TRY(capture_refuse_legacy(stream));
  TRY(capture_refuse_unsafe());
  return stream_synchronize(stream);
}

CUDA_API CUresult cuStreamGetFlags(CUstream handle, unsigned *flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  *flags = stream->flags;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamGetPriority(CUstream handle, int *priority) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  *priority = stream->priority;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamGetId(CUstream handle, unsigned long long *id) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  *id = stream->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamGetCtx(CUstream handle, CUcontext *context) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  *context = stream->context->handle;
  return CUDA_SUCCESS;
}

// --- events ------------------------------------------------------------------------------------------

CUDA_API CUresult cuEventCreate(CUevent *handle, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  unsigned all = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (flags & ~all) return CUDA_ERROR_INVALID_VALUE;
  if (flags & CU_EVENT_INTERPROCESS && !(flags & CU_EVENT_DISABLE_TIMING)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *handle = event_new(context_current(), flags, THIS_CALL)->handle;
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuEventDestroy_v2(CUevent handle) {
  ENTER_RELEASE(NEEDS_CONTEXT, event_note_failed_free(handle));
  struct Event *event;
  TRY(event_find(handle, &event));
  event_destroy(event);
  return event->context->error;
}

static CUresult record(CUevent event_handle, CUstream stream_handle, struct Origin origin) {
  struct Event *event;
  struct Stream *stream;
  TRY(event_find(event_handle, &event));
  TRY(stream_find(stream_handle, &stream));
  TRY(capture_refuse_legacy(stream));
  if (event->context != stream->context) return CUDA_ERROR_INVALID_HANDLE;
  struct Mark *mark = mark_new(stream);
  struct Operation *operation = operation_new(OPERATION_RECORD, origin);
  operation->mark = mark_share(mark);
  stream_enqueue(stream, operation);
  event_set_mark(event, mark);  // not before: another thread may queue a wait while this one has no room
  schedule_turn();
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuEventRecord(CUevent event, CUstream stream) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return record(event, stream, THIS_CALL);
}

CUDA_API CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  return record(event, stream, THIS_CALL);
}

// What the state of an event is to a caller; one that was never recorded counts as complete.
static CUresult event_state(const struct Event *event) {
  const struct Mark *mark = event->mark;
  if (!mark) return CUDA_SUCCESS;
  if (mark->captured) return CUDA_ERROR_CAPTURED_EVENT;
  return mark->state == MARK_PENDING ? CUDA_ERROR_NOT_READY : mark->error;
}

CUDA_API CUresult cuEventQuery(CUevent handle) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Event *event;
  TRY(event_find(handle, &event));
  TRY(capture_refuse_unsafe());
  schedule_turn();
  return event_state(event);
}

CUDA_API CUresult cuEventSynchronize(CUevent handle) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Event *event;
  TRY(event_find(handle, &event));
  TRY(capture_refuse_unsafe());
  CUresult state = event_state(event);
  return state == CUDA_ERROR_NOT_READY ? stream_wait_for_mark(event->mark) : state;
}

CUDA_API CUresult cuEventElapsedTime(float *milliseconds, CUevent start_handle, CUevent end_handle) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Event *start;
  struct Event *end;
  TRY(event_find(start_handle, &start));
  TRY(event_find(end_handle, &end));
  if ((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) return CUDA_ERROR_INVALID_HANDLE;
  if (!start->mark || !end->mark) return CUDA_ERROR_INVALID_HANDLE;
  TRY(event_state(start));
  TRY(event_state(end));
  int64_t elapsed_ns = (int64_t)(end->mark->time_ns - start->mark->time_ns);
  *milliseconds = (float)((double)elapsed_ns / 1e6);
  return CUDA_SUCCESS;
}

static CUresult wait_in_capture(struct Stream *stream, const struct Mark *mark) {
  if (mark->captured && stream->capture) return CUDA_SUCCESS;  // an edge of the graph
  if (mark->captured) {
    report_violation("waiting for a captured event would draw stream %ld into the capture, which"
                     " this driver cannot do", handle_number(HANDLE_STREAM, stream->handle));
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  stream->capture->invalidated = true;
  return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
}

CUDA_API CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent event_handle, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  struct Event *event;
  TRY(stream_find(stream_handle, &stream));
  TRY(event_find(event_handle, &event));
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  TRY(capture_refuse_legacy(stream));
  struct Mark *mark = event->mark;
  if (!mark) return CUDA_SUCCESS;
  if (mark->captured || stream->capture) return wait_in_capture(stream, mark);
  struct Operation *operation = operation_new(OPERATION_WAIT, THIS_CALL);
  operation->mark = mark_share(mark);
  stream_enqueue(stream, operation);
  schedule_turn();
  return CUDA_SUCCESS;
}

// --- functions of the host -------------------------------------------------------------------------

CUDA_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *user_data) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  TRY(capture_refuse_legacy(stream));
  if (!function) return CUDA_ERROR_INVALID_VALUE;
  struct Operation *operation = operation_new(OPERATION_HOST_FUNCTION, THIS_CALL);
  operation->host_function = function;
  operation->user_data = user_data;
  stream_enqueue(stream, operation);
  schedule_turn();
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamAddCallback(
    CUstream handle, CUstreamCallback callback, void *user_data, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  if (flags || !callback) return CUDA_ERROR_INVALID_VALUE;
  TRY(capture_refuse_on(stream));  // documented: callbacks cannot be captured
  TRY(capture_refuse_legacy(stream));
  struct Operation *operation = operation_new(OPERATION_CALLBACK, THIS_CALL);
  operation->callback = callback;
  operation->user_data = user_data;
  stream_enqueue(stream, operation);
  schedule_turn();
  return CUDA_SUCCESS;
}

// --- words -------------------------------------------------------------------------------------------

static CUresult queue_word(
    enum OperationKind kind, CUstream handle, CUdeviceptr address, uint64_t value,
    size_t value_bytes, unsigned flags, struct Origin origin) {
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  TRY(capture_refuse_legacy(stream));
  if (address % value_bytes) return CUDA_ERROR_INVALID_VALUE;
  struct Range range;
  TRY(memory_device_range(stream->context, address, value_bytes, &range));
  struct Operation *operation = operation_new(kind, origin);
  operation->target = range;
  operation->value = value;
  operation->value_bytes = value_bytes;
  operation->condition = flags;
  stream_enqueue(stream, operation);
  schedule_turn();
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuStreamWaitValue32_v2(
    CUstream stream, CUdeviceptr address, uint32_t value, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_word(OPERATION_WAIT_VALUE, stream, address, value, 4, flags, THIS_CALL);
}

CUDA_API CUresult cuStreamWaitValue64_v2(
    CUstream stream, CUdeviceptr address, uint64_t value, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_word(OPERATION_WAIT_VALUE, stream, address, value, 8, flags, THIS_CALL);
}

CUDA_API CUresult cuStreamWriteValue32_v2(
    CUstream stream, CUdeviceptr address, uint32_t value, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_word(OPERATION_WRITE_VALUE, stream, address, value, 4, flags, THIS_CALL);
}

CUDA_API CUresult cuStreamWriteValue64_v2(
    CUstream stream, CUdeviceptr address, uint64_t value, unsigned flags) {
  ENTER(NEEDS_SOUND_CONTEXT);
  return queue_word(OPERATION_WRITE_VALUE, stream, address, value, 8, flags, THIS_CALL);
}

// --- capture -------------------------------------------------------------------------------------------

CUDA_API CUresult cuStreamBeginCapture_v2(CUstream handle, unsigned mode) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  if (mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  return capture_begin(stream, mode);
}

CUDA_API CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  *graph = 0;
  TRY(capture_end(stream));
  *graph = handle_add(HANDLE_GRAPH, stream);  // to be destroyed, no more
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuGraphDestroy(CUgraph graph) {
  ENTER(NEEDS_CONTEXT);
  return handle_object(HANDLE_GRAPH, graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API CUresult cuStreamIsCapturing(CUstream handle, int *status) {
  ENTER(NEEDS_SOUND_CONTEXT);
  struct Stream *stream;
  TRY(stream_find(handle, &stream));
  if (capture_bars_legacy(stream)) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  *status = capture_status(stream);
  return CUDA_SUCCESS;
}

CUDA_API CUresult cuThreadExchangeStreamCaptureMode(unsigned *mode) {
  ENTER(NEEDS_INIT);
  if (*mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  *mode = capture_exchange_mode(*mode);
  return CUDA_SUCCESS;
}
