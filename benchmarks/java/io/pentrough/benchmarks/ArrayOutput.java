package io.pentrough.benchmarks;

import io.pentrough.DType;

/** A batch in Java arrays, as a textbook loader makes them anew each time. */
final class ArrayOutput implements Output {

  final float[] data;
  private final short[] shorts;
  private final int[] ints;
  private final long[] longs;

  ArrayOutput(Shape shape) {
    data = new float[shape.data().elements()];
    int labels = shape.label().elements();
    DType dtype = shape.label().dtype();
    shorts = new short[dtype == DType.INT16 ? labels : 0];
    ints = new int[dtype == DType.INT32 ? labels : 0];
    longs = new long[dtype == DType.INT64 ? labels : 0];
  }

  @Override
  public void data(int at, float[] from, int offset, int count) {
    System.arraycopy(from, offset, data, at, count);
  }

  @Override
  public void labels(int at, short[] from, int offset, int count) {
    System.arraycopy(from, offset, shorts, at, count);
  }

  @Override
  public void labels(int at, int[] from, int offset, int count) {
    System.arraycopy(from, offset, ints, at, count);
  }

  @Override
  public void labels(int at, long[] from, int offset, int count) {
    System.arraycopy(from, offset, longs, at, count);
  }
}
