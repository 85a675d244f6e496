// PTX instructions into C statements.
//
// Most instructions are rows of a table: what they are called, which types and modifiers they may
// have, and the C of their result. Registers are local variables of unsigned integers; a statement
// reads them as what its type says, and writes bits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

enum { MAX_EXPRESSION = 1024, MAX_DEPTH = 32 };

struct Emitter {
  const struct PtxText *text;
  struct PtxKernel *kernel;
  const struct Instruction *instruction;
  struct PtxWork *work;
  FILE *out;
  int scopes[MAX_DEPTH];  // the open blocks
  int depth;
  int sites;
  int statement;
  bool waits;
};

#define REFUSE(emitter, ...) \
  ptx_refuse((emitter)->work, CUDA_ERROR_INVALID_PTX, (emitter)->instruction->line, __VA_ARGS__)

// The instruction as its author knows it, for messages.
static const char *spelled(const struct Instruction *instruction, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "%s", instruction->opcode);
  for (int i = 0; i < instruction->modifier_count && used < size; i++) {
    used += (size_t)snprintf(text + used, size - used, ".%s", instruction->modifiers[i]);
  }
  return text;
}

static void __attribute__((noreturn)) refuse_instruction(struct Emitter *emitter, const char *why) {
  char text[256];
  REFUSE(emitter, "the instruction %s is not translated: %s",
         spelled(emitter->instruction, text, sizeof text), why);
}

// --- modifiers -----------------------------------------------------------------------------------

static bool in_list(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *p = list; (p = strstr(p, word)); p += length) {
    if ((p == list || p[-1] == ' ') && (p[length] == 0 || p[length] == ' ')) return true;
  }
  return false;
}

static bool has(const struct Instruction *instruction, const char *modifier) {
  for (int i = 0; i < instruction->modifier_count; i++) {
    if (strcmp(instruction->modifiers[i], modifier) == 0) return true;
  }
  return false;
}

// The first of `words` that the instruction has as a modifier, or null.
static const char *which(const struct Instruction *instruction, const char *const *words) {
  while (*words && !has(instruction, *words)) words++;
  return *words;
}

#define WHICH(instruction, ...) which(instruction, (const char *const[]){__VA_ARGS__, NULL})

// The last modifier that is a type, or the one before it.
static const char *type_of(const struct Instruction *instruction, int before_last) {
  for (int i = instruction->modifier_count - 1; i >= 0; i--) {
    if (ptx_type_bytes(instruction->modifiers[i]) && before_last-- == 0) {
      return instruction->modifiers[i];
    }
  }
  return NULL;
}

// Refuses modifiers that are neither types nor in the list.
static void allow(struct Emitter *emitter, const char *list) {
  for (int i = 0; i < emitter->instruction->modifier_count; i++) {
    const char *modifier = emitter->instruction->modifiers[i];
    if (ptx_type_bytes(modifier) || in_list(list, modifier)) continue;
    char why[96];
    snprintf(why, sizeof why, ".%s is not known here", modifier);
    refuse_instruction(emitter, why);
  }
}

static void need_operands(struct Emitter *emitter, int least, int most) {
  int count = emitter->instruction->operand_count;
  if (count < least || count > most) {
    refuse_instruction(emitter, "the number of its operands is wrong");
  }
}

static const char *need_type(struct Emitter *emitter, int before_last) {
  const char *type = type_of(emitter->instruction, before_last);
  if (!type) refuse_instruction(emitter, "it has no type");
  return type;
}

static bool is_float(const char *type) {
  return strcmp(type, "f32") == 0 || strcmp(type, "f64") == 0;
}

static const char *rounding(const struct Instruction *instruction) {
  return has(instruction, "rz")   ? "FE_TOWARDZERO"
         : has(instruction, "rm") ? "FE_DOWNWARD"
         : has(instruction, "rp") ? "FE_UPWARD"
                                  : NULL;
}

// --- registers -----------------------------------------------------------------------------------

static const char *type_in_scope(const struct PtxKernel *kernel, int scope, const char *name) {
  for (int i = 0; i < kernel->register_count; i++) {
    const struct Register *it = &kernel->registers[i];
    size_t length = strlen(it->name);
    if (it->scope != scope) continue;
    if (it->count == 0 && strcmp(it->name, name) == 0) return it->type;
    if (it->count == 0 || strncmp(it->name, name, length) != 0 || !name[length]) continue;
    char *end;
    long number = strtol(name + length, &end, 10);
    if (!*end && number < it->count) return it->type;
  }
  return NULL;
}

// The declared type of a register, or null. Inner blocks hide what outer ones declare, as in C.
static const char *register_type(struct Emitter *emitter, const char *name) {
  for (int i = emitter->depth - 1; i >= 0; i--) {
    const char *type = type_in_scope(emitter->kernel, emitter->scopes[i], name);
    if (type) return type;
  }
  return NULL;
}

static const char *need_register(struct Emitter *emitter, const char *name) {
  const char *type = register_type(emitter, name);
  if (!type) REFUSE(emitter, "%s is not a register", name);
  return type;
}

// A register may be wider than the type in loads, stores and conversions only.
static void check_width(struct Emitter *emitter, const char *name, const char *type, bool wider) {
  int has_bytes = ptx_type_bytes(need_register(emitter, name));
  int bytes = ptx_type_bytes(type);
  bool is_predicate = strcmp(type, "pred") == 0;
  bool fits = is_predicate == (strcmp(register_type(emitter, name), "pred") == 0)
              && (wider ? has_bytes >= bytes : has_bytes == bytes);
  if (!fits) REFUSE(emitter, "register %s does not fit type .%s", name, type);
}

static const char *bare(const char *name) { return name + (name[0] == '%'); }

static const struct {
  const char *name;
  const char *c;
} specials[] = {
    {"%tid.x", "t->tid[0]"},
    {"%tid.y", "t->tid[1]"},
    {"%tid.z", "t->tid[2]"},
    {"%ntid.x", "t->ntid[0]"},
    {"%ntid.y", "t->ntid[1]"},
    {"%ntid.z", "t->ntid[2]"},
    {"%ctaid.x", "t->ctaid[0]"},
    {"%ctaid.y", "t->ctaid[1]"},
    {"%ctaid.z", "t->ctaid[2]"},
    {"%nctaid.x", "t->nctaid[0]"},
    {"%nctaid.y", "t->nctaid[1]"},
    {"%nctaid.z", "t->nctaid[2]"},
    {"%laneid", "ptx_lane(t)"},
    {"%warpid", "t->number / 32"},
    {"%gridid", "t->grid"},
    {"%lanemask_eq", "1u << ptx_lane(t)"},
    {"%lanemask_lt", "(1u << ptx_lane(t)) - 1"},
    {"%lanemask_le", "(2u << ptx_lane(t)) - 1"},
    {"%lanemask_ge", "~((1u << ptx_lane(t)) - 1)"},
    {"%lanemask_gt", "~((2u << ptx_lane(t)) - 1)"},
    {"WARP_SZ", "32"},
};

static bool read_special(const struct Operand *operand, const char *type, char *c, size_t size) {
  char name[PTX_NAME + 12];
  snprintf(name, sizeof name, "%s%s%s", operand->word, operand->part[0] ? "." : "", operand->part);
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    if (strcmp(specials[i].name, name) != 0) continue;
    snprintf(c, size, "(%s)(%s)", type, specials[i].c);
    return true;
  }
  return false;
}

static void read_register(struct Emitter *emitter, const char *name, const char *type, bool wider,
                          char *c, size_t size) {
  check_width(emitter, name, type, wider);
  if (is_float(type)) {
    snprintf(c, size,
             has(emitter->instruction, "ftz") && strcmp(type, "f32") == 0 ? "ptx_ftz(ptx_%s(r_%s))"
                                                                          : "ptx_%s(r_%s)",
             type, bare(name));
  } else {
    snprintf(c, size, "(%s)r_%s", type, bare(name));
  }
}

static void read_variable(struct Emitter *emitter, const char *name, char *c, size_t size) {
  const struct Variable *variable = ptx_variable(emitter->text, emitter->kernel, name);
  if (!variable) REFUSE(emitter, "%s is neither a register nor a variable", name);
  if (variable->space == SPACE_PARAMETER) {
    REFUSE(emitter, "the address of a parameter is not translated");
  }
  if (variable->dynamic) {
    snprintf(c, size, "(u64)t->dynamic_offset");
  } else {
    snprintf(c, size, "%uull", variable->offset);
  }
}

// C that reads operand `index` as `type`.
static void read_as(struct Emitter *emitter, int index, const char *type, bool wider, char *c,
                    size_t size) {
  const struct Operand *operand = &emitter->instruction->operands[index];
  switch (operand->kind) {
    case OPERAND_INTEGER:
      if (is_float(type) || strcmp(type, "f16") == 0) REFUSE(emitter, "a float is written 0f...");
      snprintf(c, size, "(%s)0x%llxull", type, (unsigned long long)operand->value);
      return;
    case OPERAND_FLOAT:
      if (ptx_type_bytes(type) != operand->float_bytes) {
        REFUSE(emitter, "the number does not fit type .%s", type);
      }
      snprintf(c, size, is_float(type) ? "ptx_%s(0x%llxull)" : "(%s)0x%llxull", type,
               (unsigned long long)operand->value);
      return;
    case OPERAND_WORD:
      if (operand->second[0]) refuse_instruction(emitter, "a pair of registers cannot be read");
      if (register_type(emitter, operand->word)) {
        char bare[PTX_NAME + 64];
        read_register(emitter, operand->word, type, wider, bare, sizeof bare);
        snprintf(c, size, "%s%s", operand->negated ? "!" : "", bare);
      } else if (!read_special(operand, type, c, size)) {
        read_variable(emitter, operand->word, c, size);
      }
      return;
    default:
      refuse_instruction(emitter, "an operand is of the wrong kind");
  }
}

static void write_register(struct Emitter *emitter, const char *name, const char *type, bool wider,
                           const char *c) {
  if (strcmp(name, "_") == 0) {
    fprintf(emitter->out, "(void)(%s);", c);
    return;
  }
  check_width(emitter, name, type, wider);
  if (is_float(type)) {
    bool flushed = has(emitter->instruction, "ftz") && strcmp(type, "f32") == 0;
    fprintf(emitter->out, flushed ? "r_%s = ptx_bits_%s(ptx_ftz(%s));" : "r_%s = ptx_bits_%s(%s);",
            bare(name), type, c);
  } else {
    fprintf(emitter->out, "r_%s = (%s)(%s);", bare(name), type, c);
  }
}

static void write_result(struct Emitter *emitter, const char *type, const char *c) {
  const struct Operand *target = &emitter->instruction->operands[0];
  if (target->kind != OPERAND_WORD || target->second[0]) {
    refuse_instruction(emitter, "its result must be a register");
  }
  write_register(emitter, target->word, type, false, c);
}

// --- the table of plain instructions -------------------------------------------------------------

#define INTEGERS "u16 s16 u32 s32 u64 s64"
#define BITS "b16 b32 b64"
#define FLOATS "f32 f64"

// In the C: $1 is operand 1 as the instruction's type, ~1 as the type of twice its width, #1 as u32,
// ?1 as a predicate; $T and ~T are these types, $B the number of bits, $R the rounding.
struct Row {
  const char *opcode;
  const char *needs;  // modifiers it must have
  const char *may;    // modifiers it may have
  const char *types;
  int operands;
  const char *result;  // type of operand 0: "" the instruction's, "~" twice its width, or a type
  const char *c;
};

static const struct Row rows[] = {
    {"add", "", "", INTEGERS, 3, "", "$1 + $2"},
    {"add", "sat", "", "s32", 3, "", "ptx_saturate_s32((s64)$1 + $2)"},
    {"add", "", "rn ftz", FLOATS, 3, "", "$1 + $2"},
    {"add", "sat", "rn ftz", "f32", 3, "", "ptx_saturate_f32($1 + $2)"},
    {"add", "$R", "ftz", FLOATS, 3, "", "ptx_rounded_add_$T($1, $2, $R)"},
    {"sub", "", "", INTEGERS, 3, "", "$1 - $2"},
    {"sub", "sat", "", "s32", 3, "", "ptx_saturate_s32((s64)$1 - $2)"},
    {"sub", "", "rn ftz", FLOATS, 3, "", "$1 - $2"},
    {"sub", "sat", "rn ftz", "f32", 3, "", "ptx_saturate_f32($1 - $2)"},
    {"sub", "$R", "ftz", FLOATS, 3, "", "ptx_rounded_sub_$T($1, $2, $R)"},
    {"mul", "lo", "", INTEGERS, 3, "", "(u64)$1 * (u64)$2"},
    {"mul", "hi", "", "u16 s16 u32 s32", 3, "", "((~T)$1 * (~T)$2) >> $B"},
    {"mul", "hi", "", "u64", 3, "", "(unsigned __int128)$1 * $2 >> 64"},
    {"mul", "hi", "", "s64", 3, "", "(__int128)$1 * $2 >> 64"},
    {"mul", "wide", "", "u16 s16 u32 s32", 3, "~", "(~T)$1 * (~T)$2"},
    {"mul", "", "rn ftz", FLOATS, 3, "", "$1 * $2"},
    {"mul", "sat", "rn ftz", "f32", 3, "", "ptx_saturate_f32($1 * $2)"},
    {"mul", "$R", "ftz", FLOATS, 3, "", "ptx_rounded_mul_$T($1, $2, $R)"},
    {"mad", "lo", "", INTEGERS, 4, "", "(u64)$1 * (u64)$2 + (u64)$3"},
    {"mad", "hi", "", "u32 s32", 4, "", "($T)(((~T)$1 * (~T)$2) >> $B) + $3"},
    {"mad", "wide", "", "u16 s16 u32 s32", 4, "~", "(~T)$1 * (~T)$2 + ~3"},
    {"mul24", "lo", "", "u32", 3, "", "($1 & 0xffffff) * ($2 & 0xffffff)"},
    {"fma", "rn", "ftz", "f32", 4, "", "fmaf($1, $2, $3)"},
    {"fma", "rn", "", "f64", 4, "", "fma($1, $2, $3)"},
    {"fma", "rn sat", "ftz", "f32", 4, "", "ptx_saturate_f32(fmaf($1, $2, $3))"},
    {"fma", "$R", "ftz", FLOATS, 4, "", "ptx_rounded_fma_$T($1, $2, $3, $R)"},
    {"mad", "rn", "ftz", "f32", 4, "", "fmaf($1, $2, $3)"},
    {"mad", "rn", "", "f64", 4, "", "fma($1, $2, $3)"},
    {"div", "", "", INTEGERS, 3, "", "ptx_div_$T($1, $2)"},
    {"div", "", "rn ftz approx full", "f32", 3, "", "$1 / $2"},
    {"div", "rn", "", "f64", 3, "", "$1 / $2"},
    {"div", "$R", "ftz", FLOATS, 3, "", "ptx_rounded_div_$T($1, $2, $R)"},
    {"rem", "", "", INTEGERS, 3, "", "ptx_rem_$T($1, $2)"},
    {"neg", "", "", "s16 s32 s64", 2, "", "0 - $1"},
    {"neg", "", "ftz", FLOATS, 2, "", "-$1"},
    {"abs", "", "", "s16 s32 s64", 2, "", "$1 < 0 ? 0 - $1 : $1"},
    {"abs", "", "ftz", "f32", 2, "", "fabsf($1)"},
    {"abs", "", "", "f64", 2, "", "fabs($1)"},
    {"min", "", "", INTEGERS, 3, "", "$1 < $2 ? $1 : $2"},
    {"max", "", "", INTEGERS, 3, "", "$1 > $2 ? $1 : $2"},
    {"min", "", "ftz", FLOATS, 3, "", "ptx_min_$T($1, $2)"},
    {"max", "", "ftz", FLOATS, 3, "", "ptx_max_$T($1, $2)"},
    {"copysign", "", "", "f32", 3, "", "copysignf($2, $1)"},
    {"copysign", "", "", "f64", 3, "", "copysign($2, $1)"},
    {"and", "", "", BITS, 3, "", "$1 & $2"},
    {"or", "", "", BITS, 3, "", "$1 | $2"},
    {"xor", "", "", BITS, 3, "", "$1 ^ $2"},
    {"not", "", "", BITS, 2, "", "~$1"},
    {"cnot", "", "", BITS, 2, "", "$1 == 0"},
    {"and", "", "", "pred", 3, "", "$1 & $2"},
    {"or", "", "", "pred", 3, "", "$1 | $2"},
    {"xor", "", "", "pred", 3, "", "$1 ^ $2"},
    {"not", "", "", "pred", 2, "", "!$1"},
    {"shl", "", "", BITS, 3, "", "ptx_shl_$T($1, #2)"},
    {"shr", "", "", BITS " " INTEGERS, 3, "", "ptx_shr_$T($1, #2)"},
    {"shf", "l wrap", "", "b32", 4, "", "((u64)$2 << 32 | $1) << (#3 & 31) >> 32"},
    {"shf", "r wrap", "", "b32", 4, "", "((u64)$2 << 32 | $1) >> (#3 & 31)"},
    {"shf", "l clamp", "", "b32", 4, "",
     "(unsigned __int128)((u64)$2 << 32 | $1) << (#3 < 32 ? #3 : 32) >> 32"},
    {"shf", "r clamp", "", "b32", 4, "", "((u64)$2 << 32 | $1) >> (#3 < 32 ? #3 : 32)"},
    {"bfe", "", "", "u32 s32 u64 s64", 4, "", "ptx_bfe((u64)$1, #2, #3, $B, (($T)-1) < 1)"},
    {"bfi", "", "", "b32 b64", 5, "", "ptx_bfi($1, $2, #3, #4, $B)"},
    {"prmt", "", "", "b32", 4, "", "ptx_prmt($1, $2, $3)"},
    {"brev", "", "", "b32 b64", 2, "", "ptx_brev($1, $B)"},
    {"popc", "", "", "b32 b64", 2, "u32", "__builtin_popcountll($1)"},
    {"clz", "", "", "b32", 2, "u32", "$1 ? __builtin_clz($1) : 32"},
    {"clz", "", "", "b64", 2, "u32", "$1 ? __builtin_clzll($1) : 64"},
    {"selp", "", "", BITS " " INTEGERS " " FLOATS, 4, "", "?3 ? $1 : $2"},
    // Exact, where the device's are approximations.
    {"sqrt", "", "rn approx ftz", "f32", 2, "", "sqrtf($1)"},
    {"sqrt", "rn", "", "f64", 2, "", "sqrt($1)"},
    {"rcp", "", "rn approx ftz", FLOATS, 2, "", "1 / $1"},
    {"rsqrt", "approx", "ftz", FLOATS, 2, "", "1 / sqrt($1)"},
    {"ex2", "approx", "ftz", "f32", 2, "", "exp2($1)"},
    {"lg2", "approx", "ftz", "f32", 2, "", "log2($1)"},
    {"sin", "approx", "ftz", "f32", 2, "", "sin($1)"},
    {"cos", "approx", "ftz", "f32", 2, "", "cos($1)"},
    {"tanh", "approx", "", "f32", 2, "", "tanh($1)"},
};

static bool row_fits(const struct Row *row, const struct Instruction *instruction,
                     const char *type) {
  if (strcmp(row->opcode, instruction->opcode) != 0 || !in_list(row->types, type)) return false;
  bool wants_rounding = strcmp(row->needs, "$R") == 0;
  if (wants_rounding && !rounding(instruction)) return false;
  char needs[64];
  snprintf(needs, sizeof needs, "%s", wants_rounding ? "" : row->needs);
  char *rest;
  for (char *word = strtok_r(needs, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    if (!has(instruction, word)) return false;
  }
  for (int i = 0; i < instruction->modifier_count; i++) {
    const char *modifier = instruction->modifiers[i];
    bool is_rounding = wants_rounding && in_list("rz rm rp", modifier);
    bool is_type = i == instruction->modifier_count - 1;
    if (!is_type && !is_rounding && !in_list(row->needs, modifier)
        && !in_list(row->may, modifier)) {
      return false;
    }
  }
  return true;
}

static const char *wider_type(struct Emitter *emitter, const char *type) {
  static const char *const pairs[][2] = {
      {"u16", "u32"}, {"s16", "s32"}, {"u32", "u64"}, {"s32", "s64"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (strcmp(pairs[i][0], type) == 0) return pairs[i][1];
  }
  refuse_instruction(emitter, "no type is twice as wide");
}

static const char *marked_type(struct Emitter *emitter, char mark, const char *type) {
  return mark == '$'   ? type
         : mark == '#' ? "u32"
         : mark == '?' ? "pred"
                       : wider_type(emitter, type);
}

static void fill_template(struct Emitter *emitter, const char *template, const char *type, char *c,
                          size_t size) {
  size_t used = 0;
  for (const char *p = template; *p && used + 1 < size; p++) {
    char piece[320] = {*p, 0};
    if (strchr("$~#?", *p) && p[1] >= '1' && p[1] <= '9') {
      char operand[256];
      read_as(emitter, p[1] - '0', marked_type(emitter, *p, type), false, operand, sizeof operand);
      snprintf(piece, sizeof piece, "(%s)", operand);
      p++;
    } else if (*p == '$' && p[1] == 'B') {
      snprintf(piece, sizeof piece, "%d", 8 * ptx_type_bytes(type));
      p++;
    } else if (*p == '$' && p[1] == 'R') {
      snprintf(piece, sizeof piece, "%s", rounding(emitter->instruction));
      p++;
    } else if ((*p == '$' || *p == '~') && p[1] == 'T') {
      snprintf(piece, sizeof piece, "%s", marked_type(emitter, *p, type));
      p++;
    }
    used += (size_t)snprintf(c + used, size - used, "%s", piece);
  }
  if (used + 1 >= size) refuse_instruction(emitter, "its names are too long");
}

static bool emit_row(struct Emitter *emitter) {
  const struct Instruction *instruction = emitter->instruction;
  const char *type = type_of(instruction, 0);
  bool known = false;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct Row *row = &rows[i];
    known |= strcmp(row->opcode, instruction->opcode) == 0;
    if (!type || !row_fits(row, instruction, type)) continue;
    need_operands(emitter, row->operands, row->operands);
    char c[MAX_EXPRESSION];
    fill_template(emitter, row->c, type, c, sizeof c);
    write_result(emitter,
                 row->result[0] == 0     ? type
                 : row->result[0] == '~' ? wider_type(emitter, type)
                                         : row->result,
                 c);
    return true;
  }
  if (known) refuse_instruction(emitter, "its type or one of its modifiers is not known here");
  return false;
}

// --- memory --------------------------------------------------------------------------------------

#define CACHE_HINTS                                                                           \
  "ca cg cs lu cv wb wt nc volatile weak relaxed cta gpu sys L1::evict_last L1::evict_first " \
  "L1::no_allocate"

static const char *const spaces[] = {"global", "shared", "local"};

static const char *space_of(const struct Instruction *instruction) {
  for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
    if (has(instruction, spaces[i])) return spaces[i];
  }
  return has(instruction, "shared::cta") ? "shared" : "generic";
}

static void read_address(struct Emitter *emitter, int index, char *c, size_t size) {
  const struct Operand *operand = &emitter->instruction->operands[index];
  if (operand->kind != OPERAND_ADDRESS) {
    refuse_instruction(emitter, "an address in brackets is missing");
  }
  char base[PTX_NAME + 64] = "0ull";
  if (operand->word[0] && register_type(emitter, operand->word)) {
    const char *type = register_type(emitter, operand->word);
    read_register(emitter, operand->word, ptx_type_bytes(type) == 4 ? "u32" : "u64", false, base,
                  sizeof base);
  } else if (operand->word[0]) {
    read_variable(emitter, operand->word, base, sizeof base);
  }
  snprintf(c, size, "(u64)(%s) + 0x%llxull", base, (unsigned long long)operand->value);
}

// "p" points at the memory of the address in operand `index`.
static void emit_pointer(struct Emitter *emitter, int index, int bytes, bool write) {
  char address[MAX_EXPRESSION];
  read_address(emitter, index, address, sizeof address);
  fprintf(emitter->out, "uint8_t *p = ptx_%s(t, %d, %s, %d, %d, %d); ",
          space_of(emitter->instruction), emitter->sites++, address, bytes, write,
          emitter->instruction->line);
}

static int elements(struct Emitter *emitter, int index, const char *names[PTX_VECTOR]) {
  const struct Operand *operand = &emitter->instruction->operands[index];
  bool is_vector = operand->kind == OPERAND_VECTOR;
  if (!is_vector && operand->kind != OPERAND_WORD) {
    refuse_instruction(emitter, "its result must be a register");
  }
  int count = is_vector ? operand->count : 1;
  int wanted = has(emitter->instruction, "v2") ? 2 : has(emitter->instruction, "v4") ? 4 : 1;
  if (count != wanted) refuse_instruction(emitter, "it moves another number of elements");
  for (int i = 0; i < count; i++) names[i] = is_vector ? operand->elements[i] : operand->word;
  return count;
}

static void emit_load_parameter(struct Emitter *emitter, const char *type) {
  const struct Operand *operand = &emitter->instruction->operands[1];
  const struct Variable *variable = ptx_variable(emitter->text, emitter->kernel, operand->word);
  const char *names[PTX_VECTOR];
  int count = elements(emitter, 0, names);
  if (operand->kind != OPERAND_ADDRESS || !variable || variable->space != SPACE_PARAMETER) {
    refuse_instruction(emitter, "its address is not a parameter");
  }
  uint32_t bytes = (uint32_t)ptx_type_bytes(type);
  if (operand->value + bytes * (uint32_t)count > variable->size) {
    refuse_instruction(emitter, "it reads behind the end of the parameter");
  }
  fprintf(emitter->out, "const uint8_t *p = t->parameters + %u; ",
          variable->offset + (uint32_t)operand->value);
  for (int i = 0; i < count; i++) {
    fprintf(emitter->out, "%s v%d; memcpy(&v%d, p + %u, %u); ", type, i, i, (uint32_t)i * bytes,
            bytes);
    char value[16];
    snprintf(value, sizeof value, "v%d", i);
    write_register(emitter, names[i], type, true, value);
  }
}

static void emit_load(struct Emitter *emitter) {
  const char *type = need_type(emitter, 0);
  need_operands(emitter, 2, 2);
  allow(emitter, CACHE_HINTS " param global shared shared::cta local v2 v4");
  if (has(emitter->instruction, "param")) {
    emit_load_parameter(emitter, type);
    return;
  }
  const char *names[PTX_VECTOR];
  int count = elements(emitter, 0, names);
  int bytes = ptx_type_bytes(type);
  emit_pointer(emitter, 1, bytes * count, false);
  for (int i = 0; i < count; i++) {
    fprintf(emitter->out, "%s v%d; memcpy(&v%d, p + %d, %d); ", type, i, i, i * bytes, bytes);
  }
  for (int i = 0; i < count; i++) {  // behind the reading: a target may be the address
    char value[16];
    snprintf(value, sizeof value, "v%d", i);
    write_register(emitter, names[i], type, true, value);
  }
}

static void emit_store(struct Emitter *emitter) {
  const char *type = need_type(emitter, 0);
  need_operands(emitter, 2, 2);
  allow(emitter, CACHE_HINTS " global shared shared::cta local v2 v4");
  int bytes = ptx_type_bytes(type);
  const struct Operand *source = &emitter->instruction->operands[1];
  if (source->kind == OPERAND_INTEGER || source->kind == OPERAND_FLOAT) {
    char value[64];
    read_as(emitter, 1, type, true, value, sizeof value);
    emit_pointer(emitter, 0, bytes, true);
    fprintf(emitter->out, "%s v = %s; memcpy(p, &v, %d);", type, value, bytes);
    return;
  }
  const char *names[PTX_VECTOR];
  int count = elements(emitter, 1, names);
  emit_pointer(emitter, 0, bytes * count, true);
  for (int i = 0; i < count; i++) {
    char value[PTX_NAME + 64];
    read_register(emitter, names[i], type, true, value, sizeof value);
    fprintf(emitter->out, "%s v%d = %s; memcpy(p + %d, &v%d, %d); ", type, i, value, i * bytes, i,
            bytes);
  }
}

// One kernel runs at a time, so reading and writing are one step for all of the device.
static void emit_atomic(struct Emitter *emitter) {
  static const struct {
    const char *name;
    const char *types;
    const char *c;
  } operations[] = {
      {"add", "u32 s32 u64 f32 f64", "old + a"},
      {"min", "u32 s32 u64 s64", "a < old ? a : old"},
      {"max", "u32 s32 u64 s64", "a > old ? a : old"},
      {"and", "b32 b64", "old & a"},
      {"or", "b32 b64", "old | a"},
      {"xor", "b32 b64", "old ^ a"},
      {"exch", "b32 b64", "a"},
      {"inc", "u32", "old >= a ? 0 : old + 1"},
      {"dec", "u32", "old == 0 || old > a ? a : old - 1"},
      {"cas", "b32 b64", "old == a ? b : old"},
  };
  const char *type = need_type(emitter, 0);
  const char *result = NULL;
  char allowed[256];
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    if (!has(emitter->instruction, operations[i].name) || !in_list(operations[i].types, type)) {
      continue;
    }
    result = operations[i].c;
    snprintf(allowed, sizeof allowed,
             "%s global shared shared::cta relaxed acquire release acq_rel cta gpu sys",
             operations[i].name);
  }
  if (!result) refuse_instruction(emitter, "its operation on this type is not known here");
  allow(emitter, allowed);
  int first = strcmp(emitter->instruction->opcode, "atom") == 0;
  bool compares = has(emitter->instruction, "cas");
  need_operands(emitter, first + 2 + compares, first + 2 + compares);
  char value[256];
  read_as(emitter, first + 1, type, false, value, sizeof value);
  emit_pointer(emitter, first, ptx_type_bytes(type), true);
  fprintf(emitter->out, "%s old, a = %s", type, value);
  if (compares) {
    read_as(emitter, first + 2, type, false, value, sizeof value);
    fprintf(emitter->out, ", b = %s", value);
  }
  fprintf(emitter->out, "; memcpy(&old, p, sizeof old); %s new = %s; memcpy(p, &new, sizeof new); ",
          type, result);
  if (first) write_result(emitter, type, "old");
}

// Between generic addresses and those of a window.
static void emit_cvta(struct Emitter *emitter) {
  need_operands(emitter, 2, 2);
  allow(emitter, "to global shared shared::cta local u64");
  const char *space = space_of(emitter->instruction);
  char value[256];
  char c[320];
  read_as(emitter, 1, "u64", false, value, sizeof value);
  const char *window = strcmp(space, "shared") == 0  ? "PTX_SHARED_WINDOW"
                       : strcmp(space, "local") == 0 ? "PTX_LOCAL_WINDOW"
                                                     : "0";
  snprintf(c, sizeof c, "%s %c %s", value, has(emitter->instruction, "to") ? '-' : '+', window);
  write_result(emitter, "u64", c);
}

// --- moves and conversions -----------------------------------------------------------------------

// mov.b64 {%r1, %r2}, %rd1 and back.
static void emit_unpack(struct Emitter *emitter, const char *type) {
  const struct Operand *target = &emitter->instruction->operands[0];
  int bits = 8 * ptx_type_bytes(type) / target->count;
  char value[256];
  read_as(emitter, 1, type, false, value, sizeof value);
  fprintf(emitter->out, "%s all = %s; ", type, value);
  for (int i = 0; i < target->count; i++) {
    char part[48];
    snprintf(part, sizeof part, "all >> %d", i * bits);
    write_register(emitter, target->elements[i], bits == 32 ? "b32" : "b16", false, part);
  }
}

static void emit_pack(struct Emitter *emitter, const char *type) {
  const struct Operand *source = &emitter->instruction->operands[1];
  int bits = 8 * ptx_type_bytes(type) / source->count;
  char c[MAX_EXPRESSION];
  size_t used = 0;
  for (int i = 0; i < source->count; i++) {
    char value[PTX_NAME + 64];
    read_register(emitter, source->elements[i], bits == 32 ? "b32" : "b16", false, value,
                  sizeof value);
    used += (size_t)snprintf(c + used, sizeof c - used, "%s(u64)%s << %d", i ? " | " : "", value,
                             i * bits);
  }
  write_result(emitter, type, c);
}

static void emit_mov(struct Emitter *emitter) {
  const char *type = need_type(emitter, 0);
  need_operands(emitter, 2, 2);
  allow(emitter, "");
  if (emitter->instruction->operands[0].kind == OPERAND_VECTOR) {
    emit_unpack(emitter, type);
  } else if (emitter->instruction->operands[1].kind == OPERAND_VECTOR) {
    emit_pack(emitter, type);
  } else {
    char value[256];
    read_as(emitter, 1, type, false, value, sizeof value);
    write_result(emitter, type, value);
  }
}

// To an integral value, as a float.
static const char *integral(const struct Instruction *instruction) {
  return has(instruction, "rni")   ? "rint"
         : has(instruction, "rzi") ? "trunc"
         : has(instruction, "rmi") ? "floor"
         : has(instruction, "rpi") ? "ceil"
                                   : NULL;
}

static void convert(struct Emitter *emitter, const char *to, const char *from, const char *value,
                    char *c, size_t size) {
  const struct Instruction *instruction = emitter->instruction;
  bool to_half = strcmp(to, "f16") == 0;
  bool to_float = is_float(to) || to_half;
  const char *round = integral(instruction);
  const char *mode = rounding(instruction);
  if (!to_float && is_float(from)) {
    if (!round) refuse_instruction(emitter, "it needs .rni, .rzi, .rmi or .rpi");
    snprintf(c, size, "ptx_to_%s(%s(%s))", to, round, value);
  } else if (!to_float) {
    if (round || mode) refuse_instruction(emitter, "integers are not rounded");
    snprintf(c, size, has(instruction, "sat") ? "ptx_clamp_%s(%s)" : "(%s)(%s)", to, value);
  } else if (to_half) {
    if (mode || !is_float(from)) {
      refuse_instruction(emitter, "f16 is made from f32 and f64, with .rn");
    }
    snprintf(c, size, "ptx_to_f16_%s(%s)", from, value);
  } else if (round) {
    if (strcmp(to, from) != 0) {
      refuse_instruction(emitter, "it rounds to integral within a type only");
    }
    snprintf(c, size, "%s(%s)", round, value);
  } else if (mode) {
    bool exact_in_f64 = ptx_type_bytes(from) < 8 || strcmp(from, "f64") == 0;
    if (strcmp(to, "f32") != 0 || !exact_in_f64) {
      refuse_instruction(emitter, "this rounding is not translated");
    }
    snprintf(c, size, "ptx_f32_of(%s, %s)", value, mode);
  } else {
    snprintf(c, size, "(%s)(%s)", to, value);
  }
}

static void emit_cvt(struct Emitter *emitter) {
  const char *from = need_type(emitter, 0);
  const char *to = need_type(emitter, 1);
  need_operands(emitter, 2, 2);
  allow(emitter, "rn rz rm rp rni rzi rmi rpi sat ftz");
  char value[300];
  if (strcmp(from, "f16") == 0) {
    char bits[256];
    read_as(emitter, 1, "b16", true, bits, sizeof bits);
    snprintf(value, sizeof value, "ptx_from_f16(%s)", bits);
    from = "f32";
  } else {
    read_as(emitter, 1, from, true, value, sizeof value);
  }
  char c[MAX_EXPRESSION];
  convert(emitter, to, from, value, c, sizeof c);
  char saturated[MAX_EXPRESSION + 32];
  bool saturates = has(emitter->instruction, "sat") && is_float(to);
  snprintf(saturated, sizeof saturated, saturates ? "ptx_saturate_%s(%s)" : "%.0s%s", to, c);
  const char *target = emitter->instruction->operands[0].word;
  write_register(emitter, target, strcmp(to, "f16") == 0 ? "b16" : to, true, saturated);
}

// --- comparisons ---------------------------------------------------------------------------------

static const struct {
  const char *name;
  const char *c;
} comparisons[] = {
    {"eq", "=="}, {"ne", "!="}, {"lt", "<"},  {"le", "<="}, {"gt", ">"},
    {"ge", ">="}, {"lo", "<"},  {"ls", "<="}, {"hi", ">"},  {"hs", ">="},
};

// Unordered ones (equ, ltu, ...) are true if an operand is NaN, the others are then false.
static void compare(struct Emitter *emitter, const char *comparison, const char *type,
                    const char *a, const char *b, char *c, size_t size) {
  bool floats = is_float(type);
  if (floats && strcmp(comparison, "num") == 0) {
    snprintf(c, size, "!isnan(%s) && !isnan(%s)", a, b);
    return;
  }
  if (floats && strcmp(comparison, "nan") == 0) {
    snprintf(c, size, "isnan(%s) || isnan(%s)", a, b);
    return;
  }
  size_t length = strlen(comparison);
  bool unordered = floats && length == 3 && comparison[2] == 'u';
  for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
    bool same = unordered ? strncmp(comparisons[i].name, comparison, 2) == 0
                          : strcmp(comparisons[i].name, comparison) == 0;
    if (!same || (i >= 6 && type[0] != 'u')) continue;
    if (!floats) {
      snprintf(c, size, "%s %s %s", a, comparisons[i].c, b);
    } else {
      snprintf(
          c, size,
          unordered ? "isnan(%s) || isnan(%s) || %s %s %s" : "!isnan(%s) && !isnan(%s) && %s %s %s",
          a, b, a, comparisons[i].c, b);
    }
    return;
  }
  refuse_instruction(emitter, "its comparison is not known here");
}

static void emit_setp(struct Emitter *emitter) {
  const struct Instruction *instruction = emitter->instruction;
  const char *type = need_type(emitter, 0);
  need_operands(emitter, 3, 4);
  if (instruction->modifier_count < 2) refuse_instruction(emitter, "it has no comparison");
  const char *word = WHICH(instruction, "and", "or", "xor");
  const char *joins = !word ? NULL : word[0] == 'a' ? "&" : word[0] == 'o' ? "|" : "^";
  if ((joins != NULL) != (instruction->operand_count == 4)) {
    refuse_instruction(emitter, "its predicate is missing");
  }
  char allowed[64];
  snprintf(allowed, sizeof allowed, "%s and or xor ftz", instruction->modifiers[0]);
  allow(emitter, allowed);
  char a[256];
  char b[256];
  char c[MAX_EXPRESSION];
  read_as(emitter, 1, type, false, a, sizeof a);
  read_as(emitter, 2, type, false, b, sizeof b);
  compare(emitter, instruction->modifiers[0], type, a, b, c, sizeof c);
  char joined[MAX_EXPRESSION + 256];
  const struct Operand *target = &instruction->operands[0];
  char other[256] = "1";
  if (joins) read_as(emitter, 3, "pred", false, other, sizeof other);
  fprintf(emitter->out, "bool result = %s, other = %s; ", c, other);
  snprintf(joined, sizeof joined, "result %s other", joins ? joins : "&");
  write_register(emitter, target->word, "pred", false, joined);
  if (target->second[0]) {
    snprintf(joined, sizeof joined, "!result %s other", joins ? joins : "&");
    write_register(emitter, target->second, "pred", false, joined);
  }
}

// --- control -------------------------------------------------------------------------------------

static void emit_branch(struct Emitter *emitter) {
  need_operands(emitter, 1, 1);
  allow(emitter, "uni");
  const char *label = emitter->instruction->operands[0].word;
  bool seen = false;  // the instruction, so the label is ahead
  for (int i = 0; i < emitter->kernel->instruction_count; i++) {
    const struct Instruction *other = &emitter->kernel->instructions[i];
    seen |= other == emitter->instruction;
    if (other->form == FORM_LABEL && strcmp(other->opcode, label) == 0) {
      if (!seen) fprintf(emitter->out, "ptx_jump_back(t, %d); ", emitter->instruction->line);
      fprintf(emitter->out, "goto L_%s;", label);
      return;
    }
  }
  REFUSE(emitter, "there is no label %s", label);
}

static void emit_return(struct Emitter *emitter) {
  need_operands(emitter, 0, 0);
  allow(emitter, "uni");
  fprintf(emitter->out, "return;");
}

static void emit_trap(struct Emitter *emitter) {
  fprintf(emitter->out, "t->services->trap(t, %d);", emitter->instruction->line);
}

// Threads of a block take turns on one processor, so they see each other's memory at once.
static void emit_fence(struct Emitter *emitter) { fprintf(emitter->out, ";"); }

static void emit_barrier(struct Emitter *emitter) {
  const struct Instruction *instruction = emitter->instruction;
  emitter->waits = true;
  if (has(instruction, "warp")) {
    allow(emitter, "warp sync");
    need_operands(emitter, 1, 1);
    char members[256];
    read_as(emitter, 0, "u32", false, members, sizeof members);
    fprintf(emitter->out,
            "bool flag; t->services->exchange(t, PTX_WARP_SYNC, 0, 0, 0, %s, &flag, %d);", members,
            instruction->line);
    return;
  }
  allow(emitter, "cta sync red popc and or aligned");
  bool reduces = has(instruction, "red");
  if (!reduces && !has(instruction, "sync")) refuse_instruction(emitter, "only .sync and .red are");
  const char *kind = reduces ? WHICH(instruction, "popc", "and", "or") : "sync";
  if (!kind) refuse_instruction(emitter, "its reduction is missing");
  need_operands(emitter, reduces ? 3 : 1, reduces ? 4 : 2);
  int first = reduces;
  int last = instruction->operand_count - 1;
  bool counts = last - first - reduces >= 1;
  char id[256];
  char threads[256] = "0";
  char value[256] = "false";
  read_as(emitter, first, "u32", false, id, sizeof id);
  if (counts) read_as(emitter, first + 1, "u32", false, threads, sizeof threads);
  if (reduces) read_as(emitter, last, "pred", false, value, sizeof value);
  fprintf(emitter->out,
          "u32 result = t->services->barrier(t, %s, %s, PTX_BAR_%s, %s, %d); (void)result; ", id,
          threads, kind, value, instruction->line);
  if (reduces) write_result(emitter, has(instruction, "popc") ? "u32" : "pred", "result");
}

static void emit_shfl(struct Emitter *emitter) {
  const struct Instruction *instruction = emitter->instruction;
  emitter->waits = true;
  need_operands(emitter, 5, 5);
  allow(emitter, "sync up down bfly idx");
  const char *kind = WHICH(instruction, "up", "down", "bfly", "idx");
  if (!kind) refuse_instruction(emitter, "its direction is missing");
  if (!has(instruction, "sync")) {
    refuse_instruction(emitter, "without .sync it is gone since sm_70");
  }
  char sources[4][256];
  for (int i = 0; i < 4; i++) {
    read_as(emitter, i + 1, i == 0 ? "b32" : "u32", false, sources[i], sizeof sources[i]);
  }
  fprintf(
      emitter->out,
      "bool flag; u32 result = t->services->exchange(t, PTX_SHFL_%s, %s, %s, %s, %s, &flag, %d); ",
      kind, sources[0], sources[1], sources[2], sources[3], instruction->line);
  write_register(emitter, instruction->operands[0].word, "b32", false, "result");
  if (instruction->operands[0].second[0]) {
    write_register(emitter, instruction->operands[0].second, "pred", false, "flag");
  }
}

static void emit_vote(struct Emitter *emitter) {
  const struct Instruction *instruction = emitter->instruction;
  emitter->waits = true;
  need_operands(emitter, 3, 3);
  allow(emitter, "sync all any uni ballot");
  const char *kind = WHICH(instruction, "all", "any", "uni", "ballot");
  if (!kind) refuse_instruction(emitter, "what it asks is missing");
  if (!has(instruction, "sync")) {
    refuse_instruction(emitter, "without .sync it is gone since sm_70");
  }
  char value[256];
  char members[256];
  read_as(emitter, 1, "pred", false, value, sizeof value);
  read_as(emitter, 2, "u32", false, members, sizeof members);
  fprintf(emitter->out,
          "bool flag; u32 result = t->services->exchange(t, PTX_VOTE_%s, %s, 0, 0, %s, &flag, %d); "
          "(void)result; ",
          kind, value, members, instruction->line);
  if (strcmp(kind, "ballot") == 0) {
    write_result(emitter, "b32", "result");
  } else {
    write_result(emitter, "pred", "flag");
  }
}

static const struct {
  const char *opcode;
  void (*emit)(struct Emitter *emitter);
} special_instructions[] = {
    {"ld", emit_load},         {"ldu", emit_load},     {"st", emit_store},    {"atom", emit_atomic},
    {"red", emit_atomic},      {"cvta", emit_cvta},    {"mov", emit_mov},     {"cvt", emit_cvt},
    {"setp", emit_setp},       {"bra", emit_branch},   {"ret", emit_return},  {"exit", emit_return},
    {"trap", emit_trap},       {"membar", emit_fence}, {"fence", emit_fence}, {"bar", emit_barrier},
    {"barrier", emit_barrier}, {"shfl", emit_shfl},    {"vote", emit_vote},
};

static void emit_instruction(struct Emitter *emitter) {
  for (size_t i = 0; i < sizeof special_instructions / sizeof *special_instructions; i++) {
    if (strcmp(special_instructions[i].opcode, emitter->instruction->opcode) != 0) continue;
    special_instructions[i].emit(emitter);
    return;
  }
  if (!emit_row(emitter)) refuse_instruction(emitter, "this driver does not know it");
}

// --- kernels -------------------------------------------------------------------------------------

static const char *storage(const char *type) {
  if (strcmp(type, "pred") == 0) return "pred";
  switch (ptx_type_bytes(type)) {
    case 1:
      return "u8";
    case 2:
      return "u16";
    case 4:
      return "u32";
    default:
      return "u64";
  }
}

// Filled with a pattern: a register that is read before it is written must not look like 0.
static void emit_register(struct Emitter *emitter, const char *name, const char *number,
                          const char *type) {
  fprintf(emitter->out, "%s r_%s%s = (%s)0xEEEEEEEEEEEEEEEEull; ", storage(type), bare(name),
          number, storage(type));
}

static void emit_registers(struct Emitter *emitter, int scope) {
  for (int i = 0; i < emitter->kernel->register_count; i++) {
    const struct Register *it = &emitter->kernel->registers[i];
    if (it->scope != scope) continue;
    if (it->count == 0) emit_register(emitter, it->name, "", it->type);
    for (long n = 0; n < it->count; n++) {
      char number[24];
      snprintf(number, sizeof number, "%ld", n);
      emit_register(emitter, it->name, number, it->type);
    }
  }
  fprintf(emitter->out, "\n");
}

static void emit_statement(struct Emitter *emitter) {
  const struct Instruction *instruction = emitter->instruction;
  switch (instruction->form) {
    case FORM_LABEL:
      fprintf(emitter->out, "L_%s:;\n", instruction->opcode);
      return;
    case FORM_BLOCK_BEGIN:
      emitter->scopes[emitter->depth++] = instruction->scope;
      fprintf(emitter->out, "{ ");
      emit_registers(emitter, instruction->scope);
      return;
    case FORM_BLOCK_END:
      emitter->depth--;
      fprintf(emitter->out, "}\n");
      return;
    default:
      break;
  }
  if (instruction->guard[0]) {
    check_width(emitter, instruction->guard, "pred", false);
    fprintf(emitter->out, "if (%sr_%s) ", instruction->guard_negated ? "!" : "",
            bare(instruction->guard));
  }
  fprintf(emitter->out, "{ executed[%d] = 1; ", emitter->statement);
  emit_instruction(emitter);
  fprintf(emitter->out, " }  // PTX line %d\n", instruction->line);
  emitter->kernel->lines[emitter->statement++] = instruction->line;
}

static void emit_kernel(struct Emitter *emitter) {
  struct PtxKernel *kernel = emitter->kernel;
  kernel->lines = calloc((size_t)kernel->instruction_count + 1, sizeof *kernel->lines);
  kernel->executed = calloc((size_t)kernel->instruction_count + 1, 1);
  if (!kernel->lines || !kernel->executed) abort();
  emitter->sites = 0;
  emitter->statement = 0;
  emitter->waits = false;
  fprintf(emitter->out,
          "\nvoid kernel_%s(struct PtxThread *t) {\nu8 *const executed = t->executed;\n",
          kernel->name);
  emitter->depth = 1;
  emitter->scopes[0] = 0;
  emit_registers(emitter, 0);
  for (int i = 0; i < kernel->instruction_count; i++) {
    emitter->instruction = &kernel->instructions[i];
    emit_statement(emitter);
  }
  fprintf(emitter->out, "}\n");
  kernel->statement_count = emitter->statement;
  kernel->site_count = emitter->sites;
  kernel->waits = emitter->waits;
}

void ptx_emit(const struct PtxText *text, FILE *out, struct PtxWork *work) {
  struct Emitter emitter = {.text = text, .work = work, .out = out};
  for (int i = 0; i < text->kernel_count; i++) {
    emitter.kernel = &text->kernels[i];
    emit_kernel(&emitter);
  }
}
