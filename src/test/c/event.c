// Events, and the marks that they and waiting streams point at.
#include <stdlib.h>

#include "sim.h"

struct Mark *mark_new(struct Stream *stream) {
  struct Mark *mark = calloc(1, sizeof *mark);
  if (!mark) abort();
  mark->references = 1;
  mark->stream = stream;
  return mark;
}

struct Mark *mark_share(struct Mark *mark) {
  mark->references++;
  return mark;
}

void mark_release(struct Mark *mark) {
  if (mark && --mark->references == 0) free(mark);
}

struct Event *event_new(struct Context *context, unsigned flags, struct Origin origin) {
  struct Event *event = calloc(1, sizeof *event);
  if (!event) abort();
  event->handle = handle_add(HANDLE_EVENT, event);
  event->context = context;
  event->flags = flags;
  event->alive = true;
  event->origin = origin;
  report_log("  makes event %ld", handle_number(HANDLE_EVENT, event->handle));
  return event;
}

CUresult event_find(CUevent handle, struct Event **found) {
  struct Event *event = handle_object(HANDLE_EVENT, handle);
  if (!event) {
    report_violation("0x%llx is no event", (unsigned long long)handle);
    return CUDA_ERROR_INVALID_HANDLE;
  }
  report_log("  event %ld", handle_number(HANDLE_EVENT, handle));
  if (!event->alive) {
    if (!event->context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    report_violation("use of event %ld after it was destroyed", handle_number(HANDLE_EVENT, handle));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  *found = event;
  return CUDA_SUCCESS;
}

void event_set_mark(struct Event *event, struct Mark *mark) {
  mark_release(event->mark);
  event->mark = mark;
}

// A pending mark lives on in its stream and in the streams that wait for it.
void event_destroy(struct Event *event) {
  event->alive = false;
  event_set_mark(event, NULL);
}

void event_note_failed_free(CUevent handle) {
  struct Event *event = handle_object(HANDLE_EVENT, handle);
  if (event) event->free_failed = true;
}

static void describe(const struct Event *event, struct Text *text) {
  text_add(text, "event %ld, made by %s number %ld%s", handle_number(HANDLE_EVENT, event->handle),
           event->origin.call, event->origin.nth,
           event->free_failed ? "; its free was made to fail" : "");
}

void event_end_context(struct Context *context, bool lost_is_a_leak) {
  for (long i = handle_first(HANDLE_EVENT); i < handle_count(HANDLE_EVENT); i++) {
    struct Event *event = handle_nth(HANDLE_EVENT, i);
    if (!event->alive || event->context != context) continue;
    if (lost_is_a_leak) describe(event, report_lost_text());
    event_destroy(event);
  }
}

void event_count(struct Live *live, struct Text *leaks) {
  for (long i = handle_first(HANDLE_EVENT); i < handle_count(HANDLE_EVENT); i++) {
    struct Event *event = handle_nth(HANDLE_EVENT, i);
    if (!event->alive) continue;
    live->events++;
    describe(event, leaks);
  }
}
