// Who runs the streams, and when: the five schedules.
//
// threads, lag, race and strict have a thread for each stream that runs its operations as they become ready
// (stream_readiness says LATE in lag and race). Seeded has none: a thread that calls the driver runs
// some operations before its call goes on, and a sequence of random numbers says how many and whose.
// So the order of calls and the seed fix everything that happens.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
  LOOK_AT_WORD_NS = 100000,          // how often a stream looks at a word it waits for
  MAX_IDLE_TURNS = 8,                // then a turn runs something: polling always gets there
  MAX_SLEEP_TURNS = 32,
  MAX_CHOICES = 256,
  SLOW_HOST_FUNCTION_NS = 2000000000
};

// --- random choices ------------------------------------------------------------------------------

static uint64_t random_state;
static uint64_t turn;
static int idle_turns;  // since a step

// splitmix64 (public domain, Sebastiano Vigna)
static uint64_t next_random(void) {
  uint64_t z = (random_state += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// One in three operations puts its stream to sleep for some turns, so that streams fall far behind
// each other, which uniform choices hardly ever let happen.
static void fall_asleep(struct Stream *stream) {
  uint64_t random = next_random();
  if (random % 3 == 0) stream->asleep_until = turn + (random >> 2) % MAX_SLEEP_TURNS;
}

void schedule_queued(struct Stream *stream) {
  if (sim.schedule == SCHEDULE_SEEDED) {
    fall_asleep(stream);
  } else {
    schedule_notice(stream);
  }
}

// A ready stream, one that sleeps only if all do and `wake` says so.
static struct Stream *choose(bool wake) {
  struct Stream *awake[MAX_CHOICES];
  struct Stream *asleep[MAX_CHOICES];
  uint64_t awake_count = 0;
  uint64_t asleep_count = 0;
  for (struct Stream *stream = stream_first_active(); stream; stream = stream->next_active) {
    if (stream_readiness(stream) != READY) continue;
    if (stream->asleep_until > turn) {
      if (asleep_count < MAX_CHOICES) asleep[asleep_count++] = stream;
    } else if (awake_count < MAX_CHOICES) {
      awake[awake_count++] = stream;
    }
  }
  if (awake_count) return awake[next_random() % awake_count];
  return wake && asleep_count ? asleep[next_random() % asleep_count] : NULL;
}

static bool step(bool wake) {
  struct Stream *stream = choose(wake);
  if (!stream) return false;
  idle_turns = 0;
  stream_run_head(stream);
  return true;
}

void schedule_turn(void) {
  if (sim.schedule != SCHEDULE_SEEDED) return;
  turn++;
  // Mostly nothing, sometimes one step, seldom a few: queues must have time to fill.
  uint64_t random = next_random();
  int steps = random % 8 < 5 ? 0 : (int)(random % 8) - 4;
  while (steps-- > 0 && step(false)) continue;
  if (++idle_turns >= MAX_IDLE_TURNS) step(true);
}

// --- waiting for the driver ----------------------------------------------------------------------

// A stream may be ready that was not a moment ago: the host writes words without the lock.
static bool something_else_may_happen(void) {
  for (struct Stream *stream = stream_first_active(); stream; stream = stream->next_active) {
    if (stream->running || stream_readiness(stream) != HELD) return true;
  }
  return false;
}

bool schedule_let_go_on(void) {
  if (sim.schedule != SCHEDULE_SEEDED) {
    pthread_cond_wait(&sim.progress, &sim.lock);
    return true;
  }
  if (step(true)) return true;
  if (!something_else_may_happen()) return false;
  // The host may write the word, or another thread's step is running a host function.
  sim_wait_until(&sim.progress, sim_now_ns() + LOOK_AT_WORD_NS);
  return true;
}

// --- a thread for each stream ----------------------------------------------------------------------

static void work_or_wait(struct Stream *stream) {
  if (sim.schedule == SCHEDULE_SEEDED) {  // a default stream's thread, from an earlier schedule
    pthread_cond_wait(&stream->work, &sim.lock);
    return;
  }
  switch (stream_readiness(stream)) {
    case READY:
      stream_run_head(stream);
      break;
    case HELD:
      pthread_cond_wait(&stream->work, &sim.lock);
      break;
    case HELD_BY_WORD:
      sim_wait_until(&stream->work, sim_now_ns() + LOOK_AT_WORD_NS);
      break;
    case LATE:
      sim_wait_until(&stream->work, stream_due_ns(stream));
      break;
  }
}

static void *run_stream(void *argument) {
  struct Stream *stream = argument;
  pthread_mutex_lock(&sim.lock);
  while (stream->alive || stream->head) work_or_wait(stream);
  stream->has_worker = false;
  pthread_mutex_unlock(&sim.lock);
  return NULL;
}

void schedule_notice(struct Stream *stream) {
  if (stream->has_worker) {
    pthread_cond_signal(&stream->work);
  } else if (sim.schedule != SCHEDULE_SEEDED && stream->head) {
    stream->has_worker = true;
    sim_start_thread("cuda-stream", run_stream, stream);
  }
}

// --- host functions --------------------------------------------------------------------------------

static struct {
  struct Operation *operation;
  bool started;
  pthread_cond_t changed;
} host_thread;

__attribute__((constructor)) static void make_host_thread(void) {
  sim_init_condition(&host_thread.changed);
}

// Called without the lock.
static void call_host_function(struct Operation *operation) {
  sim_set_driver_thread(true);
  if (operation->kind == OPERATION_CALLBACK) {
    operation->callback(operation->stream->handle, operation->status, operation->user_data);
  } else {
    operation->host_function(operation->user_data);
  }
  sim_set_driver_thread(false);
}

static void *run_host_functions(void *unused) {
  pthread_mutex_lock(&sim.lock);
  for (;;) {
    while (!host_thread.operation) pthread_cond_wait(&host_thread.changed, &sim.lock);
    struct Operation *operation = host_thread.operation;
    pthread_mutex_unlock(&sim.lock);
    call_host_function(operation);
    pthread_mutex_lock(&sim.lock);
    host_thread.operation = NULL;
    pthread_cond_broadcast(&host_thread.changed);
  }
  return unused;
}

static void wait_for_host_thread(const struct Operation *operation) {
  uint64_t slow = sim_now_ns() + SLOW_HOST_FUNCTION_NS;
  while (host_thread.operation == operation) {
    sim_wait_until(&host_thread.changed, slow);
    if (host_thread.operation == operation && sim_now_ns() > slow) {
      fprintf(stderr, "software CUDA: a host function has run for 2 s; in the seeded schedule the"
                      " thread whose call runs it waits for it, so it must not wait for them\n");
      slow += 30 * (uint64_t)SLOW_HOST_FUNCTION_NS;
    }
  }
}

static void hand_to_host_thread(struct Operation *operation) {
  if (!host_thread.started) {
    host_thread.started = true;
    sim_start_thread("cuda-host", run_host_functions, NULL);
  }
  while (host_thread.operation) pthread_cond_wait(&host_thread.changed, &sim.lock);
  host_thread.operation = operation;
  pthread_cond_broadcast(&host_thread.changed);
  wait_for_host_thread(operation);
}

void schedule_run_host_function(struct Operation *operation) {
  if (sim.schedule == SCHEDULE_SEEDED) {
    hand_to_host_thread(operation);
    return;
  }
  pthread_mutex_unlock(&sim.lock);
  call_host_function(operation);
  pthread_mutex_lock(&sim.lock);
}

// --- configuration -----------------------------------------------------------------------------------

enum Schedule schedule_named(const char *name) {
  if (strcmp(name, "SEEDED") == 0) return SCHEDULE_SEEDED;
  if (strcmp(name, "LAG") == 0) return SCHEDULE_LAG;
  if (strcmp(name, "RACE") == 0) return SCHEDULE_RACE;
  if (strcmp(name, "STRICT") == 0) return SCHEDULE_STRICT;
  return SCHEDULE_THREADS;
}

bool schedule_from_environment(void) {
  const char *wanted = getenv("SOFTWARE_CUDA_SCHEDULE");
  if (!wanted || !*wanted) return true;
  char name[16] = "";
  unsigned long long seed = 0;
  char digits[20] = "";
  int end = 0;
  sscanf(wanted, "%15[A-Z]%n:%18[0-9]%n", name, &end, digits, &end);
  sscanf(digits, "%llu", &seed);
  enum Schedule schedule = schedule_named(name);
  bool unknown = schedule == SCHEDULE_THREADS && strcmp(name, "THREADS") != 0;
  if (unknown || wanted[end] || (*digits && schedule != SCHEDULE_SEEDED)) {
    fprintf(stderr,
            "software CUDA: SOFTWARE_CUDA_SCHEDULE is '%s': there are THREADS, LAG, RACE, STRICT"
            " and SEEDED, or SEEDED:7 for another seed than 0\n",
            wanted);
    return false;
  }
  schedule_configure(schedule, seed);
  return true;
}

void schedule_configure(enum Schedule schedule, uint64_t seed) {
  sim.schedule = schedule;
  sim.seed = seed;
  random_state = seed;
  turn = 0;
  idle_turns = 0;
}
