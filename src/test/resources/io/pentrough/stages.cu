// ptx: src/test/resources/io/pentrough/stages.ptx
// Kernels for the tests of stages; TestStages.java implements them for the host.

// Bytes become floats; scale and bias are the batch's parameters.
extern "C" __global__ void expand(const unsigned char* in, float* out, const float* parameters, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = __fmaf_rn((float)in[i], parameters[0], parameters[1]);
}

extern "C" __global__ void twicePlusOne(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = __fmaf_rn(2.0f, in[i], 1.0f);
}

// Hands a batch on as it is.
extern "C" __global__ void relay(const long long* number, const int* also, long long* numberOut, int* alsoOut, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  numberOut[i] = number[i];
  alsoOut[i] = also[i];
}

extern "C" __global__ void copyBytes(const unsigned char* in, unsigned char* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i];
}
