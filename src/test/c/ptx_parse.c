// PTX tokens into kernels. What a driver would take and this one does not is refused by name and line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

enum { MAX_DEPTH = 32 };

struct Parser {
  struct Lexer lexer;
  struct Token token;  // the one to look at
  struct PtxText *text;
  struct PtxKernel *kernel;
  int scopes[MAX_DEPTH];  // the open blocks of the kernel, outermost first
  int depth;
  int last_scope;
  struct PtxWork *work;
};

void ptx_refuse(struct PtxWork *work, CUresult code, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  work->error->code = code;
  work->error->line = line;
  vsnprintf(work->error->text, sizeof work->error->text, format, arguments);
  va_end(arguments);
  longjmp(work->give_up, 1);
}

#define REFUSE(parser, ...) \
  ptx_refuse((parser)->work, CUDA_ERROR_INVALID_PTX, (parser)->token.line, __VA_ARGS__)

static const struct {
  const char *name;
  int bytes;
} types[] = {{"pred", 1}, {"b8", 1},  {"u8", 1},  {"s8", 1},  {"b16", 2}, {"u16", 2},
             {"s16", 2},  {"f16", 2}, {"b32", 4}, {"u32", 4}, {"s32", 4}, {"f32", 4},
             {"b64", 8},  {"u64", 8}, {"s64", 8}, {"f64", 8}};

int ptx_type_bytes(const char *type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(types[i].name, type) == 0) return types[i].bytes;
  }
  return 0;
}

// --- tokens --------------------------------------------------------------------------------------

static void advance(struct Parser *parser) {
  parser->token = ptx_next_token(&parser->lexer, parser->work);
}

static bool is(const struct Parser *parser, enum TokenKind kind, const char *text) {
  return parser->token.kind == kind && strcmp(parser->token.text, text) == 0;
}

static bool is_sign(const struct Parser *parser, const char *sign) {
  return is(parser, TOKEN_PUNCTUATION, sign);
}

static bool accept(struct Parser *parser, enum TokenKind kind, const char *text) {
  if (!is(parser, kind, text)) return false;
  advance(parser);
  return true;
}

static bool accept_sign(struct Parser *parser, const char *sign) {
  return accept(parser, TOKEN_PUNCTUATION, sign);
}

static void expect_sign(struct Parser *parser, const char *sign) {
  if (!accept_sign(parser, sign)) {
    REFUSE(parser, "'%s' expected before '%s'", sign, parser->token.text);
  }
}

static void take_name(struct Parser *parser, enum TokenKind kind, char *name, size_t size) {
  if (parser->token.kind != kind || strlen(parser->token.text) >= size) {
    REFUSE(parser, "a %s expected, not '%s'", kind == TOKEN_WORD ? "name" : "type",
           parser->token.text);
  }
  strcpy(name, parser->token.text);
  advance(parser);
}

static uint64_t take_integer(struct Parser *parser) {
  if (parser->token.kind != TOKEN_INTEGER) {
    REFUSE(parser, "a number expected, not '%s'", parser->token.text);
  }
  uint64_t value = parser->token.value;
  advance(parser);
  return value;
}

static void *grown(void *items, int count, size_t size) {
  if (count & (count - 1)) return items;  // room is made at each power of two
  items = realloc(items, (count ? 2 * (size_t)count : 1) * size);
  if (!items) abort();
  return items;
}

// --- variables -----------------------------------------------------------------------------------

static uint32_t align(uint32_t offset, uint32_t unit) { return (offset + unit - 1) / unit * unit; }

struct Declared {
  char name[PTX_NAME];
  uint32_t size;
  uint32_t alignment;
  bool open;  // "[]"
};

// ".align 4 .b8 name[128]", behind the state space.
static struct Declared declared(struct Parser *parser) {
  struct Declared variable = {.alignment = 0};
  char type[PTX_NAME];
  if (accept(parser, TOKEN_DOTTED, "align")) variable.alignment = (uint32_t)take_integer(parser);
  take_name(parser, TOKEN_DOTTED, type, sizeof type);
  uint32_t bytes = (uint32_t)ptx_type_bytes(type);
  if (!bytes) REFUSE(parser, "variables of type .%s are not translated", type);
  if (accept(parser, TOKEN_DOTTED, "ptr")) {  // what a pointer parameter points to
    while (!is(parser, TOKEN_WORD, parser->token.text)) advance(parser);
  }
  take_name(parser, TOKEN_WORD, variable.name, sizeof variable.name);
  if (variable.alignment == 0) variable.alignment = bytes;
  variable.size = bytes;
  while (accept_sign(parser, "[")) {
    if (accept_sign(parser, "]")) {
      variable.open = true;
      continue;
    }
    variable.size *= (uint32_t)take_integer(parser);
    expect_sign(parser, "]");
  }
  if (is_sign(parser, "=")) REFUSE(parser, "variables with a value are not translated");
  return variable;
}

static void add_variable(struct Parser *parser, enum Space space, bool is_extern) {
  struct PtxKernel *kernel = parser->kernel;
  struct Declared it = declared(parser);
  struct Variable variable = {.space = space, .size = it.size, .dynamic = is_extern || it.open};
  strcpy(variable.name, it.name);
  if (!kernel) {
    if (!variable.dynamic) {
      REFUSE(parser, "static shared memory outside a kernel is not translated");
    }
    struct PtxText *text = parser->text;
    text->shared = grown(text->shared, text->shared_count, sizeof variable);
    text->shared[text->shared_count++] = variable;
    return;
  }
  uint32_t *used = space == SPACE_SHARED  ? &kernel->shared_bytes
                   : space == SPACE_LOCAL ? &kernel->local_bytes
                                          : &kernel->parameter_bytes;
  if (!variable.dynamic) {
    variable.offset = align(*used, it.alignment);
    *used = variable.offset + variable.size;
  }
  if (space == SPACE_PARAMETER) {
    if (kernel->parameter_count == PTX_PARAMETERS) {
      REFUSE(parser, "more than %d parameters", PTX_PARAMETERS);
    }
    kernel->parameters[kernel->parameter_count].offset = variable.offset;
    kernel->parameters[kernel->parameter_count++].size = variable.size;
  }
  kernel->variables = grown(kernel->variables, kernel->variable_count, sizeof variable);
  kernel->variables[kernel->variable_count++] = variable;
}

const struct Variable *ptx_variable(const struct PtxText *text, const struct PtxKernel *kernel,
                                    const char *name) {
  for (int i = 0; i < kernel->variable_count; i++) {
    if (strcmp(kernel->variables[i].name, name) == 0) return &kernel->variables[i];
  }
  for (int i = 0; i < text->shared_count; i++) {
    if (strcmp(text->shared[i].name, name) == 0) return &text->shared[i];
  }
  return NULL;
}

static void add_registers(struct Parser *parser) {
  struct PtxKernel *kernel = parser->kernel;
  struct Register one = {.count = 0};
  char type[PTX_NAME];
  take_name(parser, TOKEN_DOTTED, type, sizeof type);
  if (!ptx_type_bytes(type) || strlen(type) >= sizeof one.type) {
    REFUSE(parser, "registers of type .%s are not translated", type);
  }
  strcpy(one.type, type);
  do {
    take_name(parser, TOKEN_WORD, one.name, sizeof one.name);
    one.count = 0;
    one.scope = parser->scopes[parser->depth - 1];
    if (accept_sign(parser, "<")) {
      one.count = (long)take_integer(parser);
      expect_sign(parser, ">");
    }
    for (int i = 0; i < kernel->register_count; i++) {
      const struct Register *other = &kernel->registers[i];
      bool same = other->scope == one.scope && strcmp(other->name, one.name) == 0;
      if (same) REFUSE(parser, "%s is declared twice", one.name);
    }
    kernel->registers = grown(kernel->registers, kernel->register_count, sizeof one);
    kernel->registers[kernel->register_count++] = one;
  } while (accept_sign(parser, ","));
  expect_sign(parser, ";");
}

// --- instructions --------------------------------------------------------------------------------

static uint64_t take_signed(struct Parser *parser) {
  bool negative = accept_sign(parser, "-");
  uint64_t value = take_integer(parser);
  return negative ? -value : value;
}

static void take_address(struct Parser *parser, struct Operand *operand) {
  operand->kind = OPERAND_ADDRESS;
  if (parser->token.kind == TOKEN_WORD) {
    take_name(parser, TOKEN_WORD, operand->word, sizeof operand->word);
    if (accept_sign(parser, "+") || is_sign(parser, "-")) operand->value = take_signed(parser);
  } else {
    operand->value = take_signed(parser);
  }
  expect_sign(parser, "]");
}

static void take_vector(struct Parser *parser, struct Operand *operand) {
  operand->kind = OPERAND_VECTOR;
  do {
    if (operand->count == PTX_VECTOR) REFUSE(parser, "a vector of more than %d", PTX_VECTOR);
    take_name(parser, TOKEN_WORD, operand->elements[operand->count++], PTX_NAME);
  } while (accept_sign(parser, ","));
  expect_sign(parser, "}");
}

static struct Operand take_operand(struct Parser *parser) {
  struct Operand operand = {.kind = OPERAND_WORD};
  if (accept_sign(parser, "[")) {
    take_address(parser, &operand);
  } else if (accept_sign(parser, "{")) {
    take_vector(parser, &operand);
  } else if (parser->token.kind == TOKEN_FLOAT) {
    operand.kind = OPERAND_FLOAT;
    operand.value = parser->token.value;
    operand.float_bytes = parser->token.float_bytes;
    advance(parser);
  } else if (parser->token.kind == TOKEN_INTEGER || is_sign(parser, "-")) {
    operand.kind = OPERAND_INTEGER;
    operand.value = take_signed(parser);
  } else {
    operand.negated = accept_sign(parser, "!");
    take_name(parser, TOKEN_WORD, operand.word, sizeof operand.word);
    if (parser->token.kind == TOKEN_DOTTED) {
      take_name(parser, TOKEN_DOTTED, operand.part, sizeof operand.part);
    }
    if (accept_sign(parser, "|")) {
      take_name(parser, TOKEN_WORD, operand.second, sizeof operand.second);
    }
  }
  return operand;
}

static void add_instruction(struct Parser *parser, const struct Instruction *it) {
  struct PtxKernel *kernel = parser->kernel;
  kernel->instructions = grown(kernel->instructions, kernel->instruction_count, sizeof *it);
  kernel->instructions[kernel->instruction_count++] = *it;
}

static void take_instruction(struct Parser *parser) {
  struct Instruction it = {.line = parser->token.line};
  if (accept_sign(parser, "@")) {
    it.guard_negated = accept_sign(parser, "!");
    take_name(parser, TOKEN_WORD, it.guard, sizeof it.guard);
    it.line = parser->token.line;
  }
  take_name(parser, TOKEN_WORD, it.opcode, sizeof it.opcode);
  if (accept_sign(parser, ":")) {
    it.form = FORM_LABEL;
  } else {
    while (parser->token.kind == TOKEN_DOTTED) {
      if (it.modifier_count == PTX_MODIFIERS) {
        REFUSE(parser, "more than %d modifiers", PTX_MODIFIERS);
      }
      take_name(parser, TOKEN_DOTTED, it.modifiers[it.modifier_count++], sizeof it.modifiers[0]);
    }
    while (!accept_sign(parser, ";")) {
      if (it.operand_count == PTX_OPERANDS) REFUSE(parser, "more than %d operands", PTX_OPERANDS);
      it.operands[it.operand_count++] = take_operand(parser);
      if (!is_sign(parser, ";")) expect_sign(parser, ",");
    }
  }
  add_instruction(parser, &it);
}

// --- kernels -------------------------------------------------------------------------------------

static void skip_to(struct Parser *parser, const char *sign) {
  while (!accept_sign(parser, sign)) {
    if (parser->token.kind == TOKEN_END) REFUSE(parser, "'%s' expected before the end", sign);
    advance(parser);
  }
}

static void skip_line(struct Parser *parser) {
  int line = parser->token.line;
  while (parser->token.line == line && parser->token.kind != TOKEN_END) advance(parser);
}

static void take_declaration(struct Parser *parser) {
  if (accept(parser, TOKEN_DOTTED, "reg")) {
    add_registers(parser);
  } else if (accept(parser, TOKEN_DOTTED, "shared")) {
    add_variable(parser, SPACE_SHARED, false);
    expect_sign(parser, ";");
  } else if (accept(parser, TOKEN_DOTTED, "local")) {
    add_variable(parser, SPACE_LOCAL, false);
    expect_sign(parser, ";");
  } else if (accept(parser, TOKEN_DOTTED, "pragma")) {
    skip_to(parser, ";");
  } else if (is(parser, TOKEN_DOTTED, "loc")) {
    skip_line(parser);
  } else {
    REFUSE(parser, ".%s in a kernel is not translated", parser->token.text);
  }
}

static void begin_block(struct Parser *parser) {
  struct Instruction begin = {
      .form = FORM_BLOCK_BEGIN, .line = parser->token.line, .scope = ++parser->last_scope};
  if (parser->depth == MAX_DEPTH) REFUSE(parser, "blocks are nested more than %d deep", MAX_DEPTH);
  parser->scopes[parser->depth++] = begin.scope;
  add_instruction(parser, &begin);
}

static void end_block(struct Parser *parser) {
  struct Instruction end = {.form = FORM_BLOCK_END, .line = parser->token.line};
  if (--parser->depth > 0) add_instruction(parser, &end);
}

static void take_body(struct Parser *parser) {
  expect_sign(parser, "{");
  parser->depth = 1;
  parser->scopes[0] = 0;
  parser->last_scope = 0;
  while (parser->depth > 0) {
    if (parser->token.kind == TOKEN_END) {
      REFUSE(parser, "the kernel %s does not end", parser->kernel->name);
    }
    if (accept_sign(parser, "{")) {
      begin_block(parser);
    } else if (accept_sign(parser, "}")) {
      end_block(parser);
    } else if (parser->token.kind == TOKEN_DOTTED) {
      take_declaration(parser);
    } else {
      take_instruction(parser);
    }
  }
}

static void take_limits(struct Parser *parser) {
  while (parser->token.kind == TOKEN_DOTTED) {
    if (is(parser, TOKEN_DOTTED, "maxntid") || is(parser, TOKEN_DOTTED, "reqntid")) {
      uint32_t threads = 1;
      do {
        advance(parser);
        threads *= (uint32_t)take_integer(parser);
      } while (is_sign(parser, ","));
      parser->kernel->max_threads = threads;
    } else if (is(parser, TOKEN_DOTTED, "minnctapersm") || is(parser, TOKEN_DOTTED, "maxnreg")) {
      advance(parser);
      take_integer(parser);
    } else {
      REFUSE(parser, ".%s of a kernel is not translated", parser->token.text);
    }
  }
}

static void take_kernel(struct Parser *parser) {
  struct PtxText *text = parser->text;
  struct PtxKernel kernel = {.line = parser->token.line};
  take_name(parser, TOKEN_WORD, kernel.name, sizeof kernel.name);
  text->kernels = grown(text->kernels, text->kernel_count, sizeof kernel);
  parser->kernel = &text->kernels[text->kernel_count++];
  *parser->kernel = kernel;
  if (accept_sign(parser, "(") && !accept_sign(parser, ")")) {
    do {
      if (!accept(parser, TOKEN_DOTTED, "param")) REFUSE(parser, ".param expected");
      add_variable(parser, SPACE_PARAMETER, false);
    } while (accept_sign(parser, ","));
    expect_sign(parser, ")");
  }
  take_limits(parser);
  take_body(parser);
  parser->kernel = NULL;
}

// --- modules -------------------------------------------------------------------------------------

static void take_version(struct Parser *parser) {
  int major;
  int minor;
  if (!accept(parser, TOKEN_DOTTED, "version") || parser->token.kind != TOKEN_INTEGER
      || sscanf(parser->token.text, "%d.%d", &major, &minor) != 2) {
    REFUSE(parser, "no PTX: it begins with .version");
  }
  parser->text->version = 10 * major + minor;
  int newest = parser->text->newest_version;
  if (parser->text->version > newest) {
    ptx_refuse(parser->work, CUDA_ERROR_UNSUPPORTED_PTX_VERSION, parser->token.line,
               "unsupported .version %d.%d; the newest this driver takes is %d.%d: change the header"
               " to .version 6.0 and .target sm_50, as kernels/build.sh does", major, minor,
               newest / 10, newest % 10);
  }
  advance(parser);
}

static void take_target(struct Parser *parser) {
  if (!accept(parser, TOKEN_DOTTED, "target")
      || sscanf(parser->token.text, "sm_%d", &parser->text->target) != 1) {
    REFUSE(parser, ".target sm_... expected behind .version");
  }
  advance(parser);
  while (accept_sign(parser, ",")) advance(parser);
}

static void take_address_size(struct Parser *parser) {
  if (take_integer(parser) != 64) REFUSE(parser, "only .address_size 64 is translated");
}

void ptx_parse(const char *source, struct PtxText *text, struct PtxWork *work) {
  struct Parser parser = {.lexer = {source, 1}, .text = text, .work = work};
  advance(&parser);
  take_version(&parser);
  take_target(&parser);
  bool is_extern = false;
  while (parser.token.kind != TOKEN_END) {
    if (accept(&parser, TOKEN_DOTTED, "visible") || accept(&parser, TOKEN_DOTTED, "weak")) {
      continue;
    }
    if (accept(&parser, TOKEN_DOTTED, "extern")) {
      is_extern = true;
      continue;
    }
    if (accept(&parser, TOKEN_DOTTED, "address_size")) {
      take_address_size(&parser);
    } else if (accept(&parser, TOKEN_DOTTED, "entry")) {
      take_kernel(&parser);
    } else if (accept(&parser, TOKEN_DOTTED, "shared")) {
      add_variable(&parser, SPACE_SHARED, is_extern);
      expect_sign(&parser, ";");
    } else if (is(&parser, TOKEN_DOTTED, "file")) {
      skip_line(&parser);
    } else {
      REFUSE(&parser, "%s%s outside a kernel is not translated",
             parser.token.kind == TOKEN_DOTTED ? "." : "", parser.token.text);
    }
    is_extern = false;
  }
}
