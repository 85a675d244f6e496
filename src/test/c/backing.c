// What stands behind an allocation: the driver's own mapping, and for pinned memory the file that the
// application's view shares with it.
//
// It is kept when the allocation ends, and the next one of its size takes it. A test opens a device and
// closes it, and pages that the machine must find first cost far more than pages that are overwritten.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "sim.h"

enum { MAX_SPARES = 64, NO_FILE = -1, MAX_SPARE_BYTES = 4 << 20 };

static struct Backing spares[MAX_SPARES];
static int oldest;

static bool has_file(const struct Backing *backing) { return backing->file != NO_FILE; }

static void unmap(struct Backing *backing) {
  if (!backing->bytes) return;
  munmap(backing->bytes, backing->capacity);
  if (has_file(backing)) close(backing->file);
  *backing = (struct Backing){0};
}

static bool take_spare(enum MemoryKind kind, size_t capacity, struct Backing *taken) {
  for (int i = 0; i < MAX_SPARES; i++) {
    struct Backing *spare = &spares[i];
    if (!spare->bytes || spare->capacity != capacity) continue;
    if (has_file(spare) != (kind == MEMORY_PINNED)) continue;
    *taken = *spare;
    *spare = (struct Backing){0};
    return true;
  }
  return false;
}

static bool map(enum MemoryKind kind, size_t capacity, struct Backing *made) {
  int file = NO_FILE;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (kind == MEMORY_PINNED) {
    file = memfd_create("pinned", MFD_CLOEXEC);
    if (file < 0) return false;
    flags = MAP_SHARED;
  }
  void *bytes = MAP_FAILED;
  if (file == NO_FILE || ftruncate(file, (off_t)capacity) == 0) {
    bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, flags, file, 0);
  }
  if (bytes == MAP_FAILED) {
    if (file != NO_FILE) close(file);
    return false;
  }
  *made = (struct Backing){.bytes = bytes, .capacity = capacity, .file = file};
  return true;
}

bool backing_take(enum MemoryKind kind, size_t capacity, struct Backing *taken) {
  return take_spare(kind, capacity, taken) || map(kind, capacity, taken);
}

void backing_give(struct Backing *backing, bool again) {
  if (!again || backing->capacity > MAX_SPARE_BYTES) {
    unmap(backing);
    return;
  }
  unmap(&spares[oldest]);
  spares[oldest] = *backing;
  oldest = (oldest + 1) % MAX_SPARES;
  *backing = (struct Backing){0};
}
