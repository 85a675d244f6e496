// Failures to order: the n-th call of a name, or the n-th operation of a kind ("exec:copyHtoD").
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { MAX_FAULTS = 64 };

static struct Fault {
  char name[64];
  long remaining;  // occurrences until it strikes
  CUresult code;
} faults[MAX_FAULTS];
static int count;

void faults_add(const char *name, long nth, CUresult code) {
  if (count == MAX_FAULTS) {
    report_violation("more than %d faults ordered at once", MAX_FAULTS);
    return;
  }
  struct Fault *fault = &faults[count++];
  snprintf(fault->name, sizeof fault->name, "%s", name);
  fault->remaining = nth;
  fault->code = code;
}

void faults_clear(void) { count = 0; }

CUresult faults_take(const char *name) {
  CUresult code = CUDA_SUCCESS;
  for (int i = 0; i < count; i++) {
    if (strcmp(faults[i].name, name) == 0 && --faults[i].remaining == 0) code = faults[i].code;
  }
  return code;
}
