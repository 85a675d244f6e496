// Handles are numbers that look like nothing else: kind and serial. They are never reused while the
// library is loaded, and looking up a wrong one touches no memory of the application's, so a dead or
// foreign handle is told from a live one for certain.
#include <stdlib.h>

#include "sim.h"

enum { SERIAL_STEP = 16 };

static const uint64_t bases[HANDLE_KINDS] = {
    [HANDLE_CONTEXT] = 0xC0000000000,
    [HANDLE_STREAM] = 0x50000000000,
    [HANDLE_EVENT] = 0xE0000000000,
    [HANDLE_GRAPH] = 0x60000000000,
    [HANDLE_MODULE] = 0x40000000000,
    [HANDLE_FUNCTION] = 0xF0000000000,
    [HANDLE_CUBLAS] = 0xB0000000000,
};

static struct Table {
  void **objects;
  long count;
  long capacity;
  long numbered_from;
} tables[HANDLE_KINDS];

uint64_t handle_add(enum HandleKind kind, void *object) {
  struct Table *table = &tables[kind];
  if (table->count == table->capacity) {
    table->capacity = table->capacity ? 2 * table->capacity : 256;
    table->objects = realloc(table->objects, (size_t)table->capacity * sizeof *table->objects);
    if (!table->objects) abort();
  }
  table->objects[table->count++] = object;
  return bases[kind] + (uint64_t)table->count * SERIAL_STEP;
}

void *handle_object(enum HandleKind kind, uint64_t handle) {
  struct Table *table = &tables[kind];
  if (handle < bases[kind] || handle % SERIAL_STEP) return NULL;
  uint64_t serial = (handle - bases[kind]) / SERIAL_STEP;
  if (serial == 0 || serial > (uint64_t)table->count) return NULL;
  return table->objects[serial - 1];
}

// Relative, so that two runs in one JVM report and log the same numbers.
long handle_number(enum HandleKind kind, uint64_t handle) {
  return (long)((handle - bases[kind]) / SERIAL_STEP) - tables[kind].numbered_from;
}

void handle_reset_numbers(void) {
  for (int kind = 0; kind < HANDLE_KINDS; kind++) {
    bool kept = kind == HANDLE_CONTEXT;  // primary contexts outlive resets
    tables[kind].numbered_from = kept ? 0 : tables[kind].count;
  }
}

long handle_first(enum HandleKind kind) { return tables[kind].numbered_from; }

long handle_count(enum HandleKind kind) { return tables[kind].count; }

void *handle_nth(enum HandleKind kind, long index) { return tables[kind].objects[index]; }
