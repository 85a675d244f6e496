// What CudaSim.java calls: configuration, faults, what has happened.
#include <jni.h>
#include <string.h>

#include "ptx.h"

#define CONTROL(result, name) \
  JNIEXPORT result JNICALL Java_io_pentrough_device_cuda_CudaSim_##name

// Generated from the imports of JCuda's native library: every call that there can be.
extern const char *const sim_imported_calls[];

static jstring to_java(JNIEnv *env, struct Text *text) {
  text_terminate(text);
  jstring string = (*env)->NewStringUTF(env, text->bytes);
  text_free(text);
  return string;
}

static void lock(void) {
  pthread_mutex_lock(&sim.lock);
  report_is_read();  // whoever controls the driver asks for its reports
}

static void unlock(void) { pthread_mutex_unlock(&sim.lock); }

CONTROL(void, reset0)(JNIEnv *env, jclass class) {
  (void)env, (void)class;
  lock();
  faults_clear();
  context_reset();
  race_report_touches();
  race_reset();
  report_reset();
  entry_reset();
  handle_reset_numbers();
  memory_reset_numbers();
  sim_set_defaults();
  schedule_configure(sim.schedule, sim.seed);
  unlock();
}

CONTROL(jboolean, configure0)(JNIEnv *env, jclass class, jstring schedule, jlong seed) {
  (void)class;
  const char *name = (*env)->GetStringUTFChars(env, schedule, NULL);
  if (!name) return false;
  lock();
  bool refused = stream_any_alive_or_busy();
  if (!refused) {
    schedule_configure(schedule_named(name), (uint64_t)seed);
    sim.configured = true;
    entry_reset();
  }
  unlock();
  (*env)->ReleaseStringUTFChars(env, schedule, name);
  return !refused;
}

static bool is_known(const char *name) {
  if (strncmp(name, "exec:", 5) == 0) return operation_is_name(name + 5);
  for (int i = 0; sim_imported_calls[i]; i++) {
    if (strcmp(sim_imported_calls[i], name) == 0) return true;
  }
  return sibling_has_call(name);
}

CONTROL(jboolean, fault0)(JNIEnv *env, jclass class, jstring call, jlong nth, jint code) {
  (void)class;
  const char *name = (*env)->GetStringUTFChars(env, call, NULL);
  if (!name) return false;
  lock();
  bool known = is_known(name);
  if (known) faults_add(name, nth, code);
  unlock();
  (*env)->ReleaseStringUTFChars(env, call, name);
  return known;
}

CONTROL(void, clearFaults0)(JNIEnv *env, jclass class) {
  (void)env, (void)class;
  lock();
  faults_clear();
  unlock();
}

CONTROL(jstring, calls0)(JNIEnv *env, jclass class) {
  (void)class;
  struct Text text = {0};
  lock();
  for (struct ApiCall *call = report_first_call(); call; call = call->next) {
    if (call->count) text_add(&text, "%s %ld", call->name, call->count);
  }
  unlock();
  return to_java(env, &text);
}

static void count(struct Live *live, struct Text *leaks) {
  context_count(live, leaks);
  stream_count(live, leaks);
  event_count(live, leaks);
  memory_count(live, leaks);
  module_count(live, leaks);
  sibling_count(live, leaks);
}

CONTROL(jlongArray, live0)(JNIEnv *env, jclass class) {
  (void)class;
  struct Live live = {0};
  struct Text unused = {0};
  lock();
  count(&live, &unused);
  unlock();
  text_free(&unused);
  jlong numbers[] = {live.device_buffers, live.device_bytes, live.pinned_buffers,
                     live.pinned_bytes,   live.streams,      live.events,
                     live.contexts,       live.modules,      live.library_handles};
  jsize size = sizeof numbers / sizeof *numbers;
  jlongArray array = (*env)->NewLongArray(env, size);
  if (array) (*env)->SetLongArrayRegion(env, array, 0, size, numbers);
  return array;
}

CONTROL(jstring, leaks0)(JNIEnv *env, jclass class) {
  (void)class;
  struct Live live = {0};
  lock();
  struct Text text = report_take_lost();
  count(&live, &text);
  unlock();
  return to_java(env, &text);
}

CONTROL(jstring, violations0)(JNIEnv *env, jclass class) {
  (void)class;
  lock();
  race_report_touches();
  struct Text text = report_take_violations();
  unlock();
  return to_java(env, &text);
}

CONTROL(jstring, log0)(JNIEnv *env, jclass class) {
  (void)class;
  lock();
  struct Text text = report_take_log();
  unlock();
  return to_java(env, &text);
}

CONTROL(jlong, pageableAsyncCopies0)(JNIEnv *env, jclass class) {
  (void)env, (void)class;
  lock();
  long count = report_pageable_async_copies();
  unlock();
  return count;
}

CONTROL(void, devices0)(JNIEnv *env, jclass class, jint devices, jint driver_version) {
  (void)env, (void)class;
  lock();
  sim.devices = devices;
  sim.driver_version = driver_version;
  unlock();
}

CONTROL(void, memory0)(JNIEnv *env, jclass class, jlong device_bytes, jlong pinned_bytes) {
  (void)env, (void)class;
  lock();
  if (device_bytes >= 0) sim.device_bytes = (uint64_t)device_bytes;
  if (pinned_bytes >= 0) sim.pinned_bytes = (uint64_t)pinned_bytes;
  unlock();
}

CONTROL(void, speed0)(JNIEnv *env, jclass class, jdouble bytes_per_ns, jlong latency_ns) {
  (void)env, (void)class;
  lock();
  sim.bytes_per_ns = bytes_per_ns;
  sim.latency_ns = (uint64_t)latency_ns;
  unlock();
}

CONTROL(void, lag0)(JNIEnv *env, jclass class, jlong lag_ns) {
  (void)env, (void)class;
  lock();
  sim.lag_ns = (uint64_t)lag_ns;
  unlock();
}

CONTROL(jint, waiting0)(JNIEnv *env, jclass class) {
  (void)env, (void)class;
  lock();
  int waiting = stream_threads_waiting();
  unlock();
  return waiting;
}

CONTROL(jboolean, settle0)(JNIEnv *env, jclass class, jlong handle) {
  (void)env, (void)class;
  lock();
  struct Stream *stream;
  bool found = stream_find((CUstream)handle, &stream) == CUDA_SUCCESS;
  if (found) stream_settle(stream);
  unlock();
  return found;
}

// Touches of memory as a stray pointer of the application makes them.
CONTROL(jbyte, peek0)(JNIEnv *env, jclass class, jlong address) {
  (void)env, (void)class;
  return *(volatile jbyte *)address;
}

CONTROL(void, poke0)(JNIEnv *env, jclass class, jlong address, jbyte value) {
  (void)env, (void)class;
  *(volatile jbyte *)address = value;
}

CONTROL(void, killContext0)(JNIEnv *env, jclass class, jint device, jint code) {
  (void)env, (void)class;
  lock();
  context_fail_device(device, code);
  unlock();
}

CONTROL(void, newestPtx0)(JNIEnv *env, jclass class, jint version) {
  (void)env, (void)class;
  lock();
  sim.newest_ptx = version;
  unlock();
}

CONTROL(void, kernelLimit0)(JNIEnv *env, jclass class, jlong limit_ns) {
  (void)env, (void)class;
  lock();
  sim.kernel_limit_ns = (uint64_t)limit_ns;
  unlock();
}

CONTROL(void, patience0)(JNIEnv *env, jclass class, jlong patience_ns) {
  (void)env, (void)class;
  lock();
  sim.patience_ns = (uint64_t)patience_ns;
  unlock();
}

CONTROL(void, hardwareQueues0)(JNIEnv *env, jclass class, jint queues) {
  (void)env, (void)class;
  lock();
  sim.hardware_queues = queues;
  unlock();
}

CONTROL(jstring, coverage0)(JNIEnv *env, jclass class, jstring ptx) {
  (void)class;
  const char *source = (*env)->GetStringUTFChars(env, ptx, NULL);
  if (!source) return NULL;
  struct Text text = {0};
  ptx_coverage(source, &text);
  (*env)->ReleaseStringUTFChars(env, ptx, source);
  return to_java(env, &text);
}

CONTROL(void, clearCoverage0)(JNIEnv *env, jclass class) {
  (void)env, (void)class;
  ptx_clear_coverage();
}
