// The driver's state as a whole: defaults, time, threads.
#define _GNU_SOURCE
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct Sim sim = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((constructor)) static void load(void) {
  sim_init_condition(&sim.progress);
  sim_set_defaults();
}

void sim_set_defaults(void) {
  sim.lag_ns = 2000000;
  sim.bytes_per_ns = 0;
  sim.latency_ns = 0;
  sim.devices = 2;
  sim.driver_version = 12060;
  sim.newest_ptx = 85;
  sim.kernel_limit_ns = 30000000000;
  sim.device_bytes = 1ull << 30;
  sim.pinned_bytes = 4ull << 30;
  sim.patience_ns = 5000000000;
  sim.hardware_queues = 8;
  sim.fatal = CUDA_SUCCESS;
}

uint64_t sim_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sim_init_condition(pthread_cond_t *condition) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

void sim_wait_until(pthread_cond_t *condition, uint64_t until_ns) {
  struct timespec until = {(time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u)};
  pthread_cond_timedwait(condition, &sim.lock, &until);
}

void sim_start_thread(const char *name, void *(*body)(void *), void *argument) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // But not those that a thread raises itself: host functions run Java, and the JVM lives on them.
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGILL);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
  pthread_t thread;
  int refused = pthread_create(&thread, NULL, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (refused) {
    // Without its thread a stream would hang; better a loud end of a test run.
    fprintf(stderr, "software CUDA: cannot start thread %s: error %d\n", name, refused);
    abort();
  }
  pthread_setname_np(thread, name);
  pthread_detach(thread);
}
