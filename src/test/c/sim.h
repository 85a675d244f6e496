// The inside of the software driver: what its files say to each other.
//
// One lock, sim.lock, guards all state. An entry point takes it in ENTER and gives it back when it
// returns; whatever takes long (a copy's bytes, a host function, a wait) lets go of it meanwhile.
// That is slower than a real driver and simple to reason about; nobody measures this one.
#ifndef SIM_H
#define SIM_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "cuda_types.h"

enum { MAX_DEVICES = 8, PAGE_BYTES = 4096, CONTEXT_STACK_DEPTH = 32 };

enum Schedule { SCHEDULE_THREADS, SCHEDULE_SEEDED, SCHEDULE_LAG, SCHEDULE_RACE, SCHEDULE_STRICT };

// What the driver's sibling, libcublas.so.12, uses as if it were one of the driver's files.
#define SIBLING __attribute__((visibility("default")))

struct Sim {
  pthread_mutex_t lock;
  pthread_cond_t progress;  // broadcast whenever an operation has ended or a context has failed
  bool initialised;

  enum Schedule schedule;
  uint64_t seed;
  bool configured;  // by a test: the environment says nothing then
  uint64_t lag_ns;
  double bytes_per_ns;  // of a copy engine; 0: as fast as it goes
  uint64_t latency_ns;  // of each copy

  int devices;
  int driver_version;
  uint64_t kernel_limit_ns;  // longer, and it counts as one that never ends
  int newest_ptx;  // 85: versions up to 8.5 are taken, as by a driver of CUDA 12.6
  uint64_t device_bytes;  // the size of each device's memory
  uint64_t pinned_bytes;  // how much host memory may be pinned

  uint64_t patience_ns;  // strict: a call that has waited so long for nothing will wait for ever
  int hardware_queues;   // strict: of each context
  CUresult fatal;        // strict: what the process has failed with
};

extern struct Sim sim;

void sim_set_defaults(void);
uint64_t sim_now_ns(void);
// Waits for `condition` until the monotonic time `until_ns`; gives up sim.lock meanwhile.
void sim_wait_until(pthread_cond_t *condition, uint64_t until_ns);
void sim_init_condition(pthread_cond_t *condition);
// Starts a detached thread that no signal is delivered to: they are the JVM's.
void sim_start_thread(const char *name, void *(*body)(void *), void *argument);

// --- entry.c: the way into every driver call -------------------------------------------------

// What a call insists on before it looks at its arguments, besides not being made to fail.
enum Needs {
  NEEDS_NOTHING,      // may be called before cuInit
  NEEDS_INIT,
  NEEDS_CONTEXT,      // a current context that is alive; it may have failed
  NEEDS_SOUND_CONTEXT // ... and has not failed
};

struct ApiCall {
  const char *name;
  long count;
  struct ApiCall *next;
};

// Which call made an object or queued an operation, for reports.
struct Origin {
  const char *call;
  long nth;  // the n-th call of that name since the last reset
};

struct Entry {
  bool locked;
  bool faulted;  // refused because a test ordered it
};

// Takes sim.lock, counts and logs the call, and says whether it may go on.
SIBLING CUresult sim_enter(struct Entry *entry, struct ApiCall **call, const char *name, enum Needs needs);
SIBLING void sim_leave(struct Entry *entry);
// The whole of a call that this driver does not have.
CUresult sim_unsupported(struct ApiCall **call, const char *name);

// First line of every entry point. The cleanup attribute gives the lock back on every return.
#define ENTER(needs) ENTER_RELEASE(needs, (void)0)

// For calls that give something back: `on_fault` runs if a test has ordered this one to fail.
#define ENTER_RELEASE(needs, on_fault)                                      \
  static struct ApiCall *entry_call;                                        \
  struct Entry entry __attribute__((cleanup(sim_leave))) = {false, false};  \
  do {                                                                      \
    CUresult refused = sim_enter(&entry, &entry_call, __func__, (needs));   \
    if (entry.faulted) on_fault;                                            \
    if (refused != CUDA_SUCCESS) return refused;                            \
  } while (0)

#define TRY(step)                              \
  do {                                         \
    CUresult result = (step);                  \
    if (result != CUDA_SUCCESS) return result; \
  } while (0)

// What the current entry point makes was made by it.
#define THIS_CALL ((struct Origin){entry_call->name, entry_call->count})

// True on a thread that runs a host function.
bool sim_on_driver_thread(void);
void sim_set_driver_thread(bool on);
// Small numbers for threads, in the order of their first call since the last reset.
int sim_thread_number(void);
// The same for as long as the thread lives.
long sim_thread_id(void);
void entry_reset(void);

// --- report.c: counters, violations, the log --------------------------------------------------

struct ApiCall *report_call(const char *name);
struct ApiCall *report_first_call(void);
void report_is_read(void);  // by a test: nothing is printed from now on
SIBLING void report_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
SIBLING void report_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_pageable_async_copy(void);
long report_pageable_async_copies(void);
void report_reset(void);

// Lines of text that grow; what the control interface takes out.
struct Text {
  char *bytes;
  size_t size;
  size_t capacity;
};
SIBLING void text_add(struct Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_list(struct Text *text, const char *format, va_list arguments);
void text_terminate(struct Text *text);
void text_free(struct Text *text);
// Objects that were still there when their context ended: leaks that no longer live.
SIBLING struct Text *report_lost_text(void);
// Each hands over the text and starts afresh; the caller frees it.
struct Text report_take_violations(void);
struct Text report_take_lost(void);
struct Text report_take_log(void);

struct Live {
  long device_buffers;
  long device_bytes;
  long pinned_buffers;
  long pinned_bytes;
  long streams;
  long events;
  long contexts;
  long modules;
  long library_handles;  // of siblings
};

// --- faults.c ----------------------------------------------------------------------------------

// The code that this occurrence of `name` is to fail with, or CUDA_SUCCESS.
CUresult faults_take(const char *name);
void faults_add(const char *name, long nth, CUresult code);
void faults_clear(void);

// --- handle.c ------------------------------------------------------------------------------------

enum HandleKind { HANDLE_CONTEXT, HANDLE_STREAM, HANDLE_EVENT, HANDLE_GRAPH, HANDLE_MODULE,
                  HANDLE_FUNCTION, HANDLE_CUBLAS, HANDLE_KINDS };

SIBLING uint64_t handle_add(enum HandleKind kind, void *object);
// The object, dead or alive, or null if no such handle was ever given out.
SIBLING void *handle_object(enum HandleKind kind, uint64_t handle);
// For people: 1 for the first of its kind since the last reset.
SIBLING long handle_number(enum HandleKind kind, uint64_t handle);
void handle_reset_numbers(void);
// The first that may be alive: a reset ends all but the primary contexts.
SIBLING long handle_first(enum HandleKind kind);
SIBLING long handle_count(enum HandleKind kind);
SIBLING void *handle_nth(enum HandleKind kind, long index);

// --- context.c -----------------------------------------------------------------------------------

struct Stream;
struct Operation;

struct Context {
  CUcontext handle;
  int device;
  unsigned flags;
  bool primary;
  long retained;  // of a primary context
  bool alive;
  CUresult error;  // sticky: what the first failed operation failed with
  struct Stream *legacy;
  struct Stream *per_thread;  // a list, by Stream.next_per_thread
  long streams;     // ever made
  long waiting_thread;  // strict: whose call waits for all of the context; 0 if none
  struct Origin origin;
  bool free_failed;
};

SIBLING struct Context *context_current(void);
struct Context *context_find(CUcontext handle);
// What work queued in it ends with.
CUresult context_state(const struct Context *context);
struct Context *context_primary(int device);
struct Context *context_new(int device, unsigned flags);
void context_push(struct Context *context);
struct Context *context_pop(void);
void context_set_current(struct Context *context);
// Poisons the context: whatever is queued ends without running, and all calls answer `code`.
void context_fail(struct Context *context, CUresult code);
// Ends the context and all that is in it. `lost_is_a_leak` says whether to report what was left.
void context_end(struct Context *context, bool lost_is_a_leak);
void context_fail_device(int device, CUresult code);
void context_reset(void);
void context_note_failed_free(struct Context *context);
void context_count(struct Live *live, struct Text *leaks);

// --- module.c ------------------------------------------------------------------------------------

void module_end_context(struct Context *context, bool lost_is_a_leak);
void module_count(struct Live *live, struct Text *leaks);

// --- sibling.c: libraries that stand on this driver -----------------------------------------------

struct Sibling {
  const char *const *calls;  // every call that there can be; the last is null
  void (*end_context)(struct Context *context, bool lost_is_a_leak);
  void (*count)(struct Live *live, struct Text *leaks);
  struct Sibling *next;
};

// Once, when the library is loaded.
SIBLING void sibling_register(struct Sibling *sibling);
bool sibling_has_call(const char *name);
void sibling_end_context(struct Context *context, bool lost_is_a_leak);
void sibling_count(struct Live *live, struct Text *leaks);

// --- backing.c -----------------------------------------------------------------------------------

enum MemoryKind { MEMORY_DEVICE, MEMORY_PINNED, MEMORY_KINDS };

// Memory that is mapped for the driver.
struct Backing {
  uint8_t *bytes;
  size_t capacity;
  enum MemoryKind kind;
};

// False if the machine has no more. What the memory holds is undefined.
bool backing_take(enum MemoryKind kind, size_t capacity, struct Backing *taken);

// Maps pinned memory once more, for the application. False if the machine refuses.
bool backing_show(const struct Backing *backing, uint64_t address);

// `seen`: the application or a running kernel may still use it, so nobody else must get it.
void backing_give(struct Backing *backing, bool seen);

// --- memory.c ------------------------------------------------------------------------------------

struct Page;

struct Allocation {
  uint64_t address;  // as the application sees it
  size_t size;
  size_t capacity;  // `size` in whole pages, or a little more
  struct Backing backing;  // the driver's own view of the memory
  enum MemoryKind kind;
  struct Context *context;
  bool freed;
  bool being_freed;
  bool free_failed;  // a free was made to fail
  int in_use;          // by how many queued or running operations
  struct Page *pages;  // of pinned memory: who uses them (see race.c)
  long number;
  struct Origin origin;
};

// A piece of memory that an operation uses.
struct Range {
  struct Allocation *allocation;  // null if pageable
  uint64_t address;
  size_t size;
  uint8_t *bytes;  // where the driver reads or writes it
};

void memory_init(void);
CUresult memory_allocate(
    struct Context *context, enum MemoryKind kind, size_t size, struct Origin origin,
    uint64_t *address);
// The allocation that `address` lies in or just behind (in its guard), dead or alive. Takes no
// lock: signal handlers may call it.
SIBLING struct Allocation *memory_find(uint64_t address);
SIBLING bool memory_in_device_window(uint64_t address);
// Where `size` bytes at `address` are; reports and refuses what is dead, foreign or out of bounds.
CUresult memory_device_range(
    struct Context *context, uint64_t address, size_t size, struct Range *range);
CUresult memory_host_range(uint64_t address, size_t size, struct Range *range);
// The live allocation that begins at `address`, or null and a report that names `call`.
struct Allocation *memory_to_free(enum MemoryKind kind, uint64_t address, const char *call);
// Ends an unused allocation. Pinned memory may be left `readable`, so that a thread that still has
// it does not take the JVM down.
void memory_free(struct Allocation *allocation, bool readable);
void memory_use(const struct Range *range, bool written, const struct Operation *by);
void memory_release(const struct Range *range, bool written, const struct Operation *by);
void memory_note_failed_free(uint64_t address);
uint64_t memory_device_bytes_used(int device);
void memory_end_context(struct Context *context, bool lost_is_a_leak);
void memory_reset_numbers(void);
void memory_count(struct Live *live, struct Text *leaks);
// For kernels and cuBLAS: the bytes behind a device address, or null. Needs no lock; the caller's
// operation keeps the allocation in use.
void *sim_device_pointer(CUdeviceptr address, size_t size, bool write);

// --- event.c -------------------------------------------------------------------------------------

enum MarkState { MARK_PENDING, MARK_COMPLETE, MARK_FAILED };

// A place in a stream. An event points at its latest one; a stream that waits keeps the one it
// saw, so recording the event again or destroying it changes nothing for the waiting stream.
struct Mark {
  int references;
  enum MarkState state;
  CUresult error;
  uint64_t time_ns;
  struct Stream *stream;
  bool captured;  // recorded into a capture: it never runs
};

struct Event {
  CUevent handle;
  struct Context *context;
  unsigned flags;
  bool alive;
  struct Mark *mark;  // null if never recorded
  struct Origin origin;
  bool free_failed;
};

struct Mark *mark_new(struct Stream *stream);
struct Mark *mark_share(struct Mark *mark);
void mark_release(struct Mark *mark);
struct Event *event_new(struct Context *context, unsigned flags, struct Origin origin);
CUresult event_find(CUevent handle, struct Event **event);
void event_set_mark(struct Event *event, struct Mark *mark);
void event_destroy(struct Event *event);
void event_note_failed_free(CUevent handle);
void event_end_context(struct Context *context, bool lost_is_a_leak);
void event_count(struct Live *live, struct Text *leaks);

// --- operation.c: what streams are made of -------------------------------------------------------

enum OperationKind {
  OPERATION_COPY_TO_DEVICE,
  OPERATION_COPY_TO_HOST,
  OPERATION_COPY_ON_DEVICE,
  OPERATION_SET,
  OPERATION_RECORD,
  OPERATION_WAIT,
  OPERATION_WAIT_VALUE,
  OPERATION_WRITE_VALUE,
  OPERATION_HOST_FUNCTION,
  OPERATION_CALLBACK,
  OPERATION_KERNEL
};

struct Operation {
  struct Operation *next;
  enum OperationKind kind;
  struct Stream *stream;
  uint64_t order;      // position among all operations ever queued
  uint64_t queued_ns;
  struct Origin origin;  // the call that queued it
  struct Range target;
  struct Range source;
  struct Mark *mark;  // of RECORD and WAIT
  uint64_t value;     // of SET, WAIT_VALUE, WRITE_VALUE
  size_t value_bytes;
  unsigned condition;  // of WAIT_VALUE
  CUhostFn host_function;
  CUstreamCallback callback;
  void *user_data;
  CUresult status;  // what a CALLBACK is told
  // KERNEL: from the PTX translator or cuBLAS. Runs on the thread that runs the stream, without the
  // lock except in the seeded schedule, must not take it, finds its memory with sim_device_pointer,
  // returns the error it ends with.
  CUresult (*kernel)(void *arguments);
  void (*end_kernel)(void *arguments);  // with the lock, whether it has run or not; may be null
  void *arguments;
};

SIBLING struct Operation *operation_new(enum OperationKind kind, struct Origin origin);
void operation_free(struct Operation *operation);
const char *operation_name(enum OperationKind kind);
bool operation_is_name(const char *name);
// Does the work. Called with the lock, which it gives up for anything long.
CUresult operation_perform(struct Operation *operation);
// Whether the word that a WAIT_VALUE looks at lets it go on.
bool operation_value_reached(const struct Operation *operation);

// --- stream.c ------------------------------------------------------------------------------------

struct Capture {
  unsigned mode;
  long thread;  // that began it
  bool invalidated;
};

enum StreamClass { STREAM_ORDINARY, STREAM_CLASS_LEGACY, STREAM_CLASS_PER_THREAD };

struct Stream {
  CUstream handle;
  struct Context *context;
  enum StreamClass class;
  unsigned flags;
  int priority;
  bool alive;
  long thread;  // whose per-thread default stream this is
  struct Stream *next_per_thread;

  struct Operation *head;  // stays the head while it runs
  struct Operation **tail;
  bool running;
  long length;          // of the queue
  uint64_t last_order;  // of the operation queued last
  int hardware_queue;
  int hurried;          // how many threads wait for it: no lagging
  uint64_t asleep_until;  // the turn of the seeded schedule before which it is passed over
  struct Capture *capture;

  bool has_worker;
  pthread_cond_t work;
  struct Stream *next_active;
  bool active;  // in the list of streams with something queued

  struct Origin origin;
  bool free_failed;
};

struct Stream *stream_new(
    struct Context *context, enum StreamClass class, unsigned flags, struct Origin origin);
// The stream that a handle means on this thread; reports and refuses a wrong or dead one.
SIBLING CUresult stream_find(CUstream handle, struct Stream **stream);
SIBLING void stream_enqueue(struct Stream *stream, struct Operation *operation);
void stream_destroy(struct Stream *stream);
bool stream_is_idle(const struct Stream *stream);
// Wait until what is queued now has ended. They give up the lock meanwhile.
CUresult stream_synchronize(struct Stream *stream);
SIBLING CUresult stream_synchronize_context(struct Context *context);
CUresult stream_wait_for_mark(struct Mark *mark);
int stream_threads_waiting(void);
void stream_wait_until_unused(struct Allocation *allocation);
void stream_settle(struct Stream *stream);
struct Stream *stream_first_active(void);
// Of those with something queued up to then; null if there is none.
struct Stream *stream_first_active_of(const struct Context *context, uint64_t up_to);
uint64_t stream_last_order(void);  // of the operation queued last
// The stream that must get on before this one can; null if none.
const struct Stream *stream_holder(const struct Stream *stream);
void stream_notice_all(void);
bool stream_any_running(void);
// Ends whatever is queued in the context and waits for what is running.
void stream_end_context(struct Context *context, bool lost_is_a_leak);
void stream_note_failed_free(CUstream handle);
bool stream_any_alive_or_busy(void);
void stream_count(struct Live *live, struct Text *leaks);

// What the head of a stream's queue can do now.
enum Readiness {
  READY,
  HELD,         // until another stream gets on, or something is queued
  HELD_BY_WORD, // until somebody writes a word; nobody tells the driver, it has to look
  LATE          // could run but is to be late: see stream_due_ns
};
enum Readiness stream_readiness(const struct Stream *stream);
uint64_t stream_due_ns(const struct Stream *stream);
// Whether the stream gets on without anybody doing anything.
bool stream_can_go_on(const struct Stream *stream);
// Runs the head of a READY stream.
void stream_run_head(struct Stream *stream);

// --- schedule.c ----------------------------------------------------------------------------------

// An operation was queued.
void schedule_queued(struct Stream *stream);
// A stream has something to do, or may have.
void schedule_notice(struct Stream *stream);
// A moment in which the seeded schedule may run something; nothing in the others.
SIBLING void schedule_turn(void);
// Lets time pass for a thread that waits for the driver: runs a step (seeded) or sleeps until
// something has happened (the others). False if nothing can ever happen.
bool schedule_let_go_on(void);
enum Schedule schedule_named(const char *name);
void schedule_configure(enum Schedule schedule, uint64_t seed);
// Configures what SOFTWARE_CUDA_SCHEDULE names, for a program that does not know CudaSim. False,
// and said on stderr, if it names no schedule.
bool schedule_from_environment(void);
// Runs a host function on the driver's own thread, never on a caller's.
void schedule_run_host_function(struct Operation *operation);

// --- strict.c: what a real driver may do; none of it in the other schedules -------------------------

// A call that may wait until all that is queued in the context has run. Answers what the context has
// failed with meanwhile.
SIBLING CUresult strict_wait_for_context(struct Context *context, struct Origin call);
// A call that waits for it in all schedules; in the strict one not for ever.
SIBLING void strict_synchronize_context(struct Context *context, struct Origin call);
// Such calls keep those of other threads out.
void strict_let_others_wait(struct Context *context);
// A stream takes so much, and no more before something of it has run.
void strict_wait_for_room(struct Stream *stream, struct Origin call);
// Waits for those that use what is to be freed; false if that has taken too long.
bool strict_wait_until_unused(const struct Allocation *allocation);
// The stream with something in the same hardware queue that is older and has not begun.
const struct Stream *strict_ahead_in_queue(const struct Stream *stream);
// What no context of the process survives.
bool strict_is_fatal(CUresult code);
// Such a copy is over when the call returns.
bool strict_is_between_hosts(const struct Range *target, const struct Range *source);
CUresult strict_wait_for_copy(const struct Stream *stream, struct Origin call);
// Pinned memory is found as others have left it.
void strict_keep_old_data(const uint8_t *bytes, size_t size);
void strict_fill_with_old_data(uint8_t *bytes, size_t size);

// --- capture.c -----------------------------------------------------------------------------------

// Refuses a call that must not be made during a capture, and invalidates the capture.
SIBLING CUresult capture_refuse_unsafe(void);
// Refuses a query of, or a wait for, a stream that is capturing.
CUresult capture_refuse_on(struct Stream *stream);
// Refuses work that would have to wait for a capture: the legacy stream's.
SIBLING CUresult capture_refuse_legacy(struct Stream *stream);
// Whether there is such a capture; to ask does it no harm.
bool capture_bars_legacy(const struct Stream *stream);
unsigned capture_exchange_mode(unsigned mode);
CUresult capture_begin(struct Stream *stream, unsigned mode);
CUresult capture_end(struct Stream *stream);
void capture_drop(struct Stream *stream);
int capture_status(const struct Stream *stream);

// --- race.c --------------------------------------------------------------------------------------

void race_install_handler(void);
struct Page *race_new_pages(size_t count);
// Marks the pages of a range as used by a queued operation, or no longer.
void race_use(const struct Range *range, bool written, const struct Operation *by);
void race_release(const struct Range *range, bool written, const struct Operation *by);
// Turns what the signal handler has seen into violations.
void race_report_touches(void);
void race_reset(void);

#endif
