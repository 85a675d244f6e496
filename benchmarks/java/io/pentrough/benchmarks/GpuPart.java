package io.pentrough.benchmarks;

/** What is measured on a GPU, in the order of what it shows. */
enum GpuPart {
  /** Each augmentation on the device and on the host, on random data, bit for bit. */
  CHECK,
  /** What a call of the driver takes. */
  CALLS,
  /** Bytes to the device and back. */
  TRANSFERS,
  /** How long a consumer waits for a batch. */
  LATENCY,
  /** The augmentations beside the device's memory. */
  KERNELS,
  /** A loader that streams while a kernel computes. */
  OVERLAP;

  void run(GpuBench bench) throws Exception {
    switch (this) {
      case CHECK -> new GpuCheck(bench).run();
      case CALLS -> new GpuCalls(bench).run();
      case TRANSFERS -> new GpuTransfers(bench).run();
      case LATENCY -> new GpuLatency(bench).run();
      case KERNELS -> new GpuKernels(bench).run();
      case OVERLAP -> new GpuOverlap(bench).run();
    }
  }
}
