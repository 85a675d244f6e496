// ptx: src/test/resources/io/pentrough/device/cuda/kernels.ptx
// Kernels whose results are known, for the tests of the software driver.

extern "C" __global__ void saxpy(int n, float a, const float* x, float* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = fmaf(a, x[i], y[i]);
}

// Bytes to floats, each image flipped left to right if its flag says so.
extern "C" __global__ void normalise(const unsigned char* in, const unsigned char* flips, float scale,
                                     float bias, int images, int width, float* out) {
  int total = images * width;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
    int image = i / width;
    int column = i % width;
    int from = flips[image] ? width - 1 - column : column;
    out[i] = fmaf((float)in[image * width + from], scale, bias);
  }
}

// Each block adds its share: shuffles in a warp, shared memory between warps, an atomic between blocks.
extern "C" __global__ void blockSum(const float* x, int n, float* sum) {
  __shared__ float warps[32];
  float mine = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) mine += x[i];
  for (int step = 16; step > 0; step /= 2) mine += __shfl_down_sync(0xffffffff, mine, step);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x == 0) {
    float all = 0;
    for (int w = 0; w < blockDim.x / 32; w++) all += warps[w];
    atomicAdd(sum, all);
  }
}

// A prefix sum in dynamic shared memory: two barriers in each turn of a loop.
extern "C" __global__ void prefixSum(const int* in, int* out) {
  extern __shared__ int values[];
  int i = threadIdx.x;
  values[i] = in[i];
  __syncthreads();
  for (int step = 1; step < blockDim.x; step *= 2) {
    int left = i >= step ? values[i - step] : 0;
    __syncthreads();
    values[i] += left;
    __syncthreads();
  }
  out[i] = values[i];
}

// Every thread goes another way, for another number of turns: Collatz steps.
extern "C" __global__ void collatz(const unsigned* start, int n, unsigned* steps) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned value = start[i];
  unsigned count = 0;
  while (value != 1) {
    value = value % 2 == 0 ? value / 2 : 3 * value + 1;
    count++;
  }
  steps[i] = count;
}

extern "C" __global__ void counters(unsigned* u32, unsigned long long* u64, int* low, int* high,
                                    unsigned* swapped, unsigned* votes) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(u32, 1u);
  atomicAdd(u64, 1ull << 33);
  atomicMin(low, -i);
  atomicMax(high, i);
  atomicCAS(swapped, i, i + 1);
  unsigned even = __ballot_sync(0xffffffff, i % 2 == 0);
  if (threadIdx.x % 32 == 0) votes[i / 32] = even;
}

extern "C" __global__ void shuffles(int* down, int* up, int* across, int* first) {
  int lane = threadIdx.x;
  down[lane] = __shfl_down_sync(0xffffffff, lane, 3, 8);
  up[lane] = __shfl_up_sync(0xffffffff, lane, 3, 8);
  across[lane] = __shfl_xor_sync(0xffffffff, lane, 5);
  first[lane] = __shfl_sync(0xffffffff, lane, 2, 8);
}

// Some threads wait at the barrier, the others have left.
extern "C" __global__ void divergentBarrier(int* out) {
  if (threadIdx.x < 40) {
    __syncthreads();
    out[threadIdx.x] = 1;
  }
}

// Writes `count` numbers from `first` on, wherever that is.
extern "C" __global__ void writeAt(int* out, int first) { out[first + (int)threadIdx.x] = 1; }

extern "C" __global__ void floats(const float* x, int n, float* out) {
  int i = threadIdx.x;
  if (i >= n) return;
  float v = x[i];
  out[0 * n + i] = sqrtf(fabsf(v));
  out[1 * n + i] = 1.0f / v;
  out[2 * n + i] = expf(v);
  out[3 * n + i] = logf(fabsf(v));
  out[4 * n + i] = fminf(v, 1.0f);
  out[5 * n + i] = fmaxf(v, -1.0f);
  out[6 * n + i] = __saturatef(v);
  out[7 * n + i] = floorf(v);
  out[8 * n + i] = rintf(v);
  out[9 * n + i] = tanhf(v);
}

// An array that is indexed at run time lives in local memory; four floats at once.
extern "C" __global__ void reorder(const float4* in, const int* order, float4* out) {
  float4 four = in[threadIdx.x];
  float values[4];
  values[(order[0] + 1) & 3] = four.x;
  values[(order[1] + 1) & 3] = four.y;
  values[(order[2] + 1) & 3] = four.z;
  values[(order[3] + 1) & 3] = four.w;
  int k = order[threadIdx.x & 3];
  out[threadIdx.x] = make_float4(values[k & 3], values[(k + 1) & 3], values[(k + 2) & 3], values[(k + 3) & 3]);
}

// Every thread of a block of two dimensions counts; reductions at barriers, votes, atomics in shared memory.
extern "C" __global__ void census(int* out) {
  __shared__ unsigned counts[6];
  unsigned* generic = counts;
  int i = threadIdx.y * blockDim.x + threadIdx.x;
  int block = blockIdx.y * gridDim.x + blockIdx.x;
  if (i < 6) counts[i] = 0;
  int odd = __syncthreads_count(i % 2);
  int some = __syncthreads_or(i == 5);
  int all = __syncthreads_and(i >= 0);
  atomicAdd(&counts[0], 1u);
  atomicMax(&counts[1], (unsigned)i);
  atomicInc(&counts[2], 9u);
  atomicOr(&counts[3], 1u << (i % 32));
  atomicExch(&generic[i % 2 + 4], 7u);
  int votes = __all_sync(0xffffffff, i >= 0) + 10 * __any_sync(0xffffffff, threadIdx.x == 1);
  __syncwarp();
  __threadfence();
  __syncthreads();
  if (i == 0) {
    int* mine = out + 10 * block;
    for (int k = 0; k < 6; k++) mine[k] = counts[k];
    mine[6] = odd;
    mine[7] = some;
    mine[8] = all;
    mine[9] = votes;
  }
}
