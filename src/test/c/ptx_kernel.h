// What the C made from PTX and the driver that runs it share. The generated file includes the text of
// this one, so it stands alone. Names that begin with ptx_ are called by generated statements.
#ifndef PTX_KERNEL_H
#define PTX_KERNEL_H

#include <fenv.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef bool pred;
typedef uint8_t u8, b8;
typedef uint16_t u16, b16;
typedef uint32_t u32, b32;
typedef uint64_t u64, b64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef float f32;
typedef double f64;

// Where shared and local memory lie among generic addresses; nothing of the driver's is there.
#define PTX_SHARED_WINDOW 0x0001000000000000ull
#define PTX_LOCAL_WINDOW 0x0002000000000000ull
#define PTX_WINDOW_BYTES 0x0000000100000000ull

// The memory an instruction touched last: it will mostly be the same again.
struct PtxSite {
  uint64_t address;
  uint64_t size;
  uint8_t *bytes;
};

// In the case that PTX writes them in.
enum PtxExchange {
  PTX_SHFL_up,
  PTX_SHFL_down,
  PTX_SHFL_bfly,
  PTX_SHFL_idx,
  PTX_VOTE_all,
  PTX_VOTE_any,
  PTX_VOTE_uni,
  PTX_VOTE_ballot,
  PTX_WARP_SYNC
};

enum PtxReduction { PTX_BAR_sync, PTX_BAR_popc, PTX_BAR_and, PTX_BAR_or };

struct PtxThread;

// What a thread asks of the driver. Those that fail do not return.
struct PtxServices {
  void (*find)(struct PtxThread *thread, struct PtxSite *site, uint64_t address, uint32_t size,
               bool write, int line);
  void (*bad_address)(struct PtxThread *thread, const char *space, uint64_t address, uint32_t size,
                      bool write, int line);
  uint32_t (*barrier)(struct PtxThread *thread, uint32_t id, uint32_t threads,
                      enum PtxReduction reduction, bool value, int line);
  uint32_t (*exchange)(struct PtxThread *thread, enum PtxExchange kind, uint32_t value,
                       uint32_t lane, uint32_t clamp, uint32_t members, bool *flag, int line);
  void (*trap)(struct PtxThread *thread, int line);
  void (*tick)(struct PtxThread *thread, int line);
};

struct PtxThread {
  const struct PtxServices *services;
  const uint8_t *parameters;
  uint8_t *shared;
  uint32_t shared_bytes;
  uint32_t dynamic_offset;  // of extern shared memory
  uint8_t *local;
  uint32_t local_bytes;
  uint32_t tid[3], ntid[3], ctaid[3], nctaid[3];
  uint32_t number;  // in its block
  uint64_t grid;    // number of the launch
  struct PtxSite *sites;
  uint8_t *executed;
  uint32_t jumps;  // back, until the next tick
};

typedef void PtxFunction(struct PtxThread *thread);

#ifdef PTX_GENERATED

// So that a loop without an end gets one.
static inline void ptx_jump_back(struct PtxThread *t, int line) {
  if (t->jumps-- == 0) t->services->tick(t, line);
}

// --- memory --------------------------------------------------------------------------------------

static inline uint8_t *ptx_global(struct PtxThread *t, int site_number, uint64_t address,
                                  uint32_t size, bool write, int line) {
  struct PtxSite *site = &t->sites[site_number];
  uint64_t offset = address - site->address;
  if (offset >= site->size || site->size - offset < size || address % size) {
    t->services->find(t, site, address, size, write, line);
    offset = address - site->address;
  }
  return site->bytes + offset;
}

static inline uint8_t *ptx_shared(struct PtxThread *t, int site, uint64_t address, uint32_t size,
                                  bool write, int line) {
  (void)site;
  if (address > t->shared_bytes || t->shared_bytes - address < size || address % size) {
    t->services->bad_address(t, "shared", address, size, write, line);
  }
  return t->shared + address;
}

static inline uint8_t *ptx_local(struct PtxThread *t, int site, uint64_t address, uint32_t size,
                                 bool write, int line) {
  (void)site;
  if (address > t->local_bytes || t->local_bytes - address < size || address % size) {
    t->services->bad_address(t, "local", address, size, write, line);
  }
  return t->local + address;
}

static inline uint8_t *ptx_generic(struct PtxThread *t, int site, uint64_t address, uint32_t size,
                                   bool write, int line) {
  if (address - PTX_SHARED_WINDOW < PTX_WINDOW_BYTES) {
    return ptx_shared(t, site, address - PTX_SHARED_WINDOW, size, write, line);
  }
  if (address - PTX_LOCAL_WINDOW < PTX_WINDOW_BYTES) {
    return ptx_local(t, site, address - PTX_LOCAL_WINDOW, size, write, line);
  }
  return ptx_global(t, site, address, size, write, line);
}

// --- registers are integers: what is in them as another type -------------------------------------

static inline f32 ptx_f32(u32 bits) {
  f32 value;
  memcpy(&value, &bits, 4);
  return value;
}
static inline f64 ptx_f64(u64 bits) {
  f64 value;
  memcpy(&value, &bits, 8);
  return value;
}
static inline u32 ptx_bits_f32(f32 value) {
  u32 bits;
  memcpy(&bits, &value, 4);
  return bits;
}
static inline u64 ptx_bits_f64(f64 value) {
  u64 bits;
  memcpy(&bits, &value, 8);
  return bits;
}
static inline f32 ptx_from_f16(u16 bits) {
  _Float16 value;
  memcpy(&value, &bits, 2);
  return (f32)value;
}
static inline u16 ptx_to_f16_f32(f32 value) {
  _Float16 half = (_Float16)value;
  u16 bits;
  memcpy(&bits, &half, 2);
  return bits;
}
static inline u16 ptx_to_f16_f64(f64 value) {
  _Float16 half = (_Float16)value;
  u16 bits;
  memcpy(&bits, &half, 2);
  return bits;
}

// Subnormal numbers count as zero where an instruction says .ftz.
static inline f32 ptx_ftz(f32 value) {
  return fabsf(value) < 0x1p-126f ? copysignf(0, value) : value;
}

// --- arithmetic where C says something else, or nothing ------------------------------------------

#define PTX_SHIFT(T, bits)                                                                    \
  static inline u##bits ptx_shl_b##bits(u##bits a, u32 by) {                                  \
    return by >= bits ? 0 : (u##bits)(a << by);                                               \
  }                                                                                           \
  static inline u##bits ptx_shr_u##bits(u##bits a, u32 by) {                                  \
    return by >= bits ? 0 : (u##bits)(a >> by);                                               \
  }                                                                                           \
  static inline u##bits ptx_shr_b##bits(u##bits a, u32 by) { return ptx_shr_u##bits(a, by); } \
  static inline s##bits ptx_shr_s##bits(s##bits a, u32 by) {                                  \
    return (s##bits)(a >> (by >= bits ? bits - 1 : by));                                      \
  }
PTX_SHIFT(u16, 16)
PTX_SHIFT(u32, 32)
PTX_SHIFT(u64, 64)

// Division by zero gives all ones on the device (the documentation leaves it open), and the smallest
// number divided by -1 overflows.
#define PTX_DIVIDE(bits)                                                                \
  static inline u##bits ptx_div_u##bits(u##bits a, u##bits b) {                         \
    return b ? a / b : (u##bits) - 1;                                                   \
  }                                                                                     \
  static inline u##bits ptx_rem_u##bits(u##bits a, u##bits b) { return b ? a % b : a; } \
  static inline s##bits ptx_div_s##bits(s##bits a, s##bits b) {                         \
    return b == 0 ? -1 : b == -1 ? (s##bits)(0 - (u##bits)a) : a / b;                   \
  }                                                                                     \
  static inline s##bits ptx_rem_s##bits(s##bits a, s##bits b) {                         \
    return b == 0 ? a : b == -1 ? 0 : a % b;                                            \
  }
PTX_DIVIDE(16)
PTX_DIVIDE(32)
PTX_DIVIDE(64)

static inline s32 ptx_saturate_s32(s64 value) {
  return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (s32)value;
}

// The number that is not NaN; -0 is less than +0.
#define PTX_EXTREME(T, f)                                                          \
  static inline T ptx_min_##T(T a, T b) {                                          \
    return isnan(a) ? b : isnan(b) ? a : a < b || (a == b && signbit(a)) ? a : b;  \
  }                                                                                \
  static inline T ptx_max_##T(T a, T b) {                                          \
    return isnan(a) ? b : isnan(b) ? a : a > b || (a == b && !signbit(a)) ? a : b; \
  }                                                                                \
  static inline T ptx_saturate_##T(T a) { return !(a > 0) ? 0 : a > 1 ? 1 : a; }
PTX_EXTREME(f32, f)
PTX_EXTREME(f64, )

// Another rounding than to nearest. The barriers keep the compiler from moving arithmetic over them.
#define PTX_ROUNDED(T, name)                                                        \
  __attribute__((noinline)) static T ptx_rounded_fma_##T(T a, T b, T c, int mode) { \
    volatile T x = a, y = b, z = c;                                                 \
    int before = fegetround();                                                      \
    fesetround(mode);                                                               \
    volatile T result = name(x, y, z);                                              \
    fesetround(before);                                                             \
    return result;                                                                  \
  }                                                                                 \
  static inline T ptx_rounded_add_##T(T a, T b, int mode) {                         \
    return ptx_rounded_fma_##T(a, 1, b, mode);                                      \
  }                                                                                 \
  static inline T ptx_rounded_sub_##T(T a, T b, int mode) {                         \
    return ptx_rounded_fma_##T(a, 1, -b, mode);                                     \
  }
PTX_ROUNDED(f32, fmaf)
PTX_ROUNDED(f64, fma)

#define PTX_ROUNDED_BINARY(T, name, operator)                                       \
  __attribute__((noinline)) static T ptx_rounded_##name##_##T(T a, T b, int mode) { \
    volatile T x = a, y = b;                                                        \
    int before = fegetround();                                                      \
    fesetround(mode);                                                               \
    volatile T result = x operator y;                                               \
    fesetround(before);                                                             \
    return result;                                                                  \
  }
PTX_ROUNDED_BINARY(f32, mul, *)
PTX_ROUNDED_BINARY(f64, mul, *)
PTX_ROUNDED_BINARY(f32, div, /)
PTX_ROUNDED_BINARY(f64, div, /)

// An integer, a double or a float to a float of `mode`.
__attribute__((noinline)) static f32 ptx_f32_of(f64 value, int mode) {
  volatile f64 x = value;
  int before = fegetround();
  fesetround(mode);
  volatile f32 result = (f32)x;
  fesetround(before);
  return result;
}

// A float to an integer: out of range gives the nearest one there is, NaN gives 0 (as the device's
// 32-bit conversions do).
#define PTX_TO_INTEGER(T, low, high)          \
  static inline T ptx_to_##T(f64 value) {     \
    return isnan(value)           ? 0         \
           : value <= (f64)(low)  ? (low)     \
           : value >= (f64)(high) ? (high)    \
                                  : (T)value; \
  }
PTX_TO_INTEGER(u8, 0, UINT8_MAX)
PTX_TO_INTEGER(s8, INT8_MIN, INT8_MAX)
PTX_TO_INTEGER(u16, 0, UINT16_MAX)
PTX_TO_INTEGER(s16, INT16_MIN, INT16_MAX)
PTX_TO_INTEGER(u32, 0, UINT32_MAX)
PTX_TO_INTEGER(s32, INT32_MIN, INT32_MAX)
PTX_TO_INTEGER(u64, 0, UINT64_MAX)
PTX_TO_INTEGER(s64, INT64_MIN, INT64_MAX)

// An integer to a narrower one, or one of another sign, without wrapping.
#define PTX_CLAMP(T, low, high)                                    \
  static inline T ptx_clamp_##T(__int128 value) {                  \
    return value<(low) ? (low) : value>(high) ? (high) : (T)value; \
  }
PTX_CLAMP(u8, 0, UINT8_MAX)
PTX_CLAMP(s8, INT8_MIN, INT8_MAX)
PTX_CLAMP(u16, 0, UINT16_MAX)
PTX_CLAMP(s16, INT16_MIN, INT16_MAX)
PTX_CLAMP(u32, 0, UINT32_MAX)
PTX_CLAMP(s32, INT32_MIN, INT32_MAX)
PTX_CLAMP(u64, 0, UINT64_MAX)
PTX_CLAMP(s64, INT64_MIN, INT64_MAX)

static inline u64 ptx_bfe(u64 value, u32 position, u32 length, u32 bits, bool is_signed) {
  position &= 0xff;
  length &= 0xff;
  u64 result = 0;
  u32 last = position + length - 1 < bits - 1 ? position + length - 1 : bits - 1;
  u64 sign = is_signed && length ? value >> last & 1 : 0;
  for (u32 i = 0; i < bits; i++) {
    u64 bit = i < length && position + i < bits ? value >> (position + i) & 1 : sign;
    result |= bit << i;
  }
  return result;
}

static inline u64 ptx_bfi(u64 from, u64 into, u32 position, u32 length, u32 bits) {
  position &= 0xff;
  length &= 0xff;
  for (u32 i = 0; i < length && position + i < bits; i++) {
    u64 bit = 1ull << (position + i);
    into = from >> i & 1 ? into | bit : into & ~bit;
  }
  return into;
}

static inline u32 ptx_prmt(u32 a, u32 b, u32 selector) {
  u64 bytes = (u64)b << 32 | a;
  u32 result = 0;
  for (int i = 0; i < 4; i++) {
    u32 nibble = selector >> 4 * i & 15;
    u32 byte = (u32)(bytes >> 8 * (nibble & 7)) & 0xff;
    if (nibble & 8) byte = byte & 0x80 ? 0xff : 0;
    result |= byte << 8 * i;
  }
  return result;
}

static inline u64 ptx_brev(u64 value, int bits) {
  u64 result = 0;
  for (int i = 0; i < bits; i++) result |= (value >> i & 1) << (bits - 1 - i);
  return result;
}

static inline u32 ptx_lane(const struct PtxThread *t) { return t->number % 32; }

#endif
#endif
