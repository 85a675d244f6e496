// Contexts: the primary one of each device, those the application makes, and each thread's stack.
#include <stdlib.h>

#include "sim.h"

static __thread struct Context *stack[CONTEXT_STACK_DEPTH];
static __thread int depth;

static struct Context *primaries[MAX_DEVICES];

struct Context *context_current(void) { return depth ? stack[depth - 1] : NULL; }

void context_push(struct Context *context) {
  if (depth < CONTEXT_STACK_DEPTH) {
    stack[depth++] = context;
  } else {
    report_violation("a thread pushed more than %d contexts", CONTEXT_STACK_DEPTH);
  }
}

struct Context *context_pop(void) { return depth ? stack[--depth] : NULL; }

void context_set_current(struct Context *context) {
  if (depth) depth--;
  if (context) context_push(context);
}

struct Context *context_find(CUcontext handle) { return handle_object(HANDLE_CONTEXT, handle); }

struct Context *context_new(int device, unsigned flags) {
  struct Context *context = calloc(1, sizeof *context);
  if (!context) abort();
  context->handle = handle_add(HANDLE_CONTEXT, context);
  context->device = device;
  context->flags = flags;
  return context;
}

// Kept for good: a primary context that was given back has the same handle when retained again
// (believed of the real driver).
struct Context *context_primary(int device) {
  if (!primaries[device]) {
    primaries[device] = context_new(device, 0);
    primaries[device]->primary = true;
  }
  return primaries[device];
}

CUresult context_state(const struct Context *context) {
  return context->alive ? context->error : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

// Fails the process: all contexts, and those to come.
static void fail_process(CUresult code) {
  sim.fatal = code;
  for (long i = 0; i < handle_count(HANDLE_CONTEXT); i++) {
    struct Context *context = handle_nth(HANDLE_CONTEXT, i);
    if (context->alive && context->error == CUDA_SUCCESS) context->error = code;
  }
}

void context_fail(struct Context *context, CUresult code) {
  if (context->error != CUDA_SUCCESS) return;
  context->error = code;
  if (strict_is_fatal(code)) fail_process(code);
  stream_notice_all();
}

void context_fail_device(int device, CUresult code) {
  for (long i = 0; i < handle_count(HANDLE_CONTEXT); i++) {
    struct Context *context = handle_nth(HANDLE_CONTEXT, i);
    if (context->alive && context->device == device) context_fail(context, code);
  }
}

void context_end(struct Context *context, bool lost_is_a_leak) {
  context->alive = false;
  context->retained = 0;
  stream_end_context(context, lost_is_a_leak);
  sibling_end_context(context, lost_is_a_leak);
  event_end_context(context, lost_is_a_leak);
  module_end_context(context, lost_is_a_leak);
  memory_end_context(context, lost_is_a_leak);
  context->error = CUDA_SUCCESS;
  context->free_failed = false;
}

void context_note_failed_free(struct Context *context) {
  if (context) context->free_failed = true;
}

void context_reset(void) {
  for (long i = 0; i < handle_count(HANDLE_CONTEXT); i++) {
    struct Context *context = handle_nth(HANDLE_CONTEXT, i);
    if (context->alive) context_end(context, false);
  }
}

void context_count(struct Live *live, struct Text *leaks) {
  for (long i = 0; i < handle_count(HANDLE_CONTEXT); i++) {
    struct Context *context = handle_nth(HANDLE_CONTEXT, i);
    if (!context->alive) continue;
    live->contexts++;
    text_add(leaks, "context %ld of device %d, made by %s number %ld%s",
             handle_number(HANDLE_CONTEXT, context->handle), context->device, context->origin.call,
             context->origin.nth, context->free_failed ? "; its free was made to fail" : "");
  }
}
