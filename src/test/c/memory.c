// Device memory and pinned memory.
//
// Both live in a window of addresses of their own that is never readable as a whole, is handed out
// from bottom to top and never handed out again, with an unused page behind each allocation. So an
// address says what it belongs to, forever, and the table of a window is sorted as it grows: the
// signal handler of race.c can search it without a lock.
//
// Device memory has no mapping at its address, so the host cannot touch it by accident; the driver
// works on a mapping elsewhere. Pinned memory is mapped twice, once for the application and once for
// the driver, so that race.c can take the application's view away while the driver works.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim.h"

enum { POISON = 0xCD, CANARY = 0xA5, DEVICE_ALIGNMENT = 512, MAX_ALLOCATIONS = 1 << 24 };

static const size_t window_bytes = 8ull << 40;

static struct Window {
  uint64_t base;
  uint64_t next;
  struct Allocation **table;
  _Atomic size_t count;
  size_t numbered_from;  // before that, nothing is alive: a reset has ended it
} windows[MEMORY_KINDS];

static uint64_t pinned_bytes_used;
static uint64_t device_bytes_used[MAX_DEVICES];

static const char *kind_name(enum MemoryKind kind) {
  return kind == MEMORY_DEVICE ? "device" : "pinned";
}

static size_t round_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

static void *reserve(size_t size) {
  void *memory =
      mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    perror("software CUDA: cannot reserve addresses");
    abort();
  }
  return memory;
}

void memory_init(void) {
  for (int kind = 0; kind < MEMORY_KINDS; kind++) {
    struct Window *window = &windows[kind];
    window->base = (uint64_t)reserve(window_bytes);
    window->next = window->base + PAGE_BYTES;
    size_t table_bytes = MAX_ALLOCATIONS * sizeof *window->table;
    window->table = reserve(table_bytes);
    mprotect(window->table, table_bytes, PROT_READ | PROT_WRITE);
  }
}

static bool in_window(const struct Window *window, uint64_t address) {
  return window->base && address - window->base < window_bytes;
}

bool memory_in_device_window(uint64_t address) {
  return in_window(&windows[MEMORY_DEVICE], address);
}

struct Allocation *memory_find(uint64_t address) {
  for (int kind = 0; kind < MEMORY_KINDS; kind++) {
    struct Window *window = &windows[kind];
    if (!in_window(window, address)) continue;
    size_t low = 0;
    size_t high = window->count;
    while (low < high) {
      size_t middle = (low + high) / 2;
      if (window->table[middle]->address <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low ? window->table[low - 1] : NULL;
  }
  return NULL;
}

// --- allocation ----------------------------------------------------------------------------------

static bool back(struct Allocation *allocation) {
  bool pinned = allocation->kind == MEMORY_PINNED;
  if (!backing_take(allocation->kind, allocation->capacity, &allocation->backing)) return false;
  if (pinned && !backing_show(&allocation->backing, allocation->address)) {
    backing_give(&allocation->backing, false);
    return false;
  }
  uint8_t *bytes = allocation->backing.bytes;
  memset(bytes, POISON, pinned ? allocation->size : allocation->capacity);
  if (pinned) {
    strict_fill_with_old_data(bytes, allocation->size);
    memset(bytes + allocation->size, CANARY, allocation->capacity - allocation->size);
  }
  return true;
}

static uint64_t *bytes_used(const struct Allocation *allocation) {
  return allocation->kind == MEMORY_PINNED ? &pinned_bytes_used
                                           : &device_bytes_used[allocation->context->device];
}

uint64_t memory_device_bytes_used(int device) { return device_bytes_used[device]; }

static void register_allocation(struct Allocation *allocation) {
  struct Window *window = &windows[allocation->kind];
  allocation->number = (long)(window->count - window->numbered_from) + 1;
  window->table[window->count] = allocation;
  window->count++;
  window->next = round_up(allocation->address + allocation->capacity, PAGE_BYTES) + PAGE_BYTES;
  *bytes_used(allocation) += allocation->size;
}

CUresult memory_allocate(
    struct Context *context, enum MemoryKind kind, size_t size, struct Origin origin,
    uint64_t *address) {
  struct Window *window = &windows[kind];
  struct Allocation *allocation = calloc(1, sizeof *allocation);
  if (!allocation) abort();
  allocation->kind = kind;
  allocation->context = context;
  allocation->size = size;
  allocation->origin = origin;
  uint64_t limit = kind == MEMORY_PINNED ? sim.pinned_bytes : sim.device_bytes;
  uint64_t used = *bytes_used(allocation);
  bool fits = size <= limit && used <= limit - size && window->count < MAX_ALLOCATIONS;
  if (fits) {
    // Device memory is aligned to 512 bytes and on purpose to no more: nobody may rely on more.
    allocation->address = window->next + (kind == MEMORY_DEVICE ? DEVICE_ALIGNMENT : 0);
    allocation->capacity = round_up(size, kind == MEMORY_DEVICE ? DEVICE_ALIGNMENT : PAGE_BYTES);
    fits = back(allocation);
  }
  if (!fits) {
    free(allocation);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (kind == MEMORY_PINNED && sim.schedule == SCHEDULE_RACE) {
    allocation->pages = race_new_pages(allocation->capacity / PAGE_BYTES);
  }
  register_allocation(allocation);
  *address = allocation->address;
  return CUDA_SUCCESS;
}

// --- the end of an allocation ----------------------------------------------------------------------

struct Allocation *memory_to_free(enum MemoryKind kind, uint64_t address, const char *call) {
  struct Allocation *allocation = memory_find(address);
  if (!allocation || allocation->kind != kind || allocation->address != address) {
    report_violation("%s of 0x%llx, where no %s memory begins", call, (unsigned long long)address,
                     kind_name(kind));
    return NULL;
  }
  if (allocation->freed || allocation->being_freed) {
    report_violation("%s of %s buffer %ld (0x%llx), which was freed before", call, kind_name(kind),
                     allocation->number, (unsigned long long)address);
    return NULL;
  }
  return allocation;
}

void memory_note_failed_free(uint64_t address) {
  struct Allocation *allocation = memory_find(address);
  if (allocation && allocation->address == address) allocation->free_failed = true;
}

static void check_canary(const struct Allocation *allocation) {
  for (size_t i = allocation->size; i < allocation->capacity; i++) {
    if (allocation->backing.bytes[i] == CANARY) continue;
    report_violation("the host wrote %zu bytes behind the end of pinned buffer %ld, which has %zu",
                     i - allocation->size + 1, allocation->number, allocation->size);
    return;
  }
}

// Takes pinned memory out of the application's sight.
static bool hide(const struct Allocation *allocation) {
  return mmap((void *)allocation->address, allocation->capacity, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

void memory_free(struct Allocation *allocation, bool readable) {
  // A kernel that runs may have found a pointer to it in memory, which nobody counts.
  bool seen = readable || allocation->context->error != CUDA_SUCCESS || stream_any_running();
  allocation->freed = true;
  *bytes_used(allocation) -= allocation->size;
  if (allocation->kind == MEMORY_PINNED) {
    check_canary(allocation);
    strict_keep_old_data(allocation->backing.bytes, allocation->size);
    if (!readable && !hide(allocation)) seen = true;
  }
  if (allocation->in_use) return;  // nothing ends that operation; it must not crash
  backing_give(&allocation->backing, seen);
}

static void describe(const struct Allocation *allocation, struct Text *text) {
  text_add(text, "%s buffer %ld of %zu bytes, made by %s number %ld%s",
           kind_name(allocation->kind), allocation->number, allocation->size,
           allocation->origin.call, allocation->origin.nth,
           allocation->free_failed ? "; its free was made to fail" : "");
}

void memory_end_context(struct Context *context, bool lost_is_a_leak) {
  for (int kind = 0; kind < MEMORY_KINDS; kind++) {
    for (size_t i = windows[kind].numbered_from; i < windows[kind].count; i++) {
      struct Allocation *allocation = windows[kind].table[i];
      if (allocation->freed || allocation->context != context) continue;
      if (lost_is_a_leak) describe(allocation, report_lost_text());
      stream_wait_until_unused(allocation);
      memory_free(allocation, true);
    }
  }
}

void memory_reset_numbers(void) {
  for (int kind = 0; kind < MEMORY_KINDS; kind++) {
    windows[kind].numbered_from = windows[kind].count;
  }
}

void memory_count(struct Live *live, struct Text *leaks) {
  for (int kind = 0; kind < MEMORY_KINDS; kind++) {
    for (size_t i = windows[kind].numbered_from; i < windows[kind].count; i++) {
      struct Allocation *allocation = windows[kind].table[i];
      if (allocation->freed) continue;
      if (kind == MEMORY_DEVICE) {
        live->device_buffers++;
        live->device_bytes += (long)allocation->size;
      } else {
        live->pinned_buffers++;
        live->pinned_bytes += (long)allocation->size;
      }
      describe(allocation, leaks);
    }
  }
}

// --- what operations use -----------------------------------------------------------------------------

static CUresult locate(struct Allocation *allocation, uint64_t address, size_t size,
                       struct Range *range) {
  uint64_t offset = address - allocation->address;
  if (allocation->freed) {
    report_violation("use of %s buffer %ld (0x%llx) after it was freed",
                     kind_name(allocation->kind), allocation->number, (unsigned long long)address);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (offset > allocation->size || size > allocation->size - offset) {
    report_violation("%zu bytes at offset %llu are outside %s buffer %ld, which has %zu", size,
                     (unsigned long long)offset, kind_name(allocation->kind), allocation->number,
                     allocation->size);
    return CUDA_ERROR_INVALID_VALUE;
  }
  *range = (struct Range){allocation, address, size, allocation->backing.bytes + offset};
  return CUDA_SUCCESS;
}

CUresult memory_device_range(
    struct Context *context, uint64_t address, size_t size, struct Range *range) {
  struct Allocation *allocation = memory_find(address);
  if (!allocation) {
    report_violation("0x%llx is no device address", (unsigned long long)address);
    return CUDA_ERROR_INVALID_VALUE;
  }
  // Pinned memory is the device's too, at the same address (unified addressing), in all contexts.
  if (allocation->kind == MEMORY_DEVICE && allocation->context != context) {
    report_violation("device buffer %ld belongs to another context than the stream",
                     allocation->number);
    return CUDA_ERROR_INVALID_VALUE;
  }
  return locate(allocation, address, size, range);
}

CUresult memory_host_range(uint64_t address, size_t size, struct Range *range) {
  if (memory_in_device_window(address)) {
    report_violation("device address 0x%llx was given as host memory", (unsigned long long)address);
    return CUDA_ERROR_INVALID_VALUE;
  }
  struct Allocation *allocation = memory_find(address);
  if (allocation) return locate(allocation, address, size, range);
  *range = (struct Range){NULL, address, size, (uint8_t *)address};
  return CUDA_SUCCESS;
}

void memory_use(const struct Range *range, bool written, const struct Operation *by) {
  if (!range->allocation) return;
  range->allocation->in_use++;
  race_use(range, written, by);
}

void memory_release(const struct Range *range, bool written, const struct Operation *by) {
  if (!range->allocation) return;
  range->allocation->in_use--;
  race_release(range, written, by);
}

void *sim_device_pointer(CUdeviceptr address, size_t size, bool write) {
  (void)write;  // device memory is never read-only yet
  struct Allocation *allocation = memory_find(address);
  if (!allocation || allocation->freed) return NULL;
  uint64_t offset = address - allocation->address;
  if (offset > allocation->size || size > allocation->size - offset) return NULL;
  return allocation->backing.bytes + offset;
}
