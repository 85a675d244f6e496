// The arithmetic: one product of two matrices, in single precision.
//
// A block of rows at a time: each column of the result is the sum of columns of op(A), which lie one
// behind the other, so that the compiler's vectors get through them. Each sum runs over k from first
// to last, so the result depends on nothing but the operands.
#include <stdlib.h>
#include <string.h>

#include "cublas.h"

enum { BLOCK = 256, AT_ONCE = 4 };

static float element_b(const struct Gemm *g, int p, int column) {
  return g->transposes_b ? g->b[column + p * g->ldb] : g->b[p + column * g->ldb];
}

// A block of the rows of op(A), where A is transposed: its columns, one after the other.
static void pack(const struct Gemm *g, int first, int rows, float *packed) {
  for (int row = 0; row < rows; row++) {
    const float *from = g->a + (first + row) * g->lda;
    for (int p = 0; p < g->k; p++) packed[(size_t)p * (size_t)rows + (size_t)row] = from[p];
  }
}

static void add_columns(const struct Gemm *g, const float *a, long step, int rows, int column,
                        float *restrict sums) {
  int p = 0;
  for (; p + AT_ONCE <= g->k; p += AT_ONCE) {
    const float *a0 = a + p * step;
    const float *a1 = a0 + step;
    const float *a2 = a1 + step;
    const float *a3 = a2 + step;
    float b0 = element_b(g, p, column);
    float b1 = element_b(g, p + 1, column);
    float b2 = element_b(g, p + 2, column);
    float b3 = element_b(g, p + 3, column);
    for (int i = 0; i < rows; i++) {
      sums[i] = (((sums[i] + a0[i] * b0) + a1[i] * b1) + a2[i] * b2) + a3[i] * b3;
    }
  }
  for (; p < g->k; p++) {
    const float *a0 = a + p * step;
    float b0 = element_b(g, p, column);
    for (int i = 0; i < rows; i++) sums[i] += a0[i] * b0;
  }
}

static void store(const struct Gemm *g, int rows, const float *sums, float *c) {
  for (int i = 0; i < rows; i++) {
    float sum = g->k ? g->alpha * sums[i] : 0;
    c[i] = g->beta == 0 ? sum : sum + g->beta * c[i];
  }
}

void gemm(const struct Gemm *g) {
  float *packed = NULL;
  if (g->transposes_a && g->k) {
    packed = malloc((size_t)g->k * BLOCK * sizeof *packed);
    if (!packed) abort();
  }
  for (int first = 0; first < g->m; first += BLOCK) {
    int rows = g->m - first < BLOCK ? g->m - first : BLOCK;
    if (packed) pack(g, first, rows, packed);
    const float *a = packed ? packed : g->a + first;
    long step = packed ? rows : g->lda;
    for (int column = 0; column < g->n; column++) {
      float sums[BLOCK] = {0};
      add_columns(g, a, step, rows, column, sums);
      store(g, rows, sums, g->c + first + column * g->ldc);
    }
  }
  free(packed);
}
