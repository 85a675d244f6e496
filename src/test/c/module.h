// Modules, functions, and the queueing of kernels.
#ifndef MODULE_H
#define MODULE_H

#include "ptx.h"

struct Function {
  CUfunction handle;
  struct Module *module;
  const struct PtxKernel *kernel;
  bool launched;
  struct Function *next;
};

struct Module {
  CUmodule handle;
  struct Context *context;
  const struct PtxProgram *program;
  struct Function *functions;
  struct Origin origin;
  bool alive;
  bool free_failed;
};

struct Module *module_new(struct Context *context, const struct PtxProgram *program,
                          struct Origin origin);
// Of the current context; reports and refuses a wrong or dead one.
CUresult module_find(CUmodule handle, struct Module **module);
// Null if it has not been looked up yet.
struct Function *module_find_function(const struct Module *module, const struct PtxKernel *kernel);
struct Function *module_add_function(struct Module *module, const struct PtxKernel *kernel);
CUresult function_find(CUfunction handle, struct Function **function);
void module_note_failed_free(CUmodule handle);
// What a stream does when the kernel's turn comes; keeps copies of the parameters.
struct Operation *launch_operation(const struct PtxLaunch *launch, const void *parameters,
                                   struct Origin origin);

#endif
