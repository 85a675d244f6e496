// ptx: src/main/resources/io/pentrough/augment/augment.ptx
// What io.pentrough.augment.Augmentation does on the device; AugmentTwins is the same in Java, bit for bit.
// So each rounding is spelled out (__fmaf_rn and its like, which the compiler may not fuse), nothing is
// called whose result the hardware chooses (no powf, no expf), and both have the same order of operations.
//
// One thread makes all channels of one output voxel; blockIdx.y is the sample. What was drawn for a sample
// is a row of 32-bit words, see Parameters.java.

enum { IMAGE_STEPS = 0, LABEL_STEPS = 4, MATRIX = 8, KEY = 24, BOXES = 26, BOX_WORDS = 6, CHANNEL_WORDS = 3 };
enum { UNSIGNED = 0, SIGNED = 1, FLOAT = 2 };                  // kinds of elements
enum { NO_NOISE = 0, UNIFORM = 1, GAUSSIAN = 2 };              // noise
enum { CLIP = 1, GAMMA = 2, PERSPECTIVE = 4 };                 // flags
enum { CONSTANT = 0, CLAMP = 1, MIRROR = 2 };                  // borders

// --- elements --------------------------------------------------------------------------------------

// An integer of one or two bytes.
static __device__ __forceinline__ int loadSmall(const unsigned char* from, int bytes, int kind, int index) {
  int bits = bytes == 1 ? from[index] : ((const unsigned short*)from)[index];
  int unused = 32 - 8 * bytes;
  return kind == SIGNED ? bits << unused >> unused : bits;
}

// The lower 32 bits of an integer of 1, 2, 4 or 8 bytes.
static __device__ __forceinline__ int loadInt(const unsigned char* from, int bytes, int kind, int index) {
  if (bytes <= 2) return loadSmall(from, bytes, kind, index);
  return bytes == 4 ? ((const int*)from)[index] : (int)((const long long*)from)[index];
}

// An element of up to 4 bytes as a float, rounded to nearest even; a float as it is.
static __device__ __forceinline__ float loadFloat(const unsigned char* from, int bytes, int kind, int index) {
  if (bytes <= 2) return __int2float_rn(loadSmall(from, bytes, kind, index));
  int bits = ((const int*)from)[index];
  if (kind == FLOAT) return __int_as_float(bits);
  return kind == SIGNED ? __int2float_rn(bits) : __uint2float_rn((unsigned)bits);
}

// --- random numbers --------------------------------------------------------------------------------

// The first word of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC'11) for the counter (voxel, channel, 0, 0).
static __device__ __forceinline__ unsigned philox(unsigned voxel, unsigned channel, unsigned key0, unsigned key1) {
  unsigned x0 = voxel, x1 = channel, x2 = 0, x3 = 0;
#pragma unroll 1
  for (int round = 0; round < 10; round++) {
    unsigned high0 = __umulhi(0xD2511F53u, x0), low0 = 0xD2511F53u * x0;
    unsigned high1 = __umulhi(0xCD9E8D57u, x2), low1 = 0xCD9E8D57u * x2;
    x0 = high1 ^ x1 ^ key0;
    x1 = low1;
    x2 = high0 ^ x3 ^ key1;
    x3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x0;
}

// --- functions -------------------------------------------------------------------------------------

// The logarithm to base 2 of a normal positive number. With v = m * 2^e, m in [sqrt(1/2), sqrt(2)), and
// s = (m - 1) / (m + 1): ln m = 2 (s + s^3/3 + s^5/5 + s^7/7 + s^9/9 + ...); |s| < 0.172.
static __device__ __forceinline__ float logarithm(float v) {
  int bits = __float_as_int(v);
  int e = (bits - 0x3F3504F3) >> 23;
  float m = __int_as_float(bits - e * 0x800000);
  float s = __fdiv_rn(__fsub_rn(m, 1.0f), __fadd_rn(m, 1.0f));
  float q = __fmul_rn(s, s);
  float sum = __fmaf_rn(q, 0.3205989f, 0.4121986f);  // 2 / (k ln 2) for k = 9, 7, 5, 3, 1
  sum = __fmaf_rn(q, sum, 0.57707804f);
  sum = __fmaf_rn(q, sum, 0.9617967f);
  sum = __fmaf_rn(q, sum, 2.88539f);
  return __fmaf_rn(s, sum, __int2float_rn(e));
}

// v to the power g for v in [0, 1] and g > 0, as 2^(g log2 v); below 2^-125 it is 0. NaN stays NaN.
// 2^f for f in [-1/2, 1/2] is the Taylor polynomial of degree 7, coefficients (ln 2)^k / k!.
static __device__ __forceinline__ float power(float v, float g) {
  if (!(v >= 1.1754944e-38f)) return v == v ? 0.0f : v;
  float t = __fmul_rn(g, logarithm(v));
  if (t < -125.0f) return 0.0f;
  int n = __float2int_rn(t);
  float f = __fsub_rn(t, __int2float_rn(n));
  float sum = __fmaf_rn(f, 1.5252734e-5f, 0.0001540353f);
  sum = __fmaf_rn(f, sum, 0.0013333558f);
  sum = __fmaf_rn(f, sum, 0.009618129f);
  sum = __fmaf_rn(f, sum, 0.05550411f);
  sum = __fmaf_rn(f, sum, 0.2402265f);
  sum = __fmaf_rn(f, sum, 0.6931472f);
  sum = __fmaf_rn(f, sum, 1.0f);
  return __int_as_float(__float_as_int(sum) + n * 0x800000);
}

// The normal deviate whose distribution function is p = 1/2 + q, |q| <= 1/2 - 2^-24: PPND7 of Wichura,
// "Algorithm AS 241", Applied Statistics 37 (1988), without its branch for p below exp(-25).
static __device__ __forceinline__ float normal(float q) {
  if (fabsf(q) <= 0.425f) {
    float r = __fmaf_rn(-q, q, 0.180625f);
    float above = __fmaf_rn(r, 59.109375f, 159.29114f);
    above = __fmaf_rn(r, above, 50.434273f);
    above = __fmaf_rn(r, above, 3.3871326f);
    float below = __fmaf_rn(r, 67.18756f, 78.75776f);
    below = __fmaf_rn(r, below, 17.89517f);
    below = __fmaf_rn(r, below, 1.0f);
    return __fdiv_rn(__fmul_rn(q, above), below);
  }
  float tail = __fsub_rn(0.5f, fabsf(q));
  float r = __fsqrt_rn(__fmul_rn(-0.6931472f, logarithm(tail)));
  r = __fsub_rn(r, 1.6f);
  float above = __fmaf_rn(r, 0.17023821f, 1.3067285f);
  above = __fmaf_rn(r, above, 2.7568154f);
  above = __fmaf_rn(r, above, 1.4234372f);
  float below = __fmaf_rn(r, 0.12021133f, 0.73700166f);
  below = __fmaf_rn(r, below, 1.0f);
  float deviate = __fdiv_rn(above, below);
  return q < 0 ? -deviate : deviate;
}

// --- values ----------------------------------------------------------------------------------------

// The grey value of a voxel and channel: gain and offset in one step, clip, gamma, noise.
static __device__ __forceinline__ float grey(float v, const int* sample, const int* channel, int voxel, int c,
                                             int flags, int noise, float amplitude) {
  v = __fmaf_rn(v, __int_as_float(channel[0]), __int_as_float(channel[1]));
  if (flags & CLIP) v = v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;  // not fminf: NaN shall stay
  if (flags & GAMMA) v = power(v, __int_as_float(channel[2]));
  if (noise != NO_NOISE) {
    unsigned word = philox(voxel, c, sample[KEY], sample[KEY + 1]);
    // (k + 1/2) / 2^23 - 1/2 for k of 23 bits: exact, symmetric, never 0 or 1 before the 1/2 is taken off
    float q = __fmaf_rn(__uint2float_rn(2 * (word >> 9) + 1), 5.9604645e-8f, -0.5f);
    v = __fmaf_rn(amplitude, noise == UNIFORM ? 2.0f * q : normal(q), v);
  }
  return v;
}

static __device__ __forceinline__ bool isCut(const int* box, int boxes, int z, int y, int x) {
  for (int b = 0; b < boxes; b++, box += BOX_WORDS) {
    if (z >= box[0] && z < box[1] && y >= box[2] && y < box[3] && x >= box[4] && x < box[5]) return true;
  }
  return false;
}

// --- geometry --------------------------------------------------------------------------------------

// Where an index outside of [0, n) is read; -1 for nowhere.
static __device__ __forceinline__ int resolve(int i, int n, int border) {
  if ((unsigned)i < (unsigned)n) return i;
  if (border == CONSTANT) return -1;
  if (border == CLAMP) return i < 0 ? 0 : n - 1;
  int period = max(2 * n - 2, 1);  // ... 2 1 0 1 2 ... n-2 n-1 n-2 ...
  int m = i % period;
  if (m < 0) m += period;
  return m < n ? m : period - m;
}

static __device__ __forceinline__ float row(const int* m, float z, float y, float x) {
  return __fmaf_rn(__int_as_float(m[0]), z,
                   __fmaf_rn(__int_as_float(m[1]), y, __fmaf_rn(__int_as_float(m[2]), x, __int_as_float(m[3]))));
}

struct Place {
  float z, y, x;
};

static __device__ __forceinline__ float bounded(float v) { return fminf(fmaxf(v, -1e9f), 1e9f); }

// Where in the source the voxel (z, y, x) of the output comes from.
static __device__ __forceinline__ Place place(const int* matrix, int flags, int z, int y, int x) {
  float fz = __int2float_rn(z), fy = __int2float_rn(y), fx = __int2float_rn(x);
  Place to = {row(matrix, fz, fy, fx), row(matrix + 4, fz, fy, fx), row(matrix + 8, fz, fy, fx)};
  if (flags & PERSPECTIVE) {
    float w = row(matrix + 12, fz, fy, fx);
    to.z = __fdiv_rn(to.z, w);
    to.y = __fdiv_rn(to.y, w);
    to.x = __fdiv_rn(to.x, w);
  }
  to.z = bounded(to.z);
  to.y = bounded(to.y);
  to.x = bounded(to.x);
  return to;
}

static __device__ __forceinline__ float between(float f, float a, float b) { return __fmaf_rn(f, __fsub_rn(b, a), a); }

struct Source {
  const unsigned char* bytes;
  int width, kind, ny, nx;
  float constant;
};

static __device__ __forceinline__ float at(const Source& from, int start, int z, int y, int x) {
  if ((z | y | x) < 0) return from.constant;
  return loadFloat(from.bytes, from.width, from.kind, start + (z * from.ny + y) * from.nx + x);
}

// --- kernels ---------------------------------------------------------------------------------------

// Flips, swaps and crop as one integer step per output axis; values in the same pass.
// Must move: each voxel of the cropped source once in its own type, each output float once; and per sample
// a row of parameters. Moves just that: a warp reads the row from one address (cached), and x runs along
// the source's x or, swapped, along y or z, where caches make up for the stride.
extern "C" __global__ void augmentCrop(const unsigned char* in, float* out, const int* parameters, int words,
                                       int width, int kind, int channels, int nz, int ny, int nx, int pz, int py,
                                       int px, int boxes, float cut, int noise, float amplitude, int flags) {
  int voxel = blockIdx.x * blockDim.x + threadIdx.x;
  int voxels = pz * py * px;
  if (voxel >= voxels) return;
  const int* sample = parameters + blockIdx.y * words;
  int x = voxel % px, y = voxel / px % py, z = voxel / px / py;
  bool empty = isCut(sample + BOXES, boxes, z, y, x);
  const int* steps = sample + IMAGE_STEPS;
  int from = steps[0] + z * steps[1] + y * steps[2] + x * steps[3];
  const int* channel = sample + BOXES + BOX_WORDS * boxes;
  int c = 0;
  do {
    int place = blockIdx.y * channels + c;
    float v = cut;
    if (!empty) {
      v = loadFloat(in, width, kind, place * nz * ny * nx + from);
      v = grey(v, sample, channel, voxel, c, flags, noise, amplitude);
    }
    out[place * voxels + voxel] = v;
    channel += CHANNEL_WORDS;
  } while (++c < channels);
}

// The same with a 4x4 matrix and trilinear interpolation.
// Must move: each source voxel of the region once, each output float once. Asks for eight source voxels for
// each output; neighbours share them in the caches, so that memory sees little more than the region.
extern "C" __global__ void augmentWarp(const unsigned char* in, float* out, const int* parameters, int words,
                                       int width, int kind, int channels, int nz, int ny, int nx, int pz, int py,
                                       int px, int boxes, float cut, int noise, float amplitude, int flags,
                                       int border, float constant) {
  int voxel = blockIdx.x * blockDim.x + threadIdx.x;
  int voxels = pz * py * px;
  if (voxel >= voxels) return;
  const int* sample = parameters + blockIdx.y * words;
  int x = voxel % px, y = voxel / px % py, z = voxel / px / py;
  bool empty = isCut(sample + BOXES, boxes, z, y, x);
  Place to = place(sample + MATRIX, flags, z, y, x);
  int iz = __float2int_rd(to.z), iy = __float2int_rd(to.y), ix = __float2int_rd(to.x);
  float fz = __fsub_rn(to.z, __int2float_rn(iz));
  float fy = __fsub_rn(to.y, __int2float_rn(iy));
  float fx = __fsub_rn(to.x, __int2float_rn(ix));
  int z0 = resolve(iz, nz, border), z1 = resolve(iz + 1, nz, border);
  int y0 = resolve(iy, ny, border), y1 = resolve(iy + 1, ny, border);
  int x0 = resolve(ix, nx, border), x1 = resolve(ix + 1, nx, border);
  Source from = {in, width, kind, ny, nx, constant};
  const int* channel = sample + BOXES + BOX_WORDS * boxes;
  int c = 0;
  do {
    int place = blockIdx.y * channels + c;
    float v = cut;
    if (!empty) {
      int start = place * nz * ny * nx;
      float first = 0.0f;
#pragma unroll 1
      for (int k = 0; k < 2; k++) {
        int zk = k == 0 ? z0 : z1;
        first = v;
        v = between(fy, between(fx, at(from, start, zk, y0, x0), at(from, start, zk, y0, x1)),
                    between(fx, at(from, start, zk, y1, x0), at(from, start, zk, y1, x1)));
      }
      v = grey(between(fz, first, v), sample, channel, voxel, c, flags, noise, amplitude);
    }
    out[place * voxels + voxel] = v;
    channel += CHANNEL_WORDS;
  } while (++c < channels);
}

// Labels of any integer type to int32, with the image's flips, swaps and crop.
// Must move and moves: each label once in its own type, each output int once.
extern "C" __global__ void labelCrop(const unsigned char* in, int* out, const int* parameters, int words, int width,
                                     int kind, int nz, int ny, int nx, int pz, int py, int px) {
  int voxel = blockIdx.x * blockDim.x + threadIdx.x;
  int voxels = pz * py * px;
  if (voxel >= voxels) return;
  const int* steps = parameters + blockIdx.y * words + LABEL_STEPS;
  int x = voxel % px, y = voxel / px % py, z = voxel / px / py;
  int from = blockIdx.y * nz * ny * nx + steps[0] + z * steps[1] + y * steps[2] + x * steps[3];
  out[blockIdx.y * voxels + voxel] = loadInt(in, width, kind, from);
}

// The same with the image's matrix: the label nearest to the very place the image is read at. The output
// begins at (oz, oy, ox) of the image's output, the labels at (lz, ly, lx) of the image's source.
// Must move and moves: each label it picks once in its own type, each output int once.
extern "C" __global__ void labelWarp(const unsigned char* in, int* out, const int* parameters, int words, int width,
                                     int kind, int nz, int ny, int nx, int pz, int py, int px, int oz, int oy, int ox,
                                     int lz, int ly, int lx, int flags, int border, int constant) {
  int voxel = blockIdx.x * blockDim.x + threadIdx.x;
  int voxels = pz * py * px;
  if (voxel >= voxels) return;
  const int* sample = parameters + blockIdx.y * words;
  int x = voxel % px, y = voxel / px % py, z = voxel / px / py;
  Place to = place(sample + MATRIX, flags, z + oz, y + oy, x + ox);
  int iz = resolve(__float2int_rd(__fadd_rn(to.z, 0.5f)) - lz, nz, border);
  int iy = resolve(__float2int_rd(__fadd_rn(to.y, 0.5f)) - ly, ny, border);
  int ix = resolve(__float2int_rd(__fadd_rn(to.x, 0.5f)) - lx, nx, border);
  int v = constant;
  if ((iz | iy | ix) >= 0) v = loadInt(in, width, kind, ((blockIdx.y * nz + iz) * ny + iy) * nx + ix);
  out[blockIdx.y * voxels + voxel] = v;
}
