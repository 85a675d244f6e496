// Libraries that stand on the driver as files of its own do: they queue operations, have handles in
// its contexts, and are made to fail and asked for leaks with it.
#include <string.h>

#include "sim.h"

static struct Sibling *siblings;

void sibling_register(struct Sibling *sibling) {
  pthread_mutex_lock(&sim.lock);
  sibling->next = siblings;
  siblings = sibling;
  pthread_mutex_unlock(&sim.lock);
}

bool sibling_has_call(const char *name) {
  for (struct Sibling *sibling = siblings; sibling; sibling = sibling->next) {
    for (int i = 0; sibling->calls[i]; i++) {
      if (strcmp(sibling->calls[i], name) == 0) return true;
    }
  }
  return false;
}

void sibling_end_context(struct Context *context, bool lost_is_a_leak) {
  for (struct Sibling *sibling = siblings; sibling; sibling = sibling->next) {
    sibling->end_context(context, lost_is_a_leak);
  }
}

void sibling_count(struct Live *live, struct Text *leaks) {
  for (struct Sibling *sibling = siblings; sibling; sibling = sibling->next) {
    sibling->count(live, leaks);
  }
}
