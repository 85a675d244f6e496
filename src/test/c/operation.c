// The operations that streams are made of: what each does when its turn comes.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

static const char *const names[] = {
    [OPERATION_COPY_TO_DEVICE] = "copyHtoD",
    [OPERATION_COPY_TO_HOST] = "copyDtoH",
    [OPERATION_COPY_ON_DEVICE] = "copyDtoD",
    [OPERATION_SET] = "memset",
    [OPERATION_RECORD] = "record",
    [OPERATION_WAIT] = "wait",
    [OPERATION_WAIT_VALUE] = "waitValue",
    [OPERATION_WRITE_VALUE] = "writeValue",
    [OPERATION_HOST_FUNCTION] = "hostFunction",
    [OPERATION_CALLBACK] = "callback",
    [OPERATION_KERNEL] = "kernel",
};

const char *operation_name(enum OperationKind kind) { return names[kind]; }

bool operation_is_name(const char *name) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

struct Operation *operation_new(enum OperationKind kind, struct Origin origin) {
  struct Operation *operation = calloc(1, sizeof *operation);
  if (!operation) abort();
  operation->kind = kind;
  operation->origin = origin;
  return operation;
}

void operation_free(struct Operation *operation) {
  mark_release(operation->mark);
  if (operation->end_kernel) operation->end_kernel(operation->arguments);
  free(operation);
}

// --- copies --------------------------------------------------------------------------------------

// One copy engine per device and direction, as on most GPUs: with a simulated bandwidth, copies of
// one direction share it.
static pthread_mutex_t engines[MAX_DEVICES][3];

__attribute__((constructor)) static void make_engines(void) {
  for (int device = 0; device < MAX_DEVICES; device++) {
    for (int i = 0; i < 3; i++) pthread_mutex_init(&engines[device][i], NULL);
  }
}

// Sleeps, but for the last part: a sleep ends some 60 us late, and copies may be shorter.
static void wait_until(uint64_t time_ns) {
  uint64_t wake_ns = time_ns - 100000u;
  struct timespec until = {(time_t)(wake_ns / 1000000000u), (long)(wake_ns % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
  while (sim_now_ns() < time_ns) continue;
}

static void move(const struct Operation *copy) {
  memmove(copy->target.bytes, copy->source.bytes, copy->target.size);
}

static void move_at_speed(const struct Operation *copy, double bytes_per_ns, uint64_t latency_ns) {
  pthread_mutex_t *engine =
      &engines[copy->stream->context->device][copy->kind - OPERATION_COPY_TO_DEVICE];
  pthread_mutex_lock(engine);
  uint64_t end = sim_now_ns() + latency_ns;
  if (bytes_per_ns > 0) end += (uint64_t)((double)copy->target.size / bytes_per_ns);
  move(copy);
  wait_until(end);
  pthread_mutex_unlock(engine);
}

static void copy(const struct Operation *operation) {
  if (sim.schedule == SCHEDULE_SEEDED) {  // time does not exist there, nor does parallelism
    move(operation);
    return;
  }
  double bytes_per_ns = sim.bytes_per_ns;
  uint64_t latency_ns = sim.latency_ns;
  pthread_mutex_unlock(&sim.lock);
  if (bytes_per_ns > 0 || latency_ns > 0) {
    move_at_speed(operation, bytes_per_ns, latency_ns);
  } else {
    move(operation);
  }
  pthread_mutex_lock(&sim.lock);
}

static void set(const struct Operation *operation) {
  size_t step = operation->value_bytes;
  for (size_t i = 0; i + step <= operation->target.size; i += step) {
    memcpy(operation->target.bytes + i, &operation->value, step);
  }
}

// --- words that streams wait for -------------------------------------------------------------------

static uint64_t read_word(const struct Operation *operation) {
  const void *word = operation->target.bytes;
  return operation->value_bytes == 4 ? __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE)
                                     : __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE);
}

static void write_word(const struct Operation *operation) {
  void *word = operation->target.bytes;
  if (operation->value_bytes == 4) {
    __atomic_store_n((uint32_t *)word, (uint32_t)operation->value, __ATOMIC_RELEASE);
  } else {
    __atomic_store_n((uint64_t *)word, operation->value, __ATOMIC_RELEASE);
  }
}

bool operation_value_reached(const struct Operation *operation) {
  if (operation->target.allocation->being_freed) return true;  // reported; it must not hang too
  uint64_t word = read_word(operation);
  uint64_t value = operation->value;
  bool narrow = operation->value_bytes == 4;
  switch (operation->condition & ~(unsigned)CU_STREAM_WAIT_VALUE_FLUSH) {
    case CU_STREAM_WAIT_VALUE_GEQ:  // cyclic, as documented
      return narrow ? (int32_t)((uint32_t)word - (uint32_t)value) >= 0
                    : (int64_t)(word - value) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ:
      return word == value;
    case CU_STREAM_WAIT_VALUE_AND:
      return (word & value) != 0;
    default: {  // NOR
      uint64_t nor = ~(word | value);
      return (narrow ? (uint32_t)nor : nor) != 0;
    }
  }
}

// --- functions of the host -------------------------------------------------------------------------

static CUresult run_kernel(const struct Operation *operation) {
  // In the seeded schedule no other call may see it half done.
  if (sim.schedule == SCHEDULE_SEEDED) return operation->kernel(operation->arguments);
  pthread_mutex_unlock(&sim.lock);
  CUresult result = operation->kernel(operation->arguments);
  pthread_mutex_lock(&sim.lock);
  return result;
}

CUresult operation_perform(struct Operation *operation) {
  switch (operation->kind) {
    case OPERATION_COPY_TO_DEVICE:
    case OPERATION_COPY_TO_HOST:
    case OPERATION_COPY_ON_DEVICE:
      copy(operation);
      return CUDA_SUCCESS;
    case OPERATION_SET:
      set(operation);
      return CUDA_SUCCESS;
    case OPERATION_WRITE_VALUE:
      write_word(operation);
      return CUDA_SUCCESS;
    case OPERATION_HOST_FUNCTION:
    case OPERATION_CALLBACK:
      schedule_run_host_function(operation);
      return CUDA_SUCCESS;
    case OPERATION_KERNEL:
      return run_kernel(operation);
    default:  // marks and waits are the queue's business
      return CUDA_SUCCESS;
  }
}
