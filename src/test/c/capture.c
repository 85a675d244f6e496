// Stream capture, as far as its rules for everybody else go: nothing can be launched afterwards.
#include <stdlib.h>

#include "sim.h"

static int captures;  // going on now
static __thread unsigned thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

// Calls `visit` for each stream that is capturing.
static void for_each_capture(void (*visit)(struct Stream *stream, void *argument), void *argument) {
  for (long i = handle_first(HANDLE_STREAM); i < handle_count(HANDLE_STREAM); i++) {
    struct Stream *stream = handle_nth(HANDLE_STREAM, i);
    if (stream->alive && stream->capture) visit(stream, argument);
  }
}

// As documented for cuThreadExchangeStreamCaptureMode: which captures forbid this thread unsafe calls.
static bool forbids(const struct Capture *capture) {
  if (capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (capture->thread == sim_thread_id()) return true;
  return capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL
      && thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

static void invalidate_if_forbidden(struct Stream *stream, void *found) {
  if (!forbids(stream->capture)) return;
  stream->capture->invalidated = true;
  *(bool *)found = true;
}

CUresult capture_refuse_unsafe(void) {
  if (captures == 0) return CUDA_SUCCESS;
  bool forbidden = false;
  for_each_capture(invalidate_if_forbidden, &forbidden);
  return forbidden ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult capture_refuse_on(struct Stream *stream) {
  if (!stream->capture) return CUDA_SUCCESS;
  stream->capture->invalidated = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

struct Legacy {
  const struct Stream *stream;
  bool barred;
  bool invalidate;
};

// As documented: a capture of any mode on a blocking stream of the same context.
static void bar_legacy(struct Stream *stream, void *argument) {
  struct Legacy *legacy = argument;
  if (stream->flags & CU_STREAM_NON_BLOCKING || stream->context != legacy->stream->context) return;
  legacy->barred = true;
  if (legacy->invalidate) stream->capture->invalidated = true;
}

static bool is_barred(const struct Stream *stream, bool invalidate) {
  if (captures == 0 || stream->class != STREAM_CLASS_LEGACY) return false;
  struct Legacy legacy = {stream, false, invalidate};
  for_each_capture(bar_legacy, &legacy);
  return legacy.barred;
}

CUresult capture_refuse_legacy(struct Stream *stream) {
  return is_barred(stream, true) ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_SUCCESS;
}

bool capture_bars_legacy(const struct Stream *stream) { return is_barred(stream, false); }

unsigned capture_exchange_mode(unsigned mode) {
  unsigned before = thread_mode;
  thread_mode = mode;
  return before;
}

CUresult capture_begin(struct Stream *stream, unsigned mode) {
  if (stream->class == STREAM_CLASS_LEGACY) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  stream->capture = calloc(1, sizeof *stream->capture);
  if (!stream->capture) abort();
  stream->capture->mode = mode;
  stream->capture->thread = sim_thread_id();
  captures++;
  return CUDA_SUCCESS;
}

void capture_drop(struct Stream *stream) {
  if (!stream->capture) return;
  free(stream->capture);
  stream->capture = NULL;
  captures--;
}

CUresult capture_end(struct Stream *stream) {
  struct Capture *capture = stream->capture;
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != sim_thread_id()) {
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  bool invalidated = capture->invalidated;
  capture_drop(stream);
  return invalidated ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

int capture_status(const struct Stream *stream) {
  if (!stream->capture) return CU_STREAM_CAPTURE_STATUS_NONE;
  return stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                      : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}
