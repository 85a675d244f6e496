// The strict schedule: what a real driver may do, and the other schedules do not. README.md says for
// each rule what the manual says, what others have reported, and what is a guess.
//
// Streams run on threads, as fast as they can. Calls wait where a real one may wait; one that can
// never go on is reported when `sim.patience_ns` have passed in which nothing happened, and goes on.
#include <string.h>

#include "sim.h"

enum { STREAM_LENGTH = 1024, OLD_DATA_BYTES = 1 << 16 };

static bool is_strict(void) { return sim.schedule == SCHEDULE_STRICT; }

// --- waiting -------------------------------------------------------------------------------------

// False once `until_ns` has come.
static bool wait_for_progress(uint64_t until_ns) {
  if (sim_now_ns() >= until_ns) return false;
  sim_wait_until(&sim.progress, until_ns);
  return true;
}

// What holds a stream: the operation that the last of those that wait for each other is at.
static const struct Operation *held_at(const struct Stream *stream) {
  for (const struct Stream *by = stream; by; by = stream_holder(by)) stream = by;
  return stream->head;
}

static void report_hang(struct Origin call, const char *waits, const struct Stream *stream) {
  const struct Operation *at = held_at(stream);
  report_violation(
      "%s number %ld waits for %s, but stream %ld is held at the %s that %s number %ld queued in"
      " stream %ld: a real driver may hang here",
      call.call, call.nth, waits, handle_number(HANDLE_STREAM, stream->handle),
      operation_name(at->kind), at->origin.call, at->origin.nth,
      handle_number(HANDLE_STREAM, at->stream->handle));
}

// A wait that somebody has patience with as long as streams get on.
struct Wait {
  struct Origin call;
  const char *what;  // it waits for
  uint64_t head;     // what was at the head of the stream when it began to wait for that
  uint64_t until_ns;
};

// Waits for the stream to get on; reports and says false if that takes too long.
static bool wait_for(struct Wait *wait, const struct Stream *stream) {
  if (stream->head->order != wait->head) {
    wait->head = stream->head->order;
    wait->until_ns = sim_now_ns() + sim.patience_ns;
  }
  if (wait_for_progress(wait->until_ns)) return true;
  report_hang(wait->call, wait->what, stream);
  return false;
}

CUresult strict_wait_for_context(struct Context *context, struct Origin call) {
  if (!is_strict()) return context_state(context);
  struct Wait wait = {.call = call, .what = "all that is queued in the context"};
  uint64_t up_to = stream_last_order();
  context->waiting_thread = sim_thread_id();
  const struct Stream *stream;
  while ((stream = stream_first_active_of(context, up_to)) && wait_for(&wait, stream)) continue;
  context->waiting_thread = 0;
  pthread_cond_broadcast(&sim.progress);
  return context_state(context);
}

void strict_synchronize_context(struct Context *context, struct Origin call) {
  if (is_strict()) {
    strict_wait_for_context(context, call);
  } else {
    stream_synchronize_context(context);
  }
}

// Cannot hang: the call that is waited for gives up in the end.
void strict_let_others_wait(struct Context *context) {
  while (context->waiting_thread && context->waiting_thread != sim_thread_id()) {
    pthread_cond_wait(&sim.progress, &sim.lock);
  }
}

void strict_wait_for_room(struct Stream *stream, struct Origin call) {
  if (!is_strict()) return;
  struct Wait wait = {.call = call, .what = "room in a stream that is full"};
  while (stream->length >= STREAM_LENGTH && wait_for(&wait, stream)) continue;
}

bool strict_wait_until_unused(const struct Allocation *allocation) {
  uint64_t until_ns = sim_now_ns() + sim.patience_ns;
  while (allocation->in_use) {
    if (!wait_for_progress(until_ns)) return false;
  }
  return true;
}

// --- hardware queues -----------------------------------------------------------------------------

// Of what is queued in a stream, the oldest that has not begun.
static const struct Operation *next_to_begin(const struct Stream *stream) {
  return stream->running ? stream->head->next : stream->head;
}

// A hardware queue begins what it was given in the order in which it was given.
const struct Stream *strict_ahead_in_queue(const struct Stream *stream) {
  if (!is_strict()) return NULL;
  for (struct Stream *other = stream_first_active(); other; other = other->next_active) {
    if (other == stream || other->context != stream->context) continue;
    if (other->hardware_queue != stream->hardware_queue) continue;
    const struct Operation *next = next_to_begin(other);
    if (next && next->order < stream->head->order) return other;
  }
  return NULL;
}

// --- errors --------------------------------------------------------------------------------------

bool strict_is_fatal(CUresult code) {
  switch (code) {
    case CUDA_ERROR_CONTAINED:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_TENSOR_MEMORY_LEAK:
      return is_strict();
    default:
      return false;
  }
}

// --- memory --------------------------------------------------------------------------------------

static bool is_pinned(const struct Range *range) {
  return range->allocation && range->allocation->kind == MEMORY_PINNED;
}

bool strict_is_between_hosts(const struct Range *target, const struct Range *source) {
  return is_strict() && is_pinned(target) && is_pinned(source);
}

CUresult strict_wait_for_copy(const struct Stream *stream, struct Origin call) {
  struct Wait wait = {.call = call, .what = "its own copy between two places of the host"};
  uint64_t order = stream->last_order;
  while (stream->head && stream->head->order <= order && wait_for(&wait, stream)) continue;
  return context_state(stream->context);
}

static uint8_t old_data[OLD_DATA_BYTES];
static size_t old_size;

void strict_keep_old_data(const uint8_t *bytes, size_t size) {
  if (!is_strict()) return;
  old_size = size < OLD_DATA_BYTES ? size : OLD_DATA_BYTES;
  memcpy(old_data, bytes, old_size);
}

void strict_fill_with_old_data(uint8_t *bytes, size_t size) {
  if (!is_strict() || old_size == 0) return;
  for (size_t at = 0; at < size; at += old_size) {
    memcpy(bytes + at, old_data, size - at < old_size ? size - at : old_size);
  }
}
