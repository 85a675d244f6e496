// Streams: queues of operations, and when the head of one may run.
//
// An operation stays the head of its queue while it runs. All operations of the driver are numbered
// in the order they were queued; with that number the legacy default stream's rule is one
// comparison, and no operation can ever wait for one that was queued after it.
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

static struct Stream *active;  // the streams with something queued, in the order they became so
static uint64_t last_order;
static int hurry_everything;  // how many threads wait for they know not which stream

struct Stream *stream_first_active(void) { return active; }

uint64_t stream_last_order(void) { return last_order; }

static void append_active(struct Stream *stream) {
  struct Stream **end = &active;
  while (*end) end = &(*end)->next_active;
  stream->next_active = NULL;
  *end = stream;
}

static void remove_active(struct Stream *stream) {
  struct Stream **link = &active;
  while (*link != stream) link = &(*link)->next_active;
  *link = stream->next_active;
}

void stream_notice_all(void) {
  for (struct Stream *stream = active; stream; stream = stream->next_active) {
    if (stream_readiness(stream) != HELD) schedule_notice(stream);
  }
  pthread_cond_broadcast(&sim.progress);
}

bool stream_any_running(void) {
  for (const struct Stream *stream = active; stream; stream = stream->next_active) {
    if (stream->running) return true;
  }
  return false;
}

// --- making and finding ----------------------------------------------------------------------------

struct Stream *stream_new(
    struct Context *context, enum StreamClass class, unsigned flags, struct Origin origin) {
  struct Stream *stream = calloc(1, sizeof *stream);
  if (!stream) abort();
  stream->handle = handle_add(HANDLE_STREAM, stream);
  stream->context = context;
  stream->class = class;
  stream->flags = flags;
  stream->origin = origin;
  stream->alive = true;
  stream->tail = &stream->head;
  stream->hardware_queue = (int)(context->streams++ % sim.hardware_queues);
  sim_init_condition(&stream->work);
  return stream;
}

static struct Stream *legacy_stream(struct Context *context) {
  if (!context->legacy) {
    context->legacy = stream_new(context, STREAM_CLASS_LEGACY, 0, (struct Origin){"", 0});
  }
  return context->legacy;
}

static struct Stream *per_thread_stream(struct Context *context) {
  long thread = sim_thread_id();
  struct Stream *stream = context->per_thread;
  while (stream && stream->thread != thread) stream = stream->next_per_thread;
  if (stream) return stream;
  stream = stream_new(context, STREAM_CLASS_PER_THREAD, 0, (struct Origin){"", 0});
  stream->thread = thread;
  stream->next_per_thread = context->per_thread;
  context->per_thread = stream;
  return stream;
}

CUresult stream_find(CUstream handle, struct Stream **found) {
  if (handle == CU_STREAM_NULL || handle == CU_STREAM_LEGACY) {
    *found = legacy_stream(context_current());
    return CUDA_SUCCESS;
  }
  if (handle == CU_STREAM_PER_THREAD) {
    *found = per_thread_stream(context_current());
    return CUDA_SUCCESS;
  }
  struct Stream *stream = handle_object(HANDLE_STREAM, handle);
  if (!stream) {
    report_violation("0x%llx is no stream", (unsigned long long)handle);
    return CUDA_ERROR_INVALID_HANDLE;
  }
  report_log("  stream %ld", handle_number(HANDLE_STREAM, handle));
  if (!stream->alive) {
    if (!stream->context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    report_violation("use of stream %ld after it was destroyed", handle_number(HANDLE_STREAM, handle));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  *found = stream;
  return CUDA_SUCCESS;
}

// --- queueing --------------------------------------------------------------------------------------

static bool writes_target(const struct Operation *operation) {
  return operation->kind != OPERATION_WAIT_VALUE;
}

void stream_enqueue(struct Stream *stream, struct Operation *operation) {
  if (stream->capture) {  // becomes part of the graph, which nobody can launch here
    if (operation->mark && operation->kind == OPERATION_RECORD) operation->mark->captured = true;
    operation_free(operation);
    return;
  }
  operation->stream = stream;
  memory_use(&operation->target, writes_target(operation), operation);
  memory_use(&operation->source, false, operation);
  strict_wait_for_room(stream, operation->origin);
  operation->order = ++last_order;
  operation->queued_ns = sim_now_ns();
  stream->last_order = operation->order;
  stream->length++;
  if (!stream->head) append_active(stream);
  *stream->tail = operation;
  stream->tail = &operation->next;
  schedule_queued(stream);
}

// --- when the head may run ---------------------------------------------------------------------------

static bool synchronises_with_legacy(const struct Stream *stream) {
  return !(stream->flags & CU_STREAM_NON_BLOCKING);
}

static bool has_older(const struct Stream *stream, const struct Operation *operation) {
  return stream && stream->head && stream->head->order < operation->order;
}

// The legacy stream waits for what the blocking streams of its context had queued before, and they
// for what it had.
static const struct Stream *older_by_legacy_rule(const struct Stream *stream) {
  const struct Operation *operation = stream->head;
  if (stream->class != STREAM_CLASS_LEGACY) {
    const struct Stream *legacy = stream->context->legacy;
    return synchronises_with_legacy(stream) && has_older(legacy, operation) ? legacy : NULL;
  }
  for (const struct Stream *other = active; other; other = other->next_active) {
    if (other != stream && other->context == stream->context && synchronises_with_legacy(other)
        && has_older(other, operation)) {
      return other;
    }
  }
  return NULL;
}

static bool is_cancelled(const struct Stream *stream) {
  return context_state(stream->context) != CUDA_SUCCESS;
}

const struct Stream *stream_holder(const struct Stream *stream) {
  const struct Operation *head = stream->head;
  if (!head || stream->running || is_cancelled(stream)) return NULL;
  const struct Stream *older = older_by_legacy_rule(stream);
  if (!older) older = strict_ahead_in_queue(stream);
  if (older) return older;
  return head->kind == OPERATION_WAIT && head->mark->state == MARK_PENDING ? head->mark->stream
                                                                           : NULL;
}

// Whether a thread waits for the stream, or for one that it holds.
static bool is_awaited(const struct Stream *stream) {
  if (stream->hurried || hurry_everything) return true;
  for (const struct Stream *other = active; other; other = other->next_active) {
    if (!other->hurried) continue;
    for (const struct Stream *held_by = stream_holder(other); held_by; held_by = stream_holder(held_by)) {
      if (held_by == stream) return true;
    }
  }
  return false;
}

uint64_t stream_due_ns(const struct Stream *stream) {
  bool late = sim.schedule == SCHEDULE_LAG || sim.schedule == SCHEDULE_RACE;
  return late && !is_awaited(stream) ? stream->head->queued_ns + sim.lag_ns : 0;
}

enum Readiness stream_readiness(const struct Stream *stream) {
  const struct Operation *head = stream->head;
  if (!head || stream->running) return HELD;
  if (is_cancelled(stream)) return READY;
  if (stream_holder(stream)) return HELD;
  if (head->kind == OPERATION_WAIT_VALUE && !operation_value_reached(head)) return HELD_BY_WORD;
  uint64_t due = stream_due_ns(stream);
  return due && due > sim_now_ns() ? LATE : READY;
}

// Ends, because what holds a stream was queued before what it holds.
bool stream_can_go_on(const struct Stream *stream) {
  if (!stream->head) return false;
  switch (stream_readiness(stream)) {
    case READY:
    case LATE:
      return true;
    case HELD_BY_WORD:
      return false;
    default:
      return stream->running || stream_can_go_on(stream_holder(stream));
  }
}

// --- running -----------------------------------------------------------------------------------------

static void complete_mark(struct Mark *mark, CUresult error) {
  mark->state = error == CUDA_SUCCESS ? MARK_COMPLETE : MARK_FAILED;
  mark->error = error;
  mark->time_ns = sim_now_ns();
}

static void perform(struct Stream *stream, struct Operation *operation) {
  char fault_name[64];
  snprintf(fault_name, sizeof fault_name, "exec:%s", operation_name(operation->kind));
  CUresult error = faults_take(fault_name);
  if (error == CUDA_SUCCESS) error = operation_perform(operation);
  if (error != CUDA_SUCCESS) context_fail(stream->context, error);
}

// Documented: a stream callback learns of an error, a host function is just not run.
static void cancel(struct Stream *stream, struct Operation *operation) {
  operation->status = context_state(stream->context);
  if (operation->kind == OPERATION_CALLBACK) operation_perform(operation);
}

void stream_run_head(struct Stream *stream) {
  struct Operation *operation = stream->head;
  report_log("  runs %s of stream %ld", operation_name(operation->kind),
             handle_number(HANDLE_STREAM, stream->handle));
  stream->running = true;
  if (sim.schedule == SCHEDULE_STRICT) stream_notice_all();  // the hardware queue goes on to the next
  if (is_cancelled(stream)) {
    cancel(stream, operation);
  } else {
    perform(stream, operation);
  }
  stream->running = false;
  if (operation->kind == OPERATION_RECORD) {
    complete_mark(operation->mark, context_state(stream->context));
  }
  memory_release(&operation->target, writes_target(operation), operation);
  memory_release(&operation->source, false, operation);
  stream->head = operation->next;
  stream->length--;
  if (!stream->head) {
    stream->tail = &stream->head;
    remove_active(stream);
  }
  operation_free(operation);
  stream_notice_all();
}

// --- waiting -----------------------------------------------------------------------------------------

static CUresult deadlock(const struct Stream *stream) {
  report_violation("deadlock: nothing can complete what stream %ld waits for",
                   handle_number(HANDLE_STREAM, stream->handle));
  return CUDA_ERROR_LAUNCH_FAILED;
}

static void hurry(struct Stream *stream) {
  stream->hurried++;
  stream_notice_all();
}

// How many threads wait for a stream or a mark.
static int waiting;

int stream_threads_waiting(void) { return waiting; }

static CUresult wait_for_order(struct Stream *stream, uint64_t order) {
  hurry(stream);
  waiting++;
  CUresult result = CUDA_SUCCESS;
  while (result == CUDA_SUCCESS && stream->head && stream->head->order <= order) {
    if (!schedule_let_go_on()) result = deadlock(stream);
  }
  waiting--;
  stream->hurried--;
  return result == CUDA_SUCCESS ? context_state(stream->context) : result;
}

CUresult stream_synchronize(struct Stream *stream) {
  return wait_for_order(stream, stream->last_order);
}

CUresult stream_wait_for_mark(struct Mark *mark) {
  struct Stream *stream = mark->stream;
  mark_share(mark);
  hurry(stream);
  waiting++;
  CUresult result = CUDA_SUCCESS;
  while (result == CUDA_SUCCESS && mark->state == MARK_PENDING) {
    if (!schedule_let_go_on()) result = deadlock(stream);
  }
  waiting--;
  stream->hurried--;
  if (result == CUDA_SUCCESS) result = mark->error;
  mark_release(mark);
  return result;
}

struct Stream *stream_first_active_of(const struct Context *context, uint64_t up_to) {
  for (struct Stream *stream = active; stream; stream = stream->next_active) {
    if (stream->context == context && stream->head->order <= up_to) return stream;
  }
  return NULL;
}

CUresult stream_synchronize_context(struct Context *context) {
  uint64_t up_to = last_order;
  CUresult result = CUDA_SUCCESS;
  struct Stream *stream;
  while (result == CUDA_SUCCESS && (stream = stream_first_active_of(context, up_to))) {
    result = wait_for_order(stream, up_to);
  }
  return result == CUDA_SUCCESS ? context_state(context) : result;
}

// For those that do not know which streams use it.
static void hurry_all(bool on) {
  hurry_everything += on ? 1 : -1;
  stream_notice_all();
}

void stream_wait_until_unused(struct Allocation *allocation) {
  if (!allocation->in_use) return;
  hurry_all(true);
  if (sim.schedule == SCHEDULE_STRICT) {
    strict_wait_until_unused(allocation);
  } else {
    while (allocation->in_use && schedule_let_go_on()) continue;
  }
  hurry_all(false);
  if (allocation->in_use) {
    report_violation("deadlock: an operation that uses a buffer to be freed cannot run");
  }
}

void stream_settle(struct Stream *stream) {
  hurry(stream);
  while (stream_can_go_on(stream) && schedule_let_go_on()) continue;
  stream->hurried--;
}

// --- the end of a stream -------------------------------------------------------------------------------

// Returns at once; what is queued still runs.
void stream_destroy(struct Stream *stream) {
  capture_drop(stream);
  stream->alive = false;
  schedule_notice(stream);
}

void stream_note_failed_free(CUstream handle) {
  struct Stream *stream = handle_object(HANDLE_STREAM, handle);
  if (stream) stream->free_failed = true;
}

static void describe(const struct Stream *stream, struct Text *text) {
  text_add(text, "stream %ld, made by %s number %ld%s", handle_number(HANDLE_STREAM, stream->handle),
           stream->origin.call, stream->origin.nth,
           stream->free_failed ? "; its free was made to fail" : "");
}

// The context is not alive any more, so whatever is queued ends without running.
void stream_end_context(struct Context *context, bool lost_is_a_leak) {
  stream_notice_all();
  struct Stream *stream;
  while ((stream = stream_first_active_of(context, last_order))) {
    if (!schedule_let_go_on()) break;
  }
  for (long i = handle_first(HANDLE_STREAM); i < handle_count(HANDLE_STREAM); i++) {
    stream = handle_nth(HANDLE_STREAM, i);
    if (!stream->alive || stream->context != context) continue;
    if (lost_is_a_leak && stream->class == STREAM_ORDINARY) describe(stream, report_lost_text());
    stream_destroy(stream);
  }
  context->legacy = NULL;
  context->per_thread = NULL;
}

bool stream_any_alive_or_busy(void) {
  if (active) return true;
  for (long i = handle_first(HANDLE_STREAM); i < handle_count(HANDLE_STREAM); i++) {
    struct Stream *stream = handle_nth(HANDLE_STREAM, i);
    if (stream->alive && stream->class == STREAM_ORDINARY) return true;
  }
  return false;
}

void stream_count(struct Live *live, struct Text *leaks) {
  for (long i = handle_first(HANDLE_STREAM); i < handle_count(HANDLE_STREAM); i++) {
    struct Stream *stream = handle_nth(HANDLE_STREAM, i);
    if (!stream->alive || stream->class != STREAM_ORDINARY) continue;
    live->streams++;
    describe(stream, leaks);
  }
}
