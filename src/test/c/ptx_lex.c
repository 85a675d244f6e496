// PTX text into tokens.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

static void skip_comment(struct Lexer *lexer, struct PtxWork *work) {
  int from = lexer->line;
  lexer->next += 2;
  while (strncmp(lexer->next, "*/", 2) != 0) {
    if (!*lexer->next) ptx_refuse(work, CUDA_ERROR_INVALID_PTX, from, "a comment does not end");
    if (*lexer->next++ == '\n') lexer->line++;
  }
  lexer->next += 2;
}

static void skip_space(struct Lexer *lexer, struct PtxWork *work) {
  for (;;) {
    if (isspace((unsigned char)*lexer->next)) {
      if (*lexer->next++ == '\n') lexer->line++;
    } else if (strncmp(lexer->next, "//", 2) == 0) {
      lexer->next += strcspn(lexer->next, "\n");
    } else if (strncmp(lexer->next, "/*", 2) == 0) {
      skip_comment(lexer, work);
    } else {
      return;
    }
  }
}

static bool is_word_start(char c) {
  return isalpha((unsigned char)c) || c == '_' || c == '$' || c == '%';
}

static bool is_word_part(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$'; }

static void take(struct Lexer *lexer, struct PtxWork *work, struct Token *token, const char *end) {
  size_t length = (size_t)(end - lexer->next);
  if (length >= sizeof token->text) {
    ptx_refuse(work, CUDA_ERROR_INVALID_PTX, lexer->line, "a name is longer than %zu characters",
               sizeof token->text - 1);
  }
  memcpy(token->text, lexer->next, length);
  token->text[length] = 0;
  lexer->next = end;
}

static void take_word(struct Lexer *lexer, struct PtxWork *work, struct Token *token) {
  const char *end = lexer->next + 1;
  while (is_word_part(*end)) end++;
  token->kind = TOKEN_WORD;
  take(lexer, work, token, end);
}

// ".f32", ".x", ".shared::cta"
static void take_dotted(struct Lexer *lexer, struct PtxWork *work, struct Token *token) {
  const char *end = ++lexer->next;
  while (is_word_part(*end) || (end[0] == ':' && end[1] == ':')
         || (end[0] == ':' && end[-1] == ':'))
    end++;
  token->kind = TOKEN_DOTTED;
  take(lexer, work, token, end);
}

// "12", "0x1F", "0f3F800000", "0d3FF0000000000000", and "6.0" of .version.
static void take_number(struct Lexer *lexer, struct PtxWork *work, struct Token *token) {
  const char *start = lexer->next;
  char *end;
  char kind = (char)(start[0] == '0' ? tolower((unsigned char)start[1]) : 0);
  token->kind = TOKEN_INTEGER;
  if (kind == 'f' || kind == 'd') {
    token->kind = TOKEN_FLOAT;
    token->float_bytes = kind == 'f' ? 4 : 8;
    token->value = strtoull(start + 2, &end, 16);
    if (end - start - 2 != 2 * token->float_bytes) {
      ptx_refuse(work, CUDA_ERROR_INVALID_PTX, lexer->line, "a float needs %d digits: %.20s",
                 2 * token->float_bytes, start);
    }
  } else {
    token->value = strtoull(start, &end, 0);
    if (*end == 'U') end++;
    if (end[0] == '.' && isdigit((unsigned char)end[1])) strtoul(end + 1, &end, 10);
  }
  if (is_word_part(*end)) {
    ptx_refuse(work, CUDA_ERROR_INVALID_PTX, lexer->line, "no number: %.20s", start);
  }
  take(lexer, work, token, end);
}

struct Token ptx_next_token(struct Lexer *lexer, struct PtxWork *work) {
  skip_space(lexer, work);
  struct Token token = {.kind = TOKEN_END, .line = lexer->line};
  char c = *lexer->next;
  if (!c) return token;
  if (is_word_start(c)) {
    take_word(lexer, work, &token);
  } else if (c == '.') {
    take_dotted(lexer, work, &token);
  } else if (isdigit((unsigned char)c)) {
    take_number(lexer, work, &token);
  } else if (c == '"') {
    token.kind = TOKEN_STRING;
    lexer->next++;
    take(lexer, work, &token, lexer->next + strcspn(lexer->next, "\"\n"));
    if (*lexer->next == '"') lexer->next++;
  } else {
    token.kind = TOKEN_PUNCTUATION;
    take(lexer, work, &token, lexer->next + 1);
  }
  return token;
}
