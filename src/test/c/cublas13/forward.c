// A libcublas.so.12 for a machine that has CUDA 13's only: each call that JCublas2 imports goes on to
// the same name in libcublas.so.13, whatever its arguments are. A name that is not there answers
// NOT_SUPPORTED. Nobody has checked that each call means the same in both, so it serves to see the
// example train, and is never shipped.
//
// build.sh writes calls.inc: a line CALL(number, name) for each import.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

#ifndef __x86_64__
#error "the jumps below are for x86-64, like JCuda's natives"
#endif

#define CALL(number, name) #name,
static const char *const names[] = {
#include "calls.inc"
};
#undef CALL

enum { CALLS = sizeof names / sizeof *names, NOT_SUPPORTED = 15 };

__attribute__((used)) static void *targets[CALLS];

static int missing(void) { return NOT_SUPPORTED; }

__attribute__((constructor)) static void find(void) {
  void *library = dlopen("libcublas.so.13", RTLD_NOW | RTLD_LOCAL);
  if (!library) fprintf(stderr, "libcublas.so.12 of Pentrough's tests: %s\n", dlerror());
  for (int i = 0; i < CALLS; i++) {
    void *target = library ? dlsym(library, names[i]) : NULL;
    targets[i] = target ? target : (void *)missing;
  }
}

#define CALL(number, name)                                                       \
  __attribute__((naked, visibility("default"))) void name(void);                 \
  void name(void) { __asm__("jmp *targets+8*" #number "(%rip)"); }
#include "calls.inc"
