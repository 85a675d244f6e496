// ptx: src/main/resources/io/pentrough/augment/augment.ptx
// What io.pentrough.augment.Augmentation does on the device; AugmentHostKernels does the same in Java, bit for bit.
// So each rounding is spelled out (__fmaf_rn and its like, which the compiler may not fuse), nothing is
// called whose result the hardware chooses (no powf, no expf), and both have the same order of operations.
//
// The threads of a block lie along x (blockDim.x of them) and in rows; blockIdx.y is the sample. A thread keeps
// to its row of output voxels and goes along x in steps of all threads that lie there, some eight in all, so that
// it finds its row and reads what was drawn once for all of them, and neighbours touch neighbours in memory. Any
// grid does; Spread.java chooses it. What was drawn for a sample is a row of 32-bit words, see Parameters.java.

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

// The same, sooner for the types that images mostly have.
static __device__ __forceinline__ float loadUsual(const unsigned char* from, int bytes, int kind, int index) {
  if (kind == FLOAT) return ((const float*)from)[index];
  if (kind == UNSIGNED && bytes == 1) return __int2float_rn(from[index]);
  return loadFloat(from, bytes, kind, index);
}

// --- random numbers --------------------------------------------------------------------------------

// The first word of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC'11) for the counter (voxel, channel, 0, 0).
static __device__ __forceinline__ unsigned philox(unsigned voxel, unsigned channel, unsigned key0, unsigned key1) {
  unsigned x0 = voxel, x1 = channel, x2 = 0, x3 = 0;
#pragma unroll
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

// What was drawn for a channel of a sample.
struct Drawn {
  float gain, offset, gamma;
  unsigned key0, key1;
};

static __device__ __forceinline__ Drawn drawn(const int* sample, int boxes, int c) {
  const int* channel = sample + BOXES + BOX_WORDS * boxes + CHANNEL_WORDS * c;
  return {__int_as_float(channel[0]), __int_as_float(channel[1]), __int_as_float(channel[2]),
          (unsigned)sample[KEY], (unsigned)sample[KEY + 1]};
}

// The grey value of a voxel and channel: gain and offset in one step, clip, gamma, noise.
static __device__ __forceinline__ float grey(float v, const Drawn& of, int voxel, int c, int flags, int noise,
                                             float amplitude) {
  v = __fmaf_rn(v, of.gain, of.offset);
  if (flags & CLIP) v = v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;  // not fminf: NaN shall stay
  if (flags & GAMMA) v = power(v, of.gamma);
  if (noise != NO_NOISE) {
    unsigned word = philox(voxel, c, of.key0, of.key1);
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

static __device__ __forceinline__ float apply(const float* m, float z, float y, float x) {
  return __fmaf_rn(m[0], z, __fmaf_rn(m[1], y, __fmaf_rn(m[2], x, m[3])));
}

static __device__ __forceinline__ float bounded(float v) { return fminf(fmaxf(v, -1e9f), 1e9f); }

// A sample's matrix, read once for all voxels of a thread.
struct Matrix {
  float rows[16];
};

static __device__ __forceinline__ Matrix matrixOf(const int* sample) {
  Matrix matrix;
#pragma unroll
  for (int i = 0; i < 16; i++) matrix.rows[i] = __int_as_float(sample[MATRIX + i]);
  return matrix;
}

struct Place {
  float z, y, x;
};

// Where in the source the voxel (z, y, x) of the output comes from.
static __device__ __forceinline__ Place place(const Matrix& matrix, int flags, int z, int y, int x) {
  float fz = __int2float_rn(z), fy = __int2float_rn(y), fx = __int2float_rn(x);
  const float* m = matrix.rows;
  Place to = {apply(m, fz, fy, fx), apply(m + 4, fz, fy, fx), apply(m + 8, fz, fy, fx)};
  if (flags & PERSPECTIVE) {
    float w = apply(m + 12, fz, fy, fx);
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

// Between four voxels of a slice, of which the first is given.
template <class Element>
static __device__ __forceinline__ float between4(const Element* first, int nx, float fy, float fx) {
  return between(fy, between(fx, first[0], first[1]), between(fx, first[nx], first[nx + 1]));
}

// The same in the slices z0 and z1, and between the two.
template <class Element>
static __device__ __forceinline__ float between8(const unsigned char* bytes, int start, const Source& from, int z0,
                                                 int z1, int y, int x, float fz, float fy, float fx) {
  const Element* elements = (const Element*)bytes + start + y * from.nx + x;
  int slice = from.ny * from.nx;
  float first = between4(elements + z0 * slice, from.nx, fy, fx);
  return between(fz, first, between4(elements + z1 * slice, from.nx, fy, fx));
}

// --- rows ------------------------------------------------------------------------------------------

// The voxels of an output that a thread makes: those at x, x + step, ... of a row.
struct Row {
  int z, y, x, step;
};

// Rows are counted along y, or along z if that is what the source's x has become: then neighbouring rows
// of a block read neighbours in memory, which the threads along x do not. False if there is nothing to do.
static __device__ __forceinline__ bool rowOf(Row& row, const int* steps, int pz, int py, int px) {
  unsigned i = blockIdx.x * blockDim.y + threadIdx.y;
  row.x = blockIdx.z * blockDim.x + threadIdx.x;
  row.step = gridDim.z * blockDim.x;
  if (i >= (unsigned)(pz * py) || row.x >= px) return false;
  bool alongZ = abs(steps[1]) == 1 && abs(steps[3]) != 1;
  unsigned count = alongZ ? pz : py;
  unsigned major = i / count, minor = i - major * count;
  row.z = alongZ ? minor : major;
  row.y = alongZ ? major : minor;
  return true;
}

static __device__ __forceinline__ int stepped(const int* steps, const Row& row) {
  return steps[0] + row.z * steps[1] + row.y * steps[2] + row.x * steps[3];
}

// --- kernels ---------------------------------------------------------------------------------------

// Flips, swaps and crop as one integer step per output axis; values in the same pass.
// Must move: each voxel of the cropped source once in its own type, each output float once; and per sample
// a row of parameters. Moves just that: a warp reads the parameters from one address (cached), and x runs
// along the source's x or, swapped, along y or z, where the rows of a block share what is fetched.
extern "C" __global__ void augmentCrop(const unsigned char* __restrict__ in, float* __restrict__ out,
                                       const int* __restrict__ parameters, int words, int width, int kind,
                                       int channels, int nz, int ny, int nx, int pz, int py, int px, int boxes,
                                       float cut, int noise, float amplitude, int flags) {
  const int* sample = parameters + blockIdx.y * words;
  const int* steps = sample + IMAGE_STEPS;
  Row row;
  if (!rowOf(row, steps, pz, py, px)) return;
  int begin = stepped(steps, row), stride = row.step * steps[3];
  int c = 0;
#pragma unroll 1
  do {
    int place = blockIdx.y * channels + c;
    Drawn of = drawn(sample, boxes, c);
    int from = place * nz * ny * nx + begin;
    float next = loadUsual(in, width, kind, from);
    int x = row.x;
#pragma unroll 1
    do {
      float v = next;
      int here = x;
      x += row.step;
      from += stride;
      if (x < px) next = loadUsual(in, width, kind, from);  // is on its way while this one is worked on
      int voxel = (row.z * py + row.y) * px + here;
      v = isCut(sample + BOXES, boxes, row.z, row.y, here) ? cut : grey(v, of, voxel, c, flags, noise, amplitude);
      out[place * pz * py * px + voxel] = v;
    } while (x < px);
  } while (++c < channels);
}

// The same with a 4x4 matrix and trilinear interpolation.
// Must move: each source voxel of the region once, each output float once. Asks for eight source voxels for
// each output; neighbours share them in the caches, so that memory sees little more than the region.
//
// What lies inside along y and x, and is uint8 or float32, goes a shorter way: it needs no look at the type
// and at the border for each of the eight.
extern "C" __global__ void augmentWarp(const unsigned char* __restrict__ in, float* __restrict__ out,
                                       const int* __restrict__ parameters, int words, int width, int kind,
                                       int channels, int nz, int ny, int nx, int pz, int py, int px, int boxes,
                                       float cut, int noise, float amplitude, int flags, int border,
                                       float constant) {
  const int* sample = parameters + blockIdx.y * words;
  Row row;
  if (!rowOf(row, sample + IMAGE_STEPS, pz, py, px)) return;
  Source from = {in, width, kind, ny, nx, constant};
  Matrix matrix = matrixOf(sample);
#pragma unroll 1
  do {
    int voxel = (row.z * py + row.y) * px + row.x;
    bool empty = isCut(sample + BOXES, boxes, row.z, row.y, row.x);
    Place to = place(matrix, flags, row.z, row.y, row.x);
    int iz = __float2int_rd(to.z), iy = __float2int_rd(to.y), ix = __float2int_rd(to.x);
    float fz = __fsub_rn(to.z, __int2float_rn(iz));
    float fy = __fsub_rn(to.y, __int2float_rn(iy));
    float fx = __fsub_rn(to.x, __int2float_rn(ix));
    int z0 = resolve(iz, nz, border), z1 = resolve(iz + 1, nz, border);
    bool inside = (z0 | z1) >= 0 && (unsigned)iy < (unsigned)(ny - 1) && (unsigned)ix < (unsigned)(nx - 1);
    int c = 0;
#pragma unroll 1
    do {
      int place = blockIdx.y * channels + c;
      int start = place * nz * ny * nx;
      float v = cut;
      if (!empty) {
        if (inside && kind == FLOAT) {
          v = between8<float>(in, start, from, z0, z1, iy, ix, fz, fy, fx);
        } else if (inside && kind == UNSIGNED && width == 1) {
          v = between8<unsigned char>(in, start, from, z0, z1, iy, ix, fz, fy, fx);
        } else {
          int y0 = resolve(iy, ny, border), y1 = resolve(iy + 1, ny, border);
          int x0 = resolve(ix, nx, border), x1 = resolve(ix + 1, nx, border);
          float first = 0.0f;
#pragma unroll 1
          for (int k = 0; k < 2; k++) {
            int zk = k == 0 ? z0 : z1;
            first = v;
            v = between(fy, between(fx, at(from, start, zk, y0, x0), at(from, start, zk, y0, x1)),
                        between(fx, at(from, start, zk, y1, x0), at(from, start, zk, y1, x1)));
          }
          v = between(fz, first, v);
        }
        v = grey(v, drawn(sample, boxes, c), voxel, c, flags, noise, amplitude);
      }
      out[place * pz * py * px + voxel] = v;
    } while (++c < channels);
    row.x += row.step;
  } while (row.x < px);
}

// Labels of any integer type to int32, with the image's flips, swaps and crop.
// Must move and moves: each label once in its own type, each output int once.
extern "C" __global__ void labelCrop(const unsigned char* __restrict__ in, int* __restrict__ out,
                                     const int* __restrict__ parameters, int words, int width, int kind, int nz,
                                     int ny, int nx, int pz, int py, int px) {
  const int* steps = parameters + blockIdx.y * words + LABEL_STEPS;
  Row row;
  if (!rowOf(row, steps, pz, py, px)) return;
  int from = blockIdx.y * nz * ny * nx + stepped(steps, row), stride = row.step * steps[3];
  int next = loadInt(in, width, kind, from);
#pragma unroll 1
  do {
    int label = next;
    int to = ((blockIdx.y * pz + row.z) * py + row.y) * px + row.x;
    row.x += row.step;
    from += stride;
    if (row.x < px) next = loadInt(in, width, kind, from);
    out[to] = label;
  } while (row.x < px);
}

// The same with the image's matrix: the label nearest to the very place the image is read at. The output
// begins at (oz, oy, ox) of the image's output, the labels at (lz, ly, lx) of the image's source.
// Must move and moves: each label it picks once in its own type, each output int once.
extern "C" __global__ void labelWarp(const unsigned char* __restrict__ in, int* __restrict__ out,
                                     const int* __restrict__ parameters, int words, int width, int kind, int nz,
                                     int ny, int nx, int pz, int py, int px, int oz, int oy, int ox, int lz, int ly,
                                     int lx, int flags, int border, int constant) {
  const int* sample = parameters + blockIdx.y * words;
  Row row;
  if (!rowOf(row, sample + LABEL_STEPS, pz, py, px)) return;
  Matrix matrix = matrixOf(sample);
#pragma unroll 1
  do {
    Place to = place(matrix, flags, row.z + oz, row.y + oy, row.x + ox);
    int iz = resolve(__float2int_rd(__fadd_rn(to.z, 0.5f)) - lz, nz, border);
    int iy = resolve(__float2int_rd(__fadd_rn(to.y, 0.5f)) - ly, ny, border);
    int ix = resolve(__float2int_rd(__fadd_rn(to.x, 0.5f)) - lx, nx, border);
    int v = constant;
    if ((iz | iy | ix) >= 0) v = loadInt(in, width, kind, ((blockIdx.y * nz + iz) * ny + iy) * nx + ix);
    out[((blockIdx.y * pz + row.z) * py + row.y) * px + row.x] = v;
    row.x += row.step;
  } while (row.x < px);
}
