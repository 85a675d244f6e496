// ptx: src/main/resources/io/pentrough/augment/blur.ptx
// What io.pentrough.augment.Blur does on the device, for one axis; BlurTwin is the same in Java, bit for bit,
// so each rounding is spelled out and the weights come from the host.
//
// Source: the textbook's separable convolution with a sampled Gaussian (Gonzalez and Woods, Digital Image
// Processing, 3.5), a pass for each axis; no other code was looked at.
//
// Bytes, a voxel and a pass: it must move 8 (4 in, 4 out). It asks for 4 (2 radius + 1) + 4, of which the
// cache answers all but the first touch of each voxel as long as it holds 2 radius + 1 rows (y) or slices (z)
// of what is in flight: then it moves 8. The weights of a sample are a few words that all threads share.
//
// Why passes and not one fused kernel: three passes move 24 bytes a voxel. A kernel that does all axes must
// fetch its tile with a halo of the radius on every side and moves 4 ((t + 2r) / t)^3 + 4: with r = 6 and a
// tile of 16 that is 25, and with r = 3 it is 14, but then for 42 KiB of shared memory a block. The passes
// have no limit to the radius, and take two thirds of it where an axis is not blurred.
//
// One thread makes one voxel; threads of a warp lie along x, so that every load of every pass is coalesced.

extern "C" __global__ void blurAxis(const float* in, float* out, const float* weights, int elements, int perSample,
                                    int row, int first, int stride, int length, int radius, int mirror) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (unsigned)elements) return;
  int sample = i / (unsigned)perSample;
  const float* w = weights + first + sample * row;
  int at = i / (unsigned)stride % (unsigned)length;
  float sum = __fmul_rn(w[0], in[i]);
#pragma unroll 1
  for (int k = 1;; k++) {  // the radius is at least 1
    int below = at - k;
    int above = at + k;
    if (mirror) {  // on the outermost voxel; the radius is less than the length, so once is enough
      below = abs(below);
      above = length - 1 - abs(length - 1 - above);
    } else {
      below = max(below, 0);
      above = min(above, length - 1);
    }
    float pair = __fadd_rn(in[(int)i + (below - at) * stride], in[(int)i + (above - at) * stride]);
    sum = __fmaf_rn(w[k], pair, sum);
    if (k == radius) break;
  }
  out[i] = sum;
}
