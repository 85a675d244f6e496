package io.pentrough.benchmarks;

/** What a batch of a {@link GatedLoader} costs, by round: a mean over bursts. */
final class BurstCosts {

  private final int bursts;
  private final int batchesPerBurst;

  /** Nanoseconds of the worker: fill and copy. */
  final double[] fill;

  /** Nanoseconds of the consumer: get and close. */
  final double[] get;

  /** Bytes of Java heap, of all threads. */
  final double[] heap;

  BurstCosts(int rounds, int bursts, int batchesPerBurst) {
    this.bursts = bursts;
    this.batchesPerBurst = batchesPerBurst;
    fill = new double[rounds];
    get = new double[rounds];
    heap = new double[rounds];
  }

  /**
   * Measures a round; one that is negative is not kept.
   *
   * @return what was read, so that no loop is left out by the compiler
   */
  long measure(int round, GatedLoader gated, Threads threads) throws Exception {
    long sum = 0;
    long filling = 0;
    long getting = 0;
    long allocated = threads.allocatedBytes();
    for (int i = 0; i < bursts; i++) {
      long started = System.nanoTime();
      gated.go();
      gated.awaitFilled();
      long filled = System.nanoTime();
      sum += gated.consume();
      filling += filled - started;
      getting += System.nanoTime() - filled;
    }
    double heapBytes = threads.allocatedBytes() - allocated;
    if (round >= 0) {
      double count = (double) bursts * batchesPerBurst;
      fill[round] = filling / count;
      get[round] = getting / count;
      heap[round] = heapBytes / count;
    }
    return sum;
  }
}
