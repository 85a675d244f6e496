// ptx: src/test/resources/io/pentrough/device/cuda/launches.ptx
// Kernels for the tests of modules and launches; TestKernels.java implements them for the host.

extern "C" __global__ void saxpy(int n, float a, const float* x, float* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = fmaf(a, x[i], y[i]);
}

// Writes down what it was given.
extern "C" __global__ void arguments(int i, long long l, float f, double d, const int* p, long long* out) {
  out[0] = i;
  out[1] = l;
  out[2] = __float_as_int(f);
  out[3] = __double_as_longlong(d);
  out[4] = *p;
}

// Writes down the grid it runs in; the last thread of the last block does.
extern "C" __global__ void shape(int* out) {
  bool last = blockIdx.x == gridDim.x - 1 && blockIdx.y == gridDim.y - 1 && blockIdx.z == gridDim.z - 1 &&
              threadIdx.x == blockDim.x - 1 && threadIdx.y == blockDim.y - 1 && threadIdx.z == blockDim.z - 1;
  if (!last) return;
  out[0] = gridDim.x;
  out[1] = gridDim.y;
  out[2] = gridDim.z;
  out[3] = blockDim.x;
  out[4] = blockDim.y;
  out[5] = blockDim.z;
}

// Another order of launches gives another result.
extern "C" __global__ void affine(int* x, int n, int times, int plus) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = x[i] * times + plus;
}

// Through shared memory whose size the launch says.
extern "C" __global__ void reverse(int* x) {
  extern __shared__ int values[];
  values[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

// Counts the elements of a batch that are not of the number it should have.
extern "C" __global__ void foreign(const long long* number, const int* also, int n, long long expected, int* found) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && (number[i] != expected || also[i] != (int)expected)) atomicAdd(found, 1);
}

extern "C" __global__ void nothing() {}

// Fails when it runs, if that is nobody's memory.
extern "C" __global__ void stray(int* x, long long offset) { x[offset] = 1; }
