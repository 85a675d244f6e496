// What the driver tells the tests: calls by name, violations in words, what was lost, and the log
// of the seeded schedule.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { MAX_TEXT = 8 << 20, MAX_PRINTED = 64 << 10 };

static struct ApiCall *calls;
static struct Text violations;
static struct Text lost;
static struct Text call_log;
static long pageable_async_copies;
static bool is_read;

void text_add_list(struct Text *text, const char *format, va_list arguments) {
  char line[1024];
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
  line[length++] = '\n';
  if (text->size + (size_t)length > MAX_TEXT) return;  // a runaway test; its beginning is enough
  if (text->size + (size_t)length > text->capacity) {
    text->capacity = 2 * (text->capacity + sizeof line);
    text->bytes = realloc(text->bytes, text->capacity);
    if (!text->bytes) abort();
  }
  memcpy(text->bytes + text->size, line, (size_t)length);
  text->size += (size_t)length;
}

void text_add(struct Text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text_add_list(text, format, arguments);
  va_end(arguments);
}

void text_terminate(struct Text *text) {
  text->bytes = realloc(text->bytes, text->size + 1);
  if (!text->bytes) abort();
  text->bytes[text->size] = 0;
}

void text_free(struct Text *text) {
  free(text->bytes);
  *text = (struct Text){0};
}

static struct Text take(struct Text *text) {
  struct Text taken = *text;
  *text = (struct Text){0};
  return taken;
}

struct ApiCall *report_call(const char *name) {
  for (struct ApiCall *call = calls; call; call = call->next) {
    if (strcmp(call->name, name) == 0) return call;
  }
  struct ApiCall *call = calloc(1, sizeof *call);
  if (!call) abort();
  call->name = name;
  call->next = calls;
  calls = call;
  return call;
}

struct ApiCall *report_first_call(void) { return calls; }

void report_is_read(void) { is_read = true; }

// To stderr too, once, unless somebody reads the reports: a user's own program does not.
void report_violation(const char *format, ...) {
  char line[1000];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  bool is_new = !violations.size || !memmem(violations.bytes, violations.size, line, strlen(line));
  if (is_new && !is_read && violations.size < MAX_PRINTED) {
    fprintf(stderr, "software CUDA: violation: %s\n", line);
  }
  text_add(&violations, "%s", line);
}

struct Text *report_lost_text(void) { return &lost; }

void report_log(const char *format, ...) {
  if (sim.schedule != SCHEDULE_SEEDED) return;
  va_list arguments;
  va_start(arguments, format);
  text_add_list(&call_log, format, arguments);
  va_end(arguments);
}

void report_pageable_async_copy(void) { pageable_async_copies++; }

long report_pageable_async_copies(void) { return pageable_async_copies; }

struct Text report_take_violations(void) { return take(&violations); }

struct Text report_take_lost(void) { return take(&lost); }

struct Text report_take_log(void) { return take(&call_log); }

void report_reset(void) {
  for (struct ApiCall *call = calls; call; call = call->next) call->count = 0;
  text_free(&violations);
  text_free(&lost);
  text_free(&call_log);
  pageable_async_copies = 0;
}
