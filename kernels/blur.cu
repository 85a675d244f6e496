// ptx: src/main/resources/io/pentrough/augment/blur.ptx
// What io.pentrough.augment.Blur does on the device, for one axis; BlurHostKernels does the same in Java, bit for bit,
// so each rounding is spelled out and the weights come from the host.
//
// Source: the textbook's separable convolution with a sampled Gaussian (Gonzalez and Woods, Digital Image
// Processing, 3.5), a pass for each axis; no other code was looked at.
//
// Bytes, a voxel and a pass: it must move 8 (4 in, 4 out). What a block reads lies close together, so that a
// cache of it holds it: memory sees each voxel once, and the voxels about a block again if the larger cache
// has lost them. The weights of a sample are a few words that all threads share.
//
// Why passes and not one fused kernel: three passes move 24 bytes a voxel. A kernel that does all axes must
// fetch its tile with a halo of the radius on every side and moves 4 ((t + 2r) / t)^3 + 4: with r = 6 and a
// tile of 16 that is 25, and with r = 3 it is 14, but then for 42 KiB of shared memory a block. The passes
// have no limit to the radius, and take two thirds of it where an axis is not blurred.
//
// One thread makes four voxels at a time. Threads of a warp lie along x, so that every load of every pass is
// coalesced. Any number of blocks along the grid's y will do.

enum { EACH = 4 };

// Where on a line a voxel at or below the thread's is read: at the border (clamp), or in the mirror that stands
// on the outermost voxel. The radius is less than the length, so once is enough.
static __device__ __forceinline__ int low(int at, int mirror) { return mirror ? abs(at) : max(at, 0); }

// The same for one at or above the thread's. What it reads farther out than the radius is of no voxel that it
// keeps, and only has to lie on the line.
static __device__ __forceinline__ int high(int at, int last, int mirror) {
  return mirror ? max(last - abs(last - at), 0) : min(at, last);
}

// Along x, which are the lines. Four lines of one sample go together: where to read and the weights are the
// same for them.
extern "C" __global__ void blurAlong(const float* __restrict__ in, float* __restrict__ out,
                                     const float* __restrict__ weights, int row, int first, int length, int lines,
                                     int tiles, int radius, int mirror) {
  int sample = blockIdx.x / (unsigned)tiles, tile = blockIdx.x - sample * tiles;
  const float* w = weights + first + sample * row;
  int line = tile * EACH * blockDim.y + threadIdx.y;
  if (line >= lines) return;
  int from[EACH];
  for (int j = 0; j < EACH; j++) from[j] = (sample * lines + min(line + j * (int)blockDim.y, lines - 1)) * length;
#pragma unroll 1
  for (int at = blockIdx.y * blockDim.x + threadIdx.x; at < length; at += gridDim.y * blockDim.x) {
    float sum[EACH];
    for (int j = 0; j < EACH; j++) sum[j] = __fmul_rn(w[0], in[from[j] + at]);
#pragma unroll 1
    for (int k = 1;; k++) {  // the radius is at least 1
      int below = low(at - k, mirror), above = high(at + k, length - 1, mirror);
      for (int j = 0; j < EACH; j++) {
        sum[j] = __fmaf_rn(w[k], __fadd_rn(in[from[j] + below], in[from[j] + above]), sum[j]);
      }
      if (k == radius) break;
    }
    for (int j = 0; j < EACH; j++) {
      if (line + j * (int)blockDim.y < lines) out[from[j] + at] = sum[j];
    }
  }
}

// Along y or z: lines are `stride` apart. A thread makes four voxels of a line that follow each other, and
// keeps the four below and the four above that they need next: a step of k reads one new voxel on each side.
extern "C" __global__ void blurAcross(const float* __restrict__ in, float* __restrict__ out,
                                      const float* __restrict__ weights, int row, int first, int length, int planes,
                                      int tiles, int radius, int mirror, int stride) {
  int plane = blockIdx.x / (unsigned)tiles, tile = blockIdx.x - plane * tiles;
  const float* w = weights + first + plane / (unsigned)planes * row;
  int at = (tile * blockDim.y + threadIdx.y) * EACH;
  if (at >= length) return;
#pragma unroll 1
  for (int line = blockIdx.y * blockDim.x + threadIdx.x; line < stride; line += gridDim.y * blockDim.x) {
    int from = plane * length * stride + line;
    float below[EACH], above[EACH], sum[EACH];
    for (int j = 0; j < EACH; j++) {
      below[j] = above[j] = in[from + high(at + j, length - 1, mirror) * stride];
      sum[j] = __fmul_rn(w[0], below[j]);
    }
#pragma unroll 1
    for (int k = 1;; k++) {  // the radius is at least 1
      for (int j = 1; j < EACH; j++) {
        below[EACH - j] = below[EACH - 1 - j];
        above[j - 1] = above[j];
      }
      below[0] = in[from + low(at - k, mirror) * stride];
      above[EACH - 1] = in[from + high(at + EACH - 1 + k, length - 1, mirror) * stride];
      for (int j = 0; j < EACH; j++) sum[j] = __fmaf_rn(w[k], __fadd_rn(below[j], above[j]), sum[j]);
      if (k == radius) break;
    }
    for (int j = 0; j < EACH; j++) {
      if (at + j < length) out[from + (at + j) * stride] = sum[j];
    }
  }
}
