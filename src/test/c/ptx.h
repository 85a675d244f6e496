// PTX, from its text to functions that run: what the files of the translator say to each other.
//
//   ptx_lex.c      text -> tokens
//   ptx_parse.c    tokens -> struct PtxText: kernels, their variables and instructions
//   ptx_emit.c     struct PtxText -> C, one statement for each instruction
//   ptx_program.c  C -> machine code by gcc, kept on disk by content; coverage
//   ptx_run.c      runs a kernel's grid: blocks, threads, barriers, exchanges in a warp
//   ptx_kernel.h   what the generated C and ptx_run.c share; compiled into both
#ifndef PTX_H
#define PTX_H

#include <setjmp.h>
#include <stdio.h>

#include "ptx_kernel.h"
#include "sim.h"

// --- the text ------------------------------------------------------------------------------------

enum {
  PTX_NAME = 128,
  PTX_MODIFIERS = 12,
  PTX_OPERANDS = 8,
  PTX_VECTOR = 4,
  PTX_PARAMETERS = 64,
  PTX_BARRIERS = 16
};

enum TokenKind {
  TOKEN_END,
  TOKEN_WORD,
  TOKEN_DOTTED,
  TOKEN_INTEGER,
  TOKEN_FLOAT,
  TOKEN_STRING,
  TOKEN_PUNCTUATION
};

struct Token {
  enum TokenKind kind;
  int line;
  char text[PTX_NAME];  // of a DOTTED without its dot
  uint64_t value;       // of an INTEGER; the bits of a FLOAT
  int float_bytes;      // 4 or 8
};

struct Lexer {
  const char *next;
  int line;
};

// The first thing that is wrong with a text.
struct PtxError {
  CUresult code;
  int line;
  char text[512];
};

// Ends the work on a text: notes what is wrong and jumps to where it began.
struct PtxWork {
  struct PtxError *error;
  jmp_buf give_up;
};
void ptx_refuse(struct PtxWork *work, CUresult code, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

struct Token ptx_next_token(struct Lexer *lexer, struct PtxWork *work);

enum OperandKind { OPERAND_WORD, OPERAND_INTEGER, OPERAND_FLOAT, OPERAND_ADDRESS, OPERAND_VECTOR };

struct Operand {
  enum OperandKind kind;
  bool negated;           // !%p
  char word[PTX_NAME];    // register, variable, label; base of an ADDRESS, "" if none
  char second[PTX_NAME];  // of %p|%q
  char part[8];           // x of %tid.x
  uint64_t value;         // of a number; offset of an ADDRESS
  int float_bytes;
  int count;  // of a VECTOR
  char elements[PTX_VECTOR][PTX_NAME];
};

enum Form { FORM_INSTRUCTION, FORM_LABEL, FORM_BLOCK_BEGIN, FORM_BLOCK_END };

struct Instruction {
  int line;
  enum Form form;
  int scope;  // of a BLOCK_BEGIN: which registers it declares
  char guard[PTX_NAME];
  bool guard_negated;
  char opcode[PTX_NAME];
  char modifiers[PTX_MODIFIERS][32];
  int modifier_count;
  struct Operand operands[PTX_OPERANDS];
  int operand_count;
};

struct Register {
  char name[PTX_NAME];  // with its %; of a range without its number
  char type[8];
  long count;  // of a range; 0: a single one
  int scope;   // the block that declares it; 0: the kernel
};

enum Space { SPACE_PARAMETER, SPACE_SHARED, SPACE_LOCAL };

struct Variable {
  char name[PTX_NAME];
  enum Space space;
  uint32_t offset;
  uint32_t size;
  bool dynamic;  // extern shared: begins where the static ones end
};

struct PtxKernel {
  char name[PTX_NAME];
  int line;
  struct Register *registers;
  int register_count;
  struct Variable *variables;
  int variable_count;
  struct Instruction *instructions;  // labels and blocks too; of a LABEL the opcode is its name
  int instruction_count;
  int parameter_count;
  struct {
    uint32_t offset;
    uint32_t size;
  } parameters[PTX_PARAMETERS];
  uint32_t parameter_bytes;
  uint32_t shared_bytes;
  uint32_t local_bytes;
  uint32_t max_threads;  // .maxntid; 0: no limit
  bool waits;            // has barriers or exchanges in a warp
  // Filled in by ptx_emit.c and ptx_program.c:
  int statement_count;
  int site_count;     // instructions that touch memory
  int *lines;         // of each statement
  uint8_t *executed;  // whether it ever was
  PtxFunction *function;
};

struct PtxText {
  int newest_version;  // that the driver takes
  int version;         // 60 for 6.0
  int target;          // 50 for sm_50
  struct PtxKernel *kernels;
  int kernel_count;
  struct Variable *shared;  // declared outside kernels
  int shared_count;
};

// Both jump out of `work` at what they cannot do.
void ptx_parse(const char *source, struct PtxText *text, struct PtxWork *work);
void ptx_emit(const struct PtxText *text, FILE *out, struct PtxWork *work);
const struct Variable *ptx_variable(const struct PtxText *text, const struct PtxKernel *kernel,
                                    const char *name);
// Sizes of PTX types in bytes, 0 if it is none; a predicate has 1.
int ptx_type_bytes(const char *type);

// --- programs ------------------------------------------------------------------------------------

struct PtxProgram;

// Translates a text, or finds what it was translated to before. Null, and why. Needs no lock.
const struct PtxProgram *ptx_program(const char *source, int newest_version,
                                     struct PtxError *error);
const struct PtxKernel *ptx_program_kernel(const struct PtxProgram *program, const char *name);
int ptx_program_version(const struct PtxProgram *program);  // 60 for 6.0
int ptx_program_target(const struct PtxProgram *program);   // 50 for sm_50
// A line "kernel executed total missing-line missing-line ..." for each kernel of a text.
void ptx_coverage(const char *source, struct Text *text);
void ptx_clear_coverage(void);

// --- running -------------------------------------------------------------------------------------

struct PtxLaunch {
  const struct PtxKernel *kernel;
  const struct Context *context;
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t dynamic_bytes;  // of shared memory
  uint64_t limit_ns;       // how long it may take
  bool backwards;          // the order of threads and blocks, which is nobody's promise
  uint8_t *parameters;
  char violation[512];  // what the kernel did wrong, "" if nothing
};

// Runs the whole grid, one kernel of the process at a time.
CUresult ptx_run(struct PtxLaunch *launch);

#endif
