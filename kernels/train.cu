// ptx: src/example/resources/io/pentrough/example/train.ptx
// The example's network but for its matrix products, which are cuBLAS's. No atomics: each sum has one
// order, so the same batches give the same weights bit for bit.

// Adds each unit's bias to its activation, row by row, and rectifies it.
extern "C" __global__ void addBiasAndRectify(float* activation, const float* bias, int units, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) activation[i] = fmaxf(activation[i] + bias[i % units], 0);
}

// Adds the bias to the scores, a row for each sample, and replaces them by the gradient of the mean
// loss of their softmax; the mean loss goes to loss[slot]. One block of 256 threads.
extern "C" __global__ void softmaxLoss(float* scores, const float* bias, const int* labels, int classes,
                                       int samples, float* loss, int slot) {
  __shared__ float share[256];
  float mine = 0;
  for (int n = threadIdx.x; n < samples; n += 256) {
    float* score = scores + n * classes;
    float highest = score[0] + bias[0];
    for (int c = 0; c < classes; c++) {
      score[c] += bias[c];
      highest = fmaxf(highest, score[c]);
    }
    float sum = 0;
    for (int c = 0; c < classes; c++) sum += expf(score[c] - highest);
    int label = labels[n];
    mine += logf(sum) - (score[label] - highest);
    for (int c = 0; c < classes; c++) {
      score[c] = (expf(score[c] - highest) / sum - (c == label ? 1 : 0)) / samples;
    }
  }
  share[threadIdx.x] = mine;
  for (int half = 128; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) share[threadIdx.x] += share[threadIdx.x + half];
  }
  if (threadIdx.x == 0) loss[slot] = share[0] / samples;
}

// No gradient goes back through a unit at rest.
extern "C" __global__ void rectifyGradient(float* gradient, const float* activation, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && activation[i] <= 0) gradient[i] = 0;
}

// The sum of each column, from the first row to the last.
extern "C" __global__ void sumRows(const float* values, int columns, int rows, float* sums) {
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  float sum = 0;
  for (int row = 0; row < rows; row++) sum += values[row * columns + column];
  sums[column] = sum;
}

// A step of Adam; the rate has the corrections of the first steps in it.
extern "C" __global__ void adam(float* parameters, const float* gradient, float* mean, float* square,
                                float rate, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float g = gradient[i];
  float m = mean[i] + (1 - 0.9f) * (g - mean[i]);
  float s = square[i] + (1 - 0.999f) * (g * g - square[i]);
  mean[i] = m;
  square[i] = s;
  parameters[i] -= rate * m / (sqrtf(s) + 1e-8f);
}
