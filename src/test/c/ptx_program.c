// Programs: PTX texts as machine code. gcc does the last step; what it makes is kept on disk by the
// content of the C it was made from, so each text costs its half second once, not once per JVM.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ptx.h"

struct PtxProgram {
  struct PtxProgram *next;
  char *source;
  struct PtxText text;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct PtxProgram *programs;  // kept for good, with what of them has run

// The text of ptx_kernel.h, for the generated file.
__asm__(
    ".section .rodata\n"
    "ptx_kernel_h: .incbin \"ptx_kernel.h\"\n"
    ".byte 0\n"
    ".previous\n");
extern const char ptx_kernel_h[] __attribute__((visibility("hidden")));

static const char *const compiler[] = {
    "gcc",   "-std=gnu11", "-O1", "-ffp-contract=off", "-fno-strict-aliasing", "-fwrapv",
    "-fPIC", "-shared",    "-w"};

enum { COMPILER_WORDS = sizeof compiler / sizeof *compiler, PATH = 1024 };

// --- the folder ----------------------------------------------------------------------------------

static bool cache_folder(char *path, size_t size) {
  Dl_info info;
  if (!dladdr(ptx_kernel_h, &info)) return false;
  const char *slash = strrchr(info.dli_fname, '/');
  int length = slash ? (int)(slash - info.dli_fname) : 1;
  snprintf(path, size, "%.*s/cache", length, slash ? info.dli_fname : ".");
  return mkdir(path, 0777) == 0 || errno == EEXIST;
}

// FNV-1a, twice with other beginnings: 128 bits that only accidents must not collide in.
static void hash(const char *bytes, size_t size, uint64_t result[2]) {
  result[0] = 0xcbf29ce484222325;
  result[1] = 0x9ae16a3b2f90404f;
  for (size_t i = 0; i < size; i++) {
    for (int k = 0; k < 2; k++) result[k] = (result[k] ^ (uint8_t)bytes[i]) * 0x100000001b3;
  }
}

// --- gcc -----------------------------------------------------------------------------------------

static bool write_file(const char *path, const char *bytes, size_t size) {
  FILE *file = fopen(path, "w");
  if (!file) return false;
  bool written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && written;
}

static bool compile(const char *source, const char *target, const char *log) {
  const char *words[COMPILER_WORDS + 5];
  memcpy(words, compiler, sizeof compiler);
  int n = COMPILER_WORDS;
  words[n++] = "-o";
  words[n++] = target;
  words[n++] = source;
  words[n++] = "-lm";
  words[n] = NULL;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  pid_t process;
  int refused = posix_spawnp(&process, words[0], &actions, NULL, (char *const *)words, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (refused) return false;
  int status = -1;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void read_start(const char *path, char *text, size_t size) {
  FILE *file = fopen(path, "r");
  size_t length = file ? fread(text, 1, size - 1, file) : 0;
  text[length] = 0;
  if (file) fclose(file);
}

// Made under a name of this process's own and moved into place: two JVMs may do it at once.
static bool make(const char *library, const char *c, size_t size, struct PtxError *error) {
  char base[PATH];
  char source[PATH + 8];
  char target[PATH + 8];
  char log[PATH + 8];
  snprintf(base, sizeof base, "%s.%ld", library, (long)getpid());
  snprintf(source, sizeof source, "%s.c", base);
  snprintf(target, sizeof target, "%s.so", base);
  snprintf(log, sizeof log, "%s.log", base);
  bool made =
      write_file(source, c, size) && compile(source, target, log) && rename(target, library) == 0;
  if (!made) {
    char told[300];
    read_start(log, told, sizeof told);
    error->code = CUDA_ERROR_UNKNOWN;
    snprintf(error->text, sizeof error->text, "gcc failed on the C made from this PTX (%.100s): %s",
             source, told);
  } else {
    unlink(source);
  }
  unlink(log);
  return made;
}

static void *load(const char *c, size_t size, struct PtxError *error) {
  char folder[PATH / 2];
  char library[PATH - 64];
  uint64_t key[2];
  if (!cache_folder(folder, sizeof folder)) {
    error->code = CUDA_ERROR_UNKNOWN;
    snprintf(error->text, sizeof error->text,
             "the cache for generated code cannot be made beside the driver");
    return NULL;
  }
  hash(c, size, key);
  snprintf(library, sizeof library, "%s/%016llx%016llx.so", folder, (unsigned long long)key[0],
           (unsigned long long)key[1]);
  if (access(library, R_OK) != 0 && !make(library, c, size, error)) return NULL;
  void *code = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!code) {
    error->code = CUDA_ERROR_UNKNOWN;
    snprintf(error->text, sizeof error->text, "%s", dlerror());
  }
  return code;
}

// --- translation ---------------------------------------------------------------------------------

static bool parse(struct PtxText *text, const char *source, FILE *out, struct PtxError *error) {
  struct PtxWork work = {.error = error};
  if (setjmp(work.give_up)) return false;
  ptx_parse(source, text, &work);
  fprintf(out, "#define PTX_GENERATED\n%s", ptx_kernel_h);
  ptx_emit(text, out, &work);
  return true;
}

static void free_text(struct PtxText *text) {
  for (int i = 0; i < text->kernel_count; i++) {
    struct PtxKernel *kernel = &text->kernels[i];
    free(kernel->registers);
    free(kernel->variables);
    free(kernel->instructions);
    free(kernel->lines);
    free(kernel->executed);
  }
  free(text->kernels);
  free(text->shared);
}

static bool translate(struct PtxText *text, const char *source, struct PtxError *error) {
  char *c = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&c, &size);
  if (!out) abort();
  bool done = parse(text, source, out, error);
  fclose(out);
  void *code = done ? load(c, size, error) : NULL;
  free(c);
  for (int i = 0; code && i < text->kernel_count; i++) {
    char name[PTX_NAME + 8];
    snprintf(name, sizeof name, "kernel_%s", text->kernels[i].name);
    text->kernels[i].function = (PtxFunction *)dlsym(code, name);
  }
  return code != NULL;
}

static struct PtxProgram *known(const char *source) {
  for (struct PtxProgram *program = programs; program; program = program->next) {
    if (strcmp(program->source, source) == 0) return program;
  }
  return NULL;
}

const struct PtxProgram *ptx_program(const char *source, int newest_version,
                                     struct PtxError *error) {
  *error = (struct PtxError){0};
  pthread_mutex_lock(&lock);
  struct PtxProgram *program = known(source);
  if (!program || program->text.version > newest_version) {  // then to be refused again
    program = calloc(1, sizeof *program);
    if (!program) abort();
    program->text.newest_version = newest_version;
    if (translate(&program->text, source, error)) {
      program->source = strdup(source);
      program->next = programs;
      programs = program;
    } else {
      free_text(&program->text);
      free(program);
      program = NULL;
    }
  }
  pthread_mutex_unlock(&lock);
  return program;
}

const struct PtxKernel *ptx_program_kernel(const struct PtxProgram *program, const char *name) {
  for (int i = 0; i < program->text.kernel_count; i++) {
    if (strcmp(program->text.kernels[i].name, name) == 0) return &program->text.kernels[i];
  }
  return NULL;
}

int ptx_program_version(const struct PtxProgram *program) { return program->text.version; }

int ptx_program_target(const struct PtxProgram *program) { return program->text.target; }

// --- coverage ------------------------------------------------------------------------------------

static void cover(const struct PtxKernel *kernel, struct Text *text) {
  char missing[900] = "";
  size_t used = 0;
  int executed = 0;
  for (int i = 0; i < kernel->statement_count; i++) {
    if (kernel->executed[i]) {
      executed++;
    } else if (used + 16 < sizeof missing) {
      used += (size_t)snprintf(missing + used, sizeof missing - used, " %d", kernel->lines[i]);
    }
  }
  text_add(text, "%s %d %d%s", kernel->name, executed, kernel->statement_count, missing);
}

void ptx_coverage(const char *source, struct Text *text) {
  pthread_mutex_lock(&lock);
  struct PtxProgram *program = known(source);
  for (int i = 0; program && i < program->text.kernel_count; i++) {
    cover(&program->text.kernels[i], text);
  }
  pthread_mutex_unlock(&lock);
}

void ptx_clear_coverage(void) {
  pthread_mutex_lock(&lock);
  for (struct PtxProgram *program = programs; program; program = program->next) {
    for (int i = 0; i < program->text.kernel_count; i++) {
      struct PtxKernel *kernel = &program->text.kernels[i];
      memset(kernel->executed, 0, (size_t)kernel->statement_count);
    }
  }
  pthread_mutex_unlock(&lock);
}
