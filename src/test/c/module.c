// Modules and the functions looked up in them; a kernel on its way to a stream.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "module.h"

struct Module *module_new(struct Context *context, const struct PtxProgram *program,
                          struct Origin origin) {
  struct Module *module = calloc(1, sizeof *module);
  if (!module) abort();
  module->handle = handle_add(HANDLE_MODULE, module);
  module->context = context;
  module->program = program;
  module->origin = origin;
  module->alive = true;
  return module;
}

CUresult module_find(CUmodule handle, struct Module **found) {
  struct Module *module = handle_object(HANDLE_MODULE, handle);
  if (!module) {
    report_violation("0x%llx is no module", (unsigned long long)handle);
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (!module->alive) {
    if (!module->context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    report_violation("use of module %ld after it was unloaded",
                     handle_number(HANDLE_MODULE, handle));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (module->context != context_current()) {
    report_violation("module %ld belongs to another context than the current one",
                     handle_number(HANDLE_MODULE, handle));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  *found = module;
  return CUDA_SUCCESS;
}

struct Function *module_find_function(const struct Module *module, const struct PtxKernel *kernel) {
  struct Function *function = module->functions;
  while (function && function->kernel != kernel) function = function->next;
  return function;
}

struct Function *module_add_function(struct Module *module, const struct PtxKernel *kernel) {
  struct Function *function = calloc(1, sizeof *function);
  if (!function) abort();
  function->handle = handle_add(HANDLE_FUNCTION, function);
  function->module = module;
  function->kernel = kernel;
  function->next = module->functions;
  module->functions = function;
  return function;
}

CUresult function_find(CUfunction handle, struct Function **found) {
  struct Function *function = handle_object(HANDLE_FUNCTION, handle);
  if (!function) {
    report_violation("0x%llx is no function", (unsigned long long)handle);
    return CUDA_ERROR_INVALID_HANDLE;
  }
  struct Module *module;
  CUresult result = module_find(function->module->handle, &module);
  if (result == CUDA_SUCCESS) *found = function;
  return result;
}

void module_note_failed_free(CUmodule handle) {
  struct Module *module = handle_object(HANDLE_MODULE, handle);
  if (module) module->free_failed = true;
}

static void describe(const struct Module *module, struct Text *text) {
  text_add(text, "module %ld, made by %s number %ld%s",
           handle_number(HANDLE_MODULE, module->handle), module->origin.call, module->origin.nth,
           module->free_failed ? "; its free was made to fail" : "");
}

void module_end_context(struct Context *context, bool lost_is_a_leak) {
  for (long i = handle_first(HANDLE_MODULE); i < handle_count(HANDLE_MODULE); i++) {
    struct Module *module = handle_nth(HANDLE_MODULE, i);
    if (!module->alive || module->context != context) continue;
    if (lost_is_a_leak) describe(module, report_lost_text());
    module->alive = false;
  }
}

void module_count(struct Live *live, struct Text *leaks) {
  for (long i = handle_first(HANDLE_MODULE); i < handle_count(HANDLE_MODULE); i++) {
    struct Module *module = handle_nth(HANDLE_MODULE, i);
    if (!module->alive) continue;
    live->modules++;
    describe(module, leaks);
  }
}

// --- launches ------------------------------------------------------------------------------------

struct Launch {
  struct PtxLaunch ptx;
  struct Allocation *used[PTX_PARAMETERS];
  int used_count;
};

static void use_allocation(struct Launch *launch, struct Allocation *allocation) {
  for (int i = 0; i < launch->used_count; i++) {
    if (launch->used[i] == allocation) return;
  }
  if (launch->used_count == PTX_PARAMETERS) return;
  allocation->in_use++;
  launch->used[launch->used_count++] = allocation;
}

// A device does not know what a kernel will touch. But what a parameter points into is not to be
// freed before the kernel has run.
static void use_what_parameters_point_to(struct Launch *launch) {
  for (uint32_t at = 0; at + 8 <= launch->ptx.kernel->parameter_bytes; at += 8) {
    uint64_t word;
    memcpy(&word, launch->ptx.parameters + at, sizeof word);
    struct Allocation *allocation = memory_find(word);
    if (!allocation || allocation->freed || word - allocation->address >= allocation->size) continue;
    use_allocation(launch, allocation);
  }
}

static CUresult run(void *arguments) { return ptx_run(&((struct Launch *)arguments)->ptx); }

static void end(void *arguments) {
  struct Launch *launch = arguments;
  if (launch->ptx.violation[0]) report_violation("%s", launch->ptx.violation);
  for (int i = 0; i < launch->used_count; i++) launch->used[i]->in_use--;
  free(launch->ptx.parameters);
  free(launch);
}

struct Operation *launch_operation(const struct PtxLaunch *model, const void *parameters,
                                   struct Origin origin) {
  struct Launch *launch = calloc(1, sizeof *launch);
  if (!launch) abort();
  launch->ptx = *model;
  launch->ptx.parameters = malloc(model->kernel->parameter_bytes + 8);
  if (!launch->ptx.parameters) abort();
  memcpy(launch->ptx.parameters, parameters, model->kernel->parameter_bytes);
  launch->ptx.limit_ns = sim.kernel_limit_ns;
  launch->ptx.backwards = sim.schedule == SCHEDULE_SEEDED && sim.seed % 2;
  use_what_parameters_point_to(launch);
  struct Operation *operation = operation_new(OPERATION_KERNEL, origin);
  operation->kernel = run;
  operation->end_kernel = end;
  operation->arguments = launch;
  return operation;
}
