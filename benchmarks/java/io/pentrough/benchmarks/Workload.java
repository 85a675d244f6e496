package io.pentrough.benchmarks;

import java.util.Locale;
import java.util.Random;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** A shape and what is done to fill it; see {@code benchmarks/README.md}. */
enum Workload {
  NULL_CNN(Shape.CNN, Kind.NULL),
  NULL_SMALL(Shape.SMALL, Kind.NULL),
  NULL_LARGE(Shape.LARGE, Kind.NULL),
  MEMCPY_CNN(Shape.CNN, Kind.MEMCPY),
  MEMCPY_SMALL(Shape.SMALL, Kind.MEMCPY),
  MEMCPY_LARGE(Shape.LARGE, Kind.MEMCPY),
  AUGMENT_CNN(Shape.CNN, Kind.AUGMENT),
  AUGMENT_LUT_CNN(Shape.CNN, Kind.AUGMENT_LUT);

  /** What the target does. */
  enum Kind {
    /** Nothing: what the loader itself costs. */
    NULL,
    /** Copies a random slice of a source in memory. */
    MEMCPY,
    /** Cuts a patch out of bytes, flips it and changes its grey values, with a power per voxel. */
    AUGMENT,
    /** The same, with a table made once per batch for the powers. */
    AUGMENT_LUT
  }

  final Shape shape;
  final Kind kind;

  Workload(Shape shape, Kind kind) {
    this.shape = shape;
    this.kind = kind;
  }

  /** Makes targets, one for each worker, that share their source. */
  Supplier<Target> targets() {
    return switch (kind) {
      case NULL -> () -> (out, random) -> {};
      case MEMCPY ->
          switch (shape) {
            case CNN -> Sources.VOLUME::target;
            case SMALL -> Sources.ROWS::target;
            case LARGE -> Sources.IMAGES::target;
          };
      case AUGMENT -> () -> new AugmentTarget(Sources.BYTES, false);
      case AUGMENT_LUT -> () -> new AugmentTarget(Sources.BYTES, true);
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replaceAll("_(cnn|small|large)$", "-$1");
  }

  /** The sources, made when first asked for. */
  private static final class Sources {
    static final FloatVolume VOLUME = new FloatVolume();
    static final Rows ROWS = new Rows();
    static final Images IMAGES = new Images();
    static final AugmentTarget.Volume BYTES = new AugmentTarget.Volume();
  }

  /** 64 x 512 x 512 float32 and int16, of which patches are copied row by row. */
  private static final class FloatVolume {
    private static final int DEPTH = 64;
    private static final int EDGE = 512;
    private final float[] data = floats(DEPTH * EDGE * EDGE);
    private final short[] labels = new short[DEPTH * EDGE * EDGE];

    FloatVolume() {
      Random random = new Random(1);
      IntStream.range(0, labels.length).forEach(i -> labels[i] = (short) random.nextInt(4));
    }

    Target target() {
      return (out, random) -> {
        int z = random.nextInt(DEPTH - 23);
        int y = random.nextInt(EDGE - 185);
        int x = random.nextInt(EDGE - 185);
        for (int row = 0; row < 23 * 185; row++) {
          out.data(row * 185, data, index(z + row / 185, y + row % 185, x), 185);
        }
        for (int row = 0; row < 16 * 96; row++) {
          out.labels(row * 96, labels, index(z + 3 + row / 96, y + 44 + row % 96, x + 44), 96);
        }
      };
    }

    private static int index(int z, int y, int x) {
      return (z * EDGE + y) * EDGE + x;
    }
  }

  /** 4096 rows, of which 64 that lie together are copied. */
  private static final class Rows {
    private final float[] data = floats(4096 * 784);
    private final int[] labels = new Random(2).ints(4096, 0, 10).toArray();

    Target target() {
      return (out, random) -> {
        int from = random.nextInt(4096 - 64);
        out.data(0, data, from * 784, 64 * 784);
        out.labels(0, labels, from, 64);
      };
    }
  }

  /** 256 images, of which 32 that lie together are copied. */
  private static final class Images {
    private static final int PIXELS = 3 * 224 * 224;
    private final float[] data = floats(256 * PIXELS);
    private final long[] labels = new Random(3).longs(256, 0, 1000).toArray();

    Target target() {
      return (out, random) -> {
        int from = random.nextInt(256 - 32);
        out.data(0, data, from * PIXELS, 32 * PIXELS);
        out.labels(0, labels, from, 32);
      };
    }
  }

  private static float[] floats(int count) {
    RandomGenerator random = new Random(count);
    float[] floats = new float[count];
    for (int i = 0; i < count; i++) {
      floats[i] = random.nextFloat();
    }
    return floats;
  }
}
