package io.pentrough.benchmarks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;

/** A batch in a direct buffer, as a textbook loader keeps them. */
final class BufferOutput implements Output {

  /** All of it: data, then labels. */
  final ByteBuffer bytes;

  private final FloatBuffer data;
  private final ShortBuffer shorts;
  private final IntBuffer ints;
  private final LongBuffer longs;

  BufferOutput(Shape shape) {
    bytes = ByteBuffer.allocateDirect((int) shape.bytes()).order(ByteOrder.nativeOrder());
    int dataBytes = (int) shape.data().bytes();
    data = bytes.slice(0, dataBytes).order(ByteOrder.nativeOrder()).asFloatBuffer();
    ByteBuffer labels =
        bytes.slice(dataBytes, (int) shape.label().bytes()).order(ByteOrder.nativeOrder());
    shorts = labels.asShortBuffer();
    ints = labels.asIntBuffer();
    longs = labels.asLongBuffer();
  }

  /** One float of every 4 KiB, added. */
  float read() {
    return read(data);
  }

  /**
   * The same; one method for every loader. The build has it never inlined, or each loader's read
   * would be other machine code, by up to a fifth slower or faster.
   */
  static float read(FloatBuffer data) {
    float sum = 0;
    for (int i = 0; i < data.capacity(); i += 1024) {
      sum += data.get(i);
    }
    return sum;
  }

  @Override
  public void data(int at, float[] from, int offset, int count) {
    data.put(at, from, offset, count);
  }

  @Override
  public void labels(int at, short[] from, int offset, int count) {
    shorts.put(at, from, offset, count);
  }

  @Override
  public void labels(int at, int[] from, int offset, int count) {
    ints.put(at, from, offset, count);
  }

  @Override
  public void labels(int at, long[] from, int offset, int count) {
    longs.put(at, from, offset, count);
  }
}
