package io.pentrough.benchmarks;

/** Where a target writes a batch to; every loader's memory behind the same calls. */
interface Output {

  /** Writes some of the data, from a flat row-major index on. */
  void data(int at, float[] from, int offset, int count);

  /** Writes some of the labels of {@link Shape#CNN}. */
  void labels(int at, short[] from, int offset, int count);

  /** Writes some of the labels of {@link Shape#SMALL}. */
  void labels(int at, int[] from, int offset, int count);

  /** Writes some of the labels of {@link Shape#LARGE}. */
  void labels(int at, long[] from, int offset, int count);
}
