package io.pentrough;

import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Batches that can tell where each of their bytes comes from: every element derives from the index
 * and from the number of the call that wrote it, so a batch that mixes two calls cannot pass.
 */
final class Content {

  /** The array of two longs: the index, and the call. */
  static final String HEAD = "head";

  private static final int DRAWN = 64;
  private static final int MARKED = 256;
  private static final int PART = 96;

  /** The arrays that are checked. */
  static final BatchSpec SPEC = checked().build();

  private static final String BALLAST = "ballast";

  /** What the loader is given: {@link #SPEC}, and maybe an array that only takes room. */
  final BatchSpec spec;

  private final long seed;
  private final int ballast;

  /**
   * @param ballast bytes by which slots are larger than what is checked: who copies a batch depends
   *     on its size
   */
  Content(long seed, int ballast) {
    this.seed = seed;
    this.ballast = ballast;
    spec = ballast == 0 ? SPEC : checked().variableArray(BALLAST, DType.UINT8, ballast).build();
  }

  private static BatchSpec.Builder checked() {
    return BatchSpec.builder()
        .array(HEAD, DType.INT64, 2)
        .array("drawn", DType.INT32, DRAWN) // the random numbers of the batch (I8)
        .array("marked", DType.INT32, MARKED)
        .variableArray("part", DType.UINT8, PART);
  }

  /** Writes a batch, with a pause somewhere in the middle. */
  void write(HostBatch out, BatchContext context, int call, int pause) {
    long index = context.index();
    HostArray head = out.array(HEAD);
    head.setLong(0, index);
    head.setLong(1, call);
    HostArray drawn = out.array("drawn");
    for (int i = 0; i < DRAWN; i++) {
      drawn.setInt(i, context.random().nextInt());
    }
    HostArray marked = out.array("marked");
    for (int i = 0; i < MARKED; i++) {
      if (i == MARKED / 2) {
        SlowDevice.linger(pause);
      }
      marked.setInt(i, mix(index, call, i));
    }
    HostArray part = out.array("part");
    int length = partLength(index, call);
    part.resize(length);
    for (int i = 0; i < length; i++) {
      part.setByte(i, (byte) mix(index, call, -1 - i));
    }
    if (ballast > 0) {
      out.array(BALLAST).resize(index % 8 == 3 ? ballast : 0); // seldom, as it takes time to copy
    }
  }

  /** The bytes of each array as they lie on the device; on the host also to be looked at later. */
  static List<ByteBuffer> views(DeviceBatch batch) {
    List<ByteBuffer> views = new ArrayList<>();
    for (int i = 0; i < SPEC.arrays().size(); i++) {
      views.add(TestDevice.bytes(batch.array(i).buffer()));
    }
    return views;
  }

  /** Queues a copy of the batch to pinned memory, as large as a slot; returns what it will hold. */
  static List<ByteBuffer> queueCopy(DeviceBatch batch, DeviceStream stream, PinnedBuffer target) {
    List<ByteBuffer> views = new ArrayList<>();
    for (int i = 0; i < SPEC.arrays().size(); i++) {
      DeviceArray array = batch.array(i);
      int offset = (int) SPEC.array(i).offset();
      int bytes = array.elements() * array.spec().dtype().bytes();
      stream.copyToHost(array.buffer(), 0, target, offset, bytes);
      views.add(target.unsafeBuffer().slice(offset, bytes).order(ByteOrder.nativeOrder()));
    }
    return views;
  }

  /** Waits for a copy of the batch on its stream. */
  static List<ByteBuffer> read(DeviceBatch batch) {
    List<ByteBuffer> copies = new ArrayList<>();
    for (int i = 0; i < SPEC.arrays().size(); i++) {
      ByteBuffer copy =
          ByteBuffer.allocate((int) batch.array(i).buffer().bytes()).order(ByteOrder.nativeOrder());
      batch.array(i).copyTo(copy);
      copies.add(copy.flip());
    }
    return copies;
  }

  static long index(List<ByteBuffer> views) {
    return views.get(0).getLong(0);
  }

  /** The call that wrote the batch. */
  static int call(List<ByteBuffer> views) {
    return (int) views.get(0).getLong(Long.BYTES);
  }

  /** Throws unless all of it is what this call wrote for this index. */
  void check(List<ByteBuffer> views, long index, int call) {
    expect(index, index(views), "index", 0);
    expect(call, views.get(0).getLong(Long.BYTES), "call of the target", 0);
    Philox4x32 random = new Philox4x32(seed);
    random.begin(0, index);
    for (int i = 0; i < DRAWN; i++) {
      expect(random.nextInt(), views.get(1).getInt(i * Integer.BYTES), "drawn number", i);
    }
    for (int i = 0; i < MARKED; i++) {
      expect(mix(index, call, i), views.get(2).getInt(i * Integer.BYTES), "marked element", i);
    }
    ByteBuffer part = views.get(3);
    expect(partLength(index, call), part.remaining(), "length of the variable array", 0);
    for (int i = 0; i < part.remaining(); i++) {
      expect((byte) mix(index, call, -1 - i), part.get(i), "byte of the variable array", i);
    }
  }

  private static void expect(long expected, long actual, String what, int i) {
    if (expected != actual) {
      throw new AssertionError(what + " " + i + ": expected " + expected + ", found " + actual);
    }
  }

  private static int partLength(long index, int call) {
    return Math.floorMod(mix(index, call, MARKED), PART + 1);
  }

  private static int mix(long index, int call, int i) {
    long z = index * 0x9E3779B97F4A7C15L + call * 0xBF58476D1CE4E5B9L + i * 0x94D049BB133111EBL;
    z = (z ^ (z >>> 29)) * 0xBF58476D1CE4E5B9L;
    return (int) (z ^ (z >>> 32));
  }
}
