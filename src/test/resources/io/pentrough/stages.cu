// ptx: src/test/resources/io/pentrough/stages.ptx
// Kernels for the tests of stages; TestStages.java has their twins.

// Bytes become floats; scale and bias are the batch's parameters.
extern "C" __global__ void expand(const unsigned char* in, float* out, const float* parameters, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = __fmaf_rn((float)in[i], parameters[0], parameters[1]);
}

extern "C" __global__ void twicePlusOne(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = __fmaf_rn(2.0f, in[i], 1.0f);
}
