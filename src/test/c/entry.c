// The way into every driver call: lock, count, log, and the refusals that have nothing to do with
// the call's arguments.
#include "sim.h"

static __thread int thread_number;
static __thread long thread_epoch;
static __thread long thread_id;
static __thread bool on_driver_thread;

static long epoch = 1;
static int next_thread = 1;
static long next_id = 1;

void sim_set_driver_thread(bool on) { on_driver_thread = on; }

bool sim_on_driver_thread(void) { return on_driver_thread; }

int sim_thread_number(void) {
  if (thread_epoch != epoch) {
    thread_epoch = epoch;
    thread_number = next_thread++;
  }
  return thread_number;
}

long sim_thread_id(void) {
  if (!thread_id) thread_id = next_id++;
  return thread_id;
}

void entry_reset(void) {
  epoch++;
  next_thread = 1;
}

static CUresult check_context(enum Needs needs) {
  struct Context *context = context_current();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  strict_let_others_wait(context);
  if (!context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  return needs == NEEDS_SOUND_CONTEXT ? context->error : CUDA_SUCCESS;
}

CUresult sim_enter(struct Entry *entry, struct ApiCall **call, const char *name, enum Needs needs) {
  pthread_mutex_lock(&sim.lock);
  entry->locked = true;
  if (!*call) *call = report_call(name);
  (*call)->count++;
  report_log("thread %d: %s", sim_thread_number(), name);

  CUresult fault = faults_take(name);
  entry->faulted = fault != CUDA_SUCCESS;
  if (entry->faulted) return fault;
  if (on_driver_thread && needs != NEEDS_NOTHING) {
    report_violation("%s was called inside a host function: no driver call is allowed there", name);
    return CUDA_ERROR_NOT_PERMITTED;
  }
  if (needs >= NEEDS_INIT && !sim.initialised) return CUDA_ERROR_NOT_INITIALIZED;
  return needs >= NEEDS_CONTEXT ? check_context(needs) : CUDA_SUCCESS;
}

void sim_leave(struct Entry *entry) {
  if (entry->locked) pthread_mutex_unlock(&sim.lock);
}

CUresult sim_unsupported(struct ApiCall **call, const char *name) {
  struct Entry entry __attribute__((cleanup(sim_leave))) = {false, false};
  TRY(sim_enter(&entry, call, name, NEEDS_NOTHING));
  report_violation("%s is not part of the software driver", name);
  return CUDA_ERROR_NOT_SUPPORTED;
}
