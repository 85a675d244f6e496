// ptx: src/main/resources/io/pentrough/augment/onehot.ptx
// What io.pentrough.augment.OneHot does on the device; OneHotHostKernel does the same in Java.
//
// Source: the definition; no other code was looked at.
//
// Bytes, a label: it must move the label's own and as many as the classes have, classes times 1 or 4. It moves
// exactly these: a label is read once and kept in a register, and each element of the output is written once.
// One thread makes all classes of a voxel; threads of a warp lie along x, so that every access is coalesced.

// A label of 1, 2, 4 or 8 bytes as 64 bits. A negative one becomes a number above all classes, of which there
// are less than 2^31.
static __device__ __forceinline__ unsigned long long label(const void* in, int bytes, int isSigned, int i) {
  switch (bytes) {
    case 1:
      return isSigned ? (unsigned long long)((const signed char*)in)[i] : ((const unsigned char*)in)[i];
    case 2:
      return isSigned ? (unsigned long long)((const short*)in)[i] : ((const unsigned short*)in)[i];
    case 4:
      return ((const unsigned*)in)[i];  // a negative one is above all classes as it is
    default:
      return ((const unsigned long long*)in)[i];
  }
}

// The classes of one voxel, perSample apart.
template <class Element>
static __device__ __forceinline__ void write(Element* to, int is, int classes, int perSample) {
#pragma unroll 1
  for (int c = 0;; to += perSample) {  // there is at least one class
    *to = is == c ? 1 : 0;
    if (++c == classes) break;
  }
}

extern "C" __global__ void oneHot(const void* __restrict__ in, void* __restrict__ out, int elements, int perSample,
                                  int classes, int bytes, int isSigned, int outBytes) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (unsigned)elements) return;
  unsigned long long wide = label(in, bytes, isSigned, i);
  int is = wide < classes ? (int)wide : -1;
  int sample = i / (unsigned)perSample;
  int to = sample * (classes - 1) * perSample + i;  // sample * classes * perSample + i % perSample
  if (outBytes == 1) {
    write((unsigned char*)out + to, is, classes, perSample);
  } else {
    write((float*)out + to, is, classes, perSample);
  }
}
