// Runs kernels: the blocks of a grid one after another, the threads of a block in turns.
//
// A kernel without barriers and exchanges is a function that is called once for each thread. In the
// others each thread of a block is a coroutine with a stack of its own: it runs until it waits, and
// when nobody can run, those whose barrier or warp is complete are let go on. If none is, threads
// have gone different ways, where a device would hang or go wrong: the kernel fails with 719.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ptx.h"

enum { WARP = 32, STACK_BYTES = 64 << 10, GARBAGE = 0xEE, JUMPS_PER_TICK = 4096 };

enum State { RUNS, AT_BARRIER, IN_WARP, LEFT };

struct Worker {  // a thread of the block, as the driver sees it
  struct PtxThread thread;
  struct Run *run;
  void *stack_pointer;
  enum State state;
  int line;          // where it waits
  uint32_t barrier;  // AT_BARRIER: which one, for how many, and what it brings
  uint32_t threads;
  enum PtxReduction reduction;
  enum PtxExchange exchange;  // IN_WARP: likewise
  uint32_t members;
  uint32_t value;
  uint32_t lane;
  uint32_t clamp;
  bool flag;  // brought to a reduction or a vote, and taken from an exchange
  uint32_t result;
};

struct Run {
  struct PtxLaunch *launch;
  CUresult error;
  uint64_t deadline_ns;
  jmp_buf out;      // of a kernel without coroutines
  void *scheduler;  // the stack pointer of ptx_run
  struct Worker *workers;
  uint8_t *stacks;
  size_t stack_bytes;
  uint32_t threads;
};

// The services get a thread, which is the first member of its worker.
static struct Worker *worker_of(struct PtxThread *thread) { return (struct Worker *)thread; }

// --- coroutines ----------------------------------------------------------------------------------

// Saves what a function must preserve on this stack, leaves its pointer in *from, and goes on with
// the stack `to`.
void ptx_switch(void **from, void *to) __attribute__((visibility("hidden")));
__asm__(
    ".text\n"
    ".hidden ptx_switch\n"
    ".globl ptx_switch\n"
    ".type ptx_switch, @function\n"
    "ptx_switch:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".size ptx_switch, .-ptx_switch\n");

enum { SAVED_REGISTERS = 6 };

static __thread struct Worker *starting;

static void wait_in(struct Worker *worker, enum State state, int line) {
  worker->state = state;
  worker->line = line;
  ptx_switch(&worker->stack_pointer, worker->run->scheduler);
}

static void start_here(void) {
  struct Worker *worker = starting;
  worker->run->launch->kernel->function(&worker->thread);
  wait_in(worker, LEFT, 0);
}

static void prepare_stack(struct Worker *worker, uint8_t *stack, size_t bytes) {
  void **top = (void **)(stack + bytes);
  *--top = NULL;  // where start_here would return to; also aligns its stack
  *--top = (void *)start_here;
  for (int i = 0; i < SAVED_REGISTERS; i++) *--top = NULL;
  worker->stack_pointer = top;
}

static void go_on(struct Run *run, struct Worker *worker) {
  starting = worker;
  ptx_switch(&run->scheduler, worker->stack_pointer);
}

// --- what a kernel does wrong --------------------------------------------------------------------

static void violation(struct Run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void violation(struct Run *run, const char *format, ...) {
  size_t size = sizeof run->launch->violation;
  int used = snprintf(run->launch->violation, size, "kernel %s: ", run->launch->kernel->name);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(run->launch->violation + used, size - (size_t)used, format, arguments);
  va_end(arguments);
}

// Ends the kernel from inside one of its threads.
static void __attribute__((noreturn)) fail(struct Worker *worker, CUresult code) {
  worker->run->error = code;
  if (worker->run->stacks) wait_in(worker, LEFT, 0);
  longjmp(worker->run->out, 1);
}

static void __attribute__((noreturn)) fail_access(struct Worker *worker, const char *what,
                                                  const char *space, uint64_t address,
                                                  uint32_t size, bool write, int line,
                                                  CUresult code) {
  const struct PtxThread *t = &worker->thread;
  violation(
      worker->run,
      "%s %s of %u bytes of %s memory at 0x%llx, PTX line %d, block (%u,%u,%u), thread (%u,%u,%u)",
      what, write ? "write" : "read", size, space, (unsigned long long)address, line, t->ctaid[0],
      t->ctaid[1], t->ctaid[2], t->tid[0], t->tid[1], t->tid[2]);
  fail(worker, code);
}

static void bad_address(struct PtxThread *thread, const char *space, uint64_t address,
                        uint32_t size, bool write, int line) {
  bool misaligned = address % size;
  fail_access(worker_of(thread), misaligned ? "misaligned" : "out of bounds", space, address, size,
              write, line, misaligned ? CUDA_ERROR_MISALIGNED_ADDRESS : CUDA_ERROR_ILLEGAL_ADDRESS);
}

static void find(struct PtxThread *thread, struct PtxSite *site, uint64_t address, uint32_t size,
                 bool write, int line) {
  struct Worker *worker = worker_of(thread);
  if (address % size) bad_address(thread, "global", address, size, write, line);
  struct Allocation *allocation = memory_find(address);
  bool inside = allocation && address - allocation->address < allocation->size
                && allocation->size - (address - allocation->address) >= size;
  if (!inside || allocation->freed) {
    fail_access(worker, inside ? "use after free:" : "out of bounds", "global", address, size,
                write, line, CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  if (allocation->kind == MEMORY_DEVICE && allocation->context != worker->run->launch->context) {
    fail_access(worker, "in another context:", "global", address, size, write, line,
                CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  *site = (struct PtxSite){allocation->address, allocation->size, allocation->backing.bytes};
}

static void trap(struct PtxThread *thread, int line) {
  violation(worker_of(thread)->run, "trap, PTX line %d", line);
  fail(worker_of(thread), CUDA_ERROR_LAUNCH_FAILED);
}

static void tick(struct PtxThread *thread, int line) {
  struct Run *run = worker_of(thread)->run;
  thread->jumps = JUMPS_PER_TICK;
  if (sim_now_ns() < run->deadline_ns) return;
  violation(run, "does not end, PTX line %d", line);
  fail(worker_of(thread), CUDA_ERROR_LAUNCH_TIMEOUT);
}

// --- waiting -------------------------------------------------------------------------------------

static uint32_t barrier(struct PtxThread *thread, uint32_t id, uint32_t threads,
                        enum PtxReduction reduction, bool value, int line) {
  struct Worker *worker = worker_of(thread);
  if (id >= PTX_BARRIERS || threads % WARP || threads > worker->run->threads) {
    violation(worker->run, "barrier %u for %u threads, PTX line %d: no such barrier", id, threads,
              line);
    fail(worker, CUDA_ERROR_LAUNCH_FAILED);
  }
  worker->barrier = id;
  worker->threads = threads;
  worker->reduction = reduction;
  worker->flag = value;
  wait_in(worker, AT_BARRIER, line);
  return worker->result;
}

static uint32_t exchange(struct PtxThread *thread, enum PtxExchange kind, uint32_t value,
                         uint32_t lane, uint32_t clamp, uint32_t members, bool *flag, int line) {
  struct Worker *worker = worker_of(thread);
  if (!(members >> thread->number % WARP & 1)) {
    violation(worker->run, "thread %u is not in its own member mask 0x%x, PTX line %d",
              thread->number, members, line);
    fail(worker, CUDA_ERROR_LAUNCH_FAILED);
  }
  worker->exchange = kind;
  worker->value = value;
  worker->lane = lane;
  worker->clamp = clamp;
  worker->members = members;
  worker->flag = kind >= PTX_VOTE_all && kind <= PTX_VOTE_ballot && value;
  wait_in(worker, IN_WARP, line);
  *flag = worker->flag;
  return worker->result;
}

static const struct PtxServices services = {find, bad_address, barrier, exchange, trap, tick};

// --- letting go on: barriers ---------------------------------------------------------------------

static void reduce(struct Run *run, uint32_t id) {
  uint32_t yes = 0;
  uint32_t all = 0;
  for (uint32_t i = 0; i < run->threads; i++) {
    if (run->workers[i].state != AT_BARRIER || run->workers[i].barrier != id) continue;
    all++;
    yes += run->workers[i].flag;
  }
  for (uint32_t i = 0; i < run->threads; i++) {
    struct Worker *worker = &run->workers[i];
    if (worker->state != AT_BARRIER || worker->barrier != id) continue;
    worker->result = worker->reduction == PTX_BAR_and  ? yes == all
                     : worker->reduction == PTX_BAR_or ? yes > 0
                                                       : yes;
    worker->state = RUNS;
  }
}

// Stricter than devices since sm_70, where threads that have left do not count and barriers of one
// number in different places are one: CUDA C says that all threads of a block must come to the same one.
static bool release_barrier(struct Run *run, uint32_t id) {
  uint32_t here = 0;
  uint32_t wanted = 0;
  int line = 0;
  for (uint32_t i = 0; i < run->threads; i++) {
    const struct Worker *worker = &run->workers[i];
    if (worker->state != AT_BARRIER || worker->barrier != id) continue;
    if (here && worker->line != line && worker->threads == 0) return false;
    line = worker->line;
    wanted = worker->threads ? worker->threads : run->threads;
    here++;
  }
  if (here == 0 || here < wanted) return false;
  reduce(run, id);
  return true;
}

// --- letting go on: warps ------------------------------------------------------------------------

// As documented for shfl.sync.
static void shuffle(struct Worker *warp, uint32_t present, struct Worker *worker) {
  uint32_t lane = worker->thread.number % WARP;
  uint32_t b = worker->lane & 31;
  uint32_t clamp = worker->clamp & 31;
  uint32_t segment = worker->clamp >> 8 & 31;
  uint32_t last = (lane & segment) | (clamp & ~segment);
  uint32_t first = lane & segment;
  uint32_t from;
  switch (worker->exchange) {
    case PTX_SHFL_up:
      from = lane - b;
      worker->flag = (int32_t)from >= (int32_t)last;
      break;
    case PTX_SHFL_down:
      from = lane + b;
      worker->flag = from <= last;
      break;
    case PTX_SHFL_bfly:
      from = lane ^ b;
      worker->flag = from <= last;
      break;
    default:
      from = first | (b & ~segment);
      worker->flag = from <= last;
      break;
  }
  if (!worker->flag) from = lane;
  // A lane that takes no part has no value to give.
  worker->result = present >> from & 1 ? warp[from].value : 0xEEEEEEEE;
}

static void vote(struct Worker *worker, uint32_t present, uint32_t yes) {
  switch (worker->exchange) {
    case PTX_VOTE_all:
      worker->flag = yes == present;
      break;
    case PTX_VOTE_any:
      worker->flag = yes != 0;
      break;
    case PTX_VOTE_uni:
      worker->flag = yes == present || yes == 0;
      break;
    default:
      worker->result = yes;
      break;
  }
}

// The members of `leader`'s exchange that are there; 0 if one is missing that has not left.
static uint32_t present_members(struct Worker *warp, uint32_t lanes, const struct Worker *leader) {
  uint32_t present = 0;
  for (uint32_t i = 0; i < lanes; i++) {
    const struct Worker *worker = &warp[i];
    if (!(leader->members >> i & 1) || worker->state == LEFT) continue;
    if (worker->state != IN_WARP || worker->members != leader->members
        || worker->line != leader->line)
      return 0;
    present |= 1u << i;
  }
  return present;
}

static bool release_warp(struct Worker *warp, uint32_t lanes) {
  for (uint32_t first = 0; first < lanes; first++) {
    if (warp[first].state != IN_WARP) continue;
    uint32_t present = present_members(warp, lanes, &warp[first]);
    if (!present) continue;
    uint32_t yes = 0;
    for (uint32_t i = 0; i < lanes; i++) yes |= (uint32_t)(present >> i & 1 && warp[i].flag) << i;
    for (uint32_t i = 0; i < lanes; i++) {
      if (!(present >> i & 1)) continue;
      if (warp[i].exchange < PTX_VOTE_all) {
        shuffle(warp, present, &warp[i]);
      } else {
        vote(&warp[i], present, yes);
      }
    }
    for (uint32_t i = 0; i < lanes; i++) {
      if (present >> i & 1) warp[i].state = RUNS;
    }
    return true;
  }
  return false;
}

static bool release(struct Run *run) {
  bool released = false;
  for (uint32_t first = 0; first < run->threads; first += WARP) {
    uint32_t lanes = run->threads - first < WARP ? run->threads - first : WARP;
    while (release_warp(&run->workers[first], lanes)) released = true;
  }
  if (released) return true;
  uint32_t awaited = 0;
  for (uint32_t i = 0; i < run->threads; i++) {
    if (run->workers[i].state == AT_BARRIER) awaited |= 1u << run->workers[i].barrier;
  }
  for (uint32_t id = 0; id < PTX_BARRIERS; id++) {
    if (awaited >> id & 1) released |= release_barrier(run, id);
  }
  return released;
}

static void report_divergence(struct Run *run) {
  const struct Worker *waits = NULL;
  const struct Worker *other = NULL;
  uint32_t left = 0;
  for (uint32_t i = 0; i < run->threads; i++) {
    const struct Worker *worker = &run->workers[i];
    if (worker->state == LEFT) {
      left++;
    } else if (!waits) {
      waits = worker;
    } else if (!other && worker->line != waits->line) {
      other = worker;
    }
  }
  const struct PtxThread *t = &waits->thread;
  char also[96] = "";
  if (other) {
    snprintf(also, sizeof also, ", thread (%u,%u,%u) at PTX line %d", other->thread.tid[0],
             other->thread.tid[1], other->thread.tid[2], other->line);
  }
  violation(run,
            "divergent %s: in block (%u,%u,%u) thread (%u,%u,%u) waits at PTX line %d%s, %u of %u "
            "threads have"
            " left, so none can go on",
            waits->state == AT_BARRIER ? "barrier" : "warp", t->ctaid[0], t->ctaid[1], t->ctaid[2],
            t->tid[0], t->tid[1], t->tid[2], waits->line, also, left, run->threads);
  run->error = CUDA_ERROR_LAUNCH_FAILED;
}

// --- blocks --------------------------------------------------------------------------------------

static void place(struct PtxThread *thread, const uint32_t block[3], uint32_t number) {
  thread->number = number;
  thread->tid[0] = number % block[0];
  thread->tid[1] = number / block[0] % block[1];
  thread->tid[2] = number / block[0] / block[1];
}

static uint32_t in_order(const struct Run *run, uint32_t i) {
  return run->launch->backwards ? run->threads - 1 - i : i;
}

static void run_plain(struct Run *run, const struct PtxThread *model) {
  struct Worker worker = {.thread = *model, .run = run};
  if (setjmp(run->out)) return;
  for (uint32_t i = 0; i < run->threads; i++) {
    place(&worker.thread, run->launch->block, in_order(run, i));
    // Not even of 0 bytes: the masked store would visit a page that is not there yet, slowly.
    if (model->local_bytes) memset(model->local, GARBAGE, model->local_bytes);
    run->launch->kernel->function(&worker.thread);
  }
}

static bool run_ready(struct Run *run) {
  for (uint32_t i = 0; i < run->threads; i++) {
    struct Worker *worker = &run->workers[in_order(run, i)];
    if (worker->state != RUNS) continue;
    go_on(run, worker);
    if (run->error != CUDA_SUCCESS) return false;
  }
  return true;
}

static bool all_left(const struct Run *run) {
  for (uint32_t i = 0; i < run->threads; i++) {
    if (run->workers[i].state != LEFT) return false;
  }
  return true;
}

static void run_waiting(struct Run *run, const struct PtxThread *model) {
  uint32_t local_bytes = model->local_bytes;
  if (local_bytes) memset(model->local, GARBAGE, (size_t)local_bytes * run->threads);
  for (uint32_t i = 0; i < run->threads; i++) {
    struct Worker *worker = &run->workers[i];
    *worker = (struct Worker){.thread = *model, .run = run, .state = RUNS};
    place(&worker->thread, run->launch->block, i);
    worker->thread.local += (size_t)local_bytes * i;
    prepare_stack(worker, run->stacks + run->stack_bytes * i, run->stack_bytes);
  }
  while (run_ready(run) && !all_left(run)) {
    if (release(run)) continue;
    report_divergence(run);
    return;
  }
}

static void run_grid(struct Run *run, struct PtxThread *model) {
  const uint32_t *grid = run->launch->grid;
  uint64_t blocks = (uint64_t)grid[0] * grid[1] * grid[2];
  for (uint64_t i = 0; i < blocks && run->error == CUDA_SUCCESS; i++) {
    uint64_t number = run->launch->backwards ? blocks - 1 - i : i;
    model->ctaid[0] = (uint32_t)(number % grid[0]);
    model->ctaid[1] = (uint32_t)(number / grid[0] % grid[1]);
    model->ctaid[2] = (uint32_t)(number / grid[0] / grid[1]);
    if (model->shared_bytes) memset(model->shared, GARBAGE, model->shared_bytes);
    if (run->stacks) {
      run_waiting(run, model);
    } else {
      run_plain(run, model);
    }
  }
}

// Memory that each launch writes before it reads it. It is kept from launch to launch, as new pages
// cost more than many a kernel.
struct Kept {
  void *memory;
  size_t bytes;
};

static void *at_least(struct Kept *kept, size_t bytes) {
  if (kept->bytes <= bytes) {
    if (kept->memory) munmap(kept->memory, kept->bytes);
    kept->bytes = bytes + PAGE_BYTES;
    kept->memory = mmap(NULL, kept->bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (kept->memory == MAP_FAILED) abort();
  }
  return kept->memory;
}

CUresult ptx_run(struct PtxLaunch *launch) {
  // One kernel at a time: what makes an atomic one step, for all streams.
  static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
  static uint64_t launches;
  static struct Kept shared, local, workers, stacks;
  const struct PtxKernel *kernel = launch->kernel;
  struct Run run = {.launch = launch,
                    .threads = launch->block[0] * launch->block[1] * launch->block[2]};
  uint32_t dynamic_offset = (kernel->shared_bytes + 15) / 16 * 16;
  size_t shared_bytes =
      launch->dynamic_bytes ? dynamic_offset + launch->dynamic_bytes : kernel->shared_bytes;
  uint32_t local_bytes = (kernel->local_bytes + 15) / 16 * 16;
  size_t locals = (size_t)local_bytes * (kernel->waits ? run.threads : 1);
  pthread_mutex_lock(&one_at_a_time);
  struct PtxThread model = {
      .services = &services,
      .parameters = launch->parameters,
      .shared = at_least(&shared, shared_bytes),
      .shared_bytes = (uint32_t)shared_bytes,
      .dynamic_offset = dynamic_offset,
      .local = at_least(&local, locals),
      .local_bytes = local_bytes,
      .grid = ++launches,
      .sites = calloc((size_t)kernel->site_count + 1, sizeof *model.sites),
      .executed = kernel->executed,
      .jumps = JUMPS_PER_TICK,
  };
  memcpy(model.ntid, launch->block, sizeof model.ntid);
  memcpy(model.nctaid, launch->grid, sizeof model.nctaid);
  if (kernel->waits) {
    run.workers = at_least(&workers, run.threads * sizeof *run.workers);
    run.stacks = at_least(&stacks, (size_t)STACK_BYTES * run.threads);
    run.stack_bytes = STACK_BYTES;
  }
  run.deadline_ns = sim_now_ns() + launch->limit_ns;
  run_grid(&run, &model);
  free(model.sites);
  pthread_mutex_unlock(&one_at_a_time);
  return run.error;
}
