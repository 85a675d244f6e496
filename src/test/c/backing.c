// The driver's own mappings of memory. Most are kept when their allocation ends, and the next allocation
// of the same size takes one: new pages cost far more than overwriting old ones, and each test opens a
// device. Not kept are mappings over 4 MiB, and those that somebody may still see.
#define _GNU_SOURCE
#include <sys/mman.h>

#include "sim.h"

enum { MAX_SPARES = 64, MAX_SPARE_BYTES = 4 << 20 };  // up to 256 MiB, which count as free

static struct Backing spares[MAX_SPARES];
static int oldest;

static void unmap(struct Backing *backing) {
  if (backing->bytes) munmap(backing->bytes, backing->capacity);
  *backing = (struct Backing){0};
}

static bool take_spare(enum MemoryKind kind, size_t capacity, struct Backing *taken) {
  for (int i = 0; i < MAX_SPARES; i++) {
    struct Backing *spare = &spares[i];
    if (!spare->bytes || spare->capacity != capacity || spare->kind != kind) continue;
    *taken = *spare;
    *spare = (struct Backing){0};
    return true;
  }
  return false;
}

bool backing_take(enum MemoryKind kind, size_t capacity, struct Backing *taken) {
  if (take_spare(kind, capacity, taken)) return true;
  int sharing = kind == MEMORY_PINNED ? MAP_SHARED : MAP_PRIVATE;  // shared: to be mapped twice
  void *bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return false;
  *taken = (struct Backing){.bytes = bytes, .capacity = capacity, .kind = kind};
  return true;
}

bool backing_show(const struct Backing *backing, uint64_t address) {
  return mremap(backing->bytes, 0, backing->capacity, MREMAP_MAYMOVE | MREMAP_FIXED, address)
      != MAP_FAILED;  // an old size of 0 maps shared memory once more
}

void backing_give(struct Backing *backing, bool seen) {
  if (seen || backing->capacity > MAX_SPARE_BYTES) {
    unmap(backing);
    return;
  }
  int slot = 0;
  while (slot < MAX_SPARES && spares[slot].bytes) slot++;
  if (slot == MAX_SPARES) {
    slot = oldest;
    oldest = (oldest + 1) % MAX_SPARES;
    unmap(&spares[slot]);
  }
  spares[slot] = *backing;
  *backing = (struct Backing){0};
}
