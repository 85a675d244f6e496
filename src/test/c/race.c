// Catches the host touching memory that it must leave alone.
//
// In the race schedule the pages of pinned memory that a queued copy reads cannot be written by the
// application, and those it writes cannot be touched: a touch raises SIGSEGV. The handler notes who
// touched what, opens the page and lets the thread go on. In all schedules it says on stderr what
// was hit when the host touches device memory, freed pinned memory or a guard page, and leaves the
// rest to the handler before it, the JVM's.
//
// Limits: whole pages, so two buffers of the application that share a page disturb each other; one
// note per page and copy; a touch by a system call does not arrive here but fails with EFAULT.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim.h"

enum { MAX_TOUCHES = 1024, PAGE_FAULT_WRITE = 2 };

struct Page {
  _Atomic uint16_t readers;
  _Atomic uint16_t writers;
  _Atomic bool open;  // a touch was noted; not protected until the next copy
  struct Origin by;   // the latest copy that uses it
};

static struct Touch {
  uint64_t address;
  const struct Allocation *allocation;
  bool write;
  bool copy_writes;
  struct Origin by;
} touches[MAX_TOUCHES];
static _Atomic int touch_count;
static int touches_reported;

static struct sigaction previous;

struct Page *race_new_pages(size_t count) {
  struct Page *pages = calloc(count, sizeof *pages);
  if (!pages) abort();
  return pages;
}

// --- protection ------------------------------------------------------------------------------------

static int protection(const struct Page *page) {
  if (page->open || (page->readers == 0 && page->writers == 0)) return PROT_READ | PROT_WRITE;
  return page->writers ? PROT_NONE : PROT_READ;
}

static void protect(const struct Allocation *allocation, size_t first, size_t last) {
  while (first <= last) {
    int wanted = protection(&allocation->pages[first]);
    size_t end = first + 1;
    while (end <= last && protection(&allocation->pages[end]) == wanted) end++;
    mprotect((void *)(allocation->address + first * PAGE_BYTES), (end - first) * PAGE_BYTES, wanted);
    first = end;
  }
}

static bool watched(const struct Range *range) {
  return range->allocation->pages && range->size > 0;
}

static size_t first_page(const struct Range *range) {
  return (range->address - range->allocation->address) / PAGE_BYTES;
}

static size_t last_page(const struct Range *range) {
  return (range->address + range->size - 1 - range->allocation->address) / PAGE_BYTES;
}

static bool is_copy(const struct Operation *operation) {
  // A word that a stream waits for is there for the host to write.
  return operation->kind != OPERATION_WAIT_VALUE && operation->kind != OPERATION_WRITE_VALUE;
}

void race_use(const struct Range *range, bool written, const struct Operation *by) {
  if (!watched(range) || !is_copy(by)) return;
  for (size_t i = first_page(range); i <= last_page(range); i++) {
    struct Page *page = &range->allocation->pages[i];
    page->by = by->origin;
    page->open = false;
    if (written) {
      page->writers++;
    } else {
      page->readers++;
    }
  }
  protect(range->allocation, first_page(range), last_page(range));
}

void race_release(const struct Range *range, bool written, const struct Operation *by) {
  if (!watched(range) || !is_copy(by)) return;
  for (size_t i = first_page(range); i <= last_page(range); i++) {
    struct Page *page = &range->allocation->pages[i];
    if (written) {
      page->writers--;
    } else {
      page->readers--;
    }
  }
  protect(range->allocation, first_page(range), last_page(range));
}

// --- the signal handler: nothing here may lock, allocate or print through stdio ----------------------

static void say(const char *text) {
  ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
  (void)ignored;
}

static void say_number(uint64_t number, unsigned base) {
  char digits[24];
  char *p = digits + sizeof digits;
  *--p = 0;
  do {
    *--p = "0123456789abcdef"[number % base];
    number /= base;
  } while (number);
  say(p);
}

static void say_hit(const char *what, const struct Allocation *allocation, uint64_t address) {
  say("software CUDA: the host touched ");
  say(what);
  say(" at 0x");
  say_number(address, 16);
  if (allocation) {
    say(", offset ");
    say_number(address - allocation->address, 10);
    say(" of buffer ");
    say_number((uint64_t)allocation->number, 10);
    say(" (");
    say_number(allocation->size, 10);
    say(" bytes)");
  }
  say("\n");
}

static void note_touch(const struct Allocation *allocation, const struct Page *page,
                       uint64_t address, bool write) {
  int i = touch_count++;
  if (i < MAX_TOUCHES) {
    touches[i] = (struct Touch){address, allocation, write, page->writers > 0, page->by};
  }
}

// Whether the touch was one that the application survives.
static bool handle_touch(uint64_t address, bool write) {
  const struct Allocation *allocation = memory_find(address);
  if (memory_in_device_window(address)) {
    say_hit("device memory", allocation, address);
    return false;
  }
  if (!allocation) return false;
  uint64_t offset = address - allocation->address;
  if (allocation->freed || offset >= allocation->capacity) {
    say_hit(allocation->freed ? "freed pinned memory" : "the guard page of pinned memory",
            allocation, address);
    return false;
  }
  if (!allocation->pages) return false;
  struct Page *page = &allocation->pages[offset / PAGE_BYTES];
  bool used = page->readers > 0 || page->writers > 0;
  // A host function runs in stream order, so it may. If the page is not in use any more, the copy
  // has ended since the touch.
  if (used && !page->open && !sim_on_driver_thread()) note_touch(allocation, page, address, write);
  if (used) page->open = true;
  mprotect((void *)(address / PAGE_BYTES * PAGE_BYTES), PAGE_BYTES, PROT_READ | PROT_WRITE);
  return true;
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
  const ucontext_t *machine = context;
  bool write = machine->uc_mcontext.gregs[REG_ERR] & PAGE_FAULT_WRITE;
  if (handle_touch((uint64_t)info->si_addr, write)) return;
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal_number, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    signal(signal_number, SIG_DFL);  // returning runs into the fault again, for good
  } else {
    previous.sa_handler(signal_number);
  }
}

void race_install_handler(void) {
  struct sigaction action = {0};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;  // as the JVM's
  sigaction(SIGSEGV, &action, &previous);
}

// --- reports -----------------------------------------------------------------------------------------

void race_report_touches(void) {
  int end = touch_count < MAX_TOUCHES ? touch_count : MAX_TOUCHES;
  for (; touches_reported < end; touches_reported++) {
    const struct Touch *touch = &touches[touches_reported];
    report_violation(
        "race: the host %s pinned buffer %ld at offset %llu (0x%llx) while the copy queued by %s"
        " number %ld %s it",
        touch->write ? "wrote" : "read", touch->allocation->number,
        (unsigned long long)(touch->address - touch->allocation->address),
        (unsigned long long)touch->address, touch->by.call, touch->by.nth,
        touch->copy_writes ? "writes" : "reads");
  }
}

void race_reset(void) {
  touch_count = 0;
  touches_reported = 0;
}

// Those of a user's own program, which nobody asks for.
__attribute__((destructor)) static void unload(void) {
  if (pthread_mutex_trylock(&sim.lock) == 0) {
    race_report_touches();
    pthread_mutex_unlock(&sim.lock);
  }
}
