package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BatchSpec;
import io.pentrough.DType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/**
 * What is drawn has the distribution that is told: read back from the matrices, and held against it
 * by Kolmogorov and Smirnov's test at 0.1 %. All seeds are fixed, so it is passed always or never.
 */
class WarpDrawsTest {

  private static final int SAMPLES = 20_000;
  private static final int[] SIZE = {9, 12, 15};

  private interface Options {
    Augmentation.Builder of(Augmentation.Builder builder);
  }

  private static double[][][] matrices(long seed, boolean flat, Options options) {
    BatchSpec spec =
        flat
            ? BatchSpec.builder().array("image", DType.UINT8, SAMPLES, SIZE[1], SIZE[2]).build()
            : BatchSpec.builder()
                .array("image", DType.UINT8, SAMPLES, SIZE[0], SIZE[1], SIZE[2])
                .build();
    Augmentation augmentation =
        options
            .of(Augmentation.builder(spec.array("image"), flat ? Layout.NYX : Layout.NZYX))
            .build();
    ByteBuffer drawn = AugmentRun.buffer(4 * Parameters.words(0, 1) * SAMPLES);
    augmentation.draw(new Random(seed), drawn);
    double[][][] matrices = new double[SAMPLES][][];
    for (int n = 0; n < SAMPLES; n++) {
      matrices[n] = AugmentReference.Drawn.of(drawn, n, 0, 1).matrix;
    }
    return matrices;
  }

  private static double[][][] warps(long seed, Warp.Builder warp) {
    return matrices(seed, false, builder -> builder.warp(warp.build()));
  }

  private static double[] each(double[][][] matrices, ToDoubleFunction<double[][]> read) {
    return Arrays.stream(matrices).mapToDouble(read).toArray();
  }

  /** The largest distance of the distribution function from a straight line's. */
  private static void assertUniform(String what, double low, double high, double... drawn) {
    double[] sorted = drawn.clone();
    Arrays.sort(sorted);
    double most = 0;
    for (int i = 0; i < sorted.length; i++) {
      double f = (sorted[i] - low) / (high - low);
      assertTrue(-1e-5 <= f && f <= 1 + 1e-5, () -> what + " is outside: " + f);
      most =
          Math.max(most, Math.max((i + 1.0) / sorted.length - f, f - (double) i / sorted.length));
    }
    double distance = most;
    double bound = 1.95 / Math.sqrt(sorted.length);
    assertTrue(distance < bound, () -> what + ": distance " + distance + ", not below " + bound);
  }

  private static void assertUncorrelated(String what, double[] a, double[] b) {
    double meanA = Arrays.stream(a).average().orElseThrow();
    double meanB = Arrays.stream(b).average().orElseThrow();
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (a[i] - meanA) * (b[i] - meanB);
      aa += (a[i] - meanA) * (a[i] - meanA);
      bb += (b[i] - meanB) * (b[i] - meanB);
    }
    assertEquals(0, ab / Math.sqrt(aa * bb), 4 / Math.sqrt(a.length), what);
  }

  @Test
  void rotationsAreUniform() {
    for (double most : new double[] {30, 180}) {
      double[][][] drawn = warps(1, Warp.builder().rotation(most));
      assertUniform(
          "rotation", -most, most, each(drawn, m -> Math.toDegrees(Math.atan2(m[2][1], m[2][2]))));
      for (double[][] m : drawn) {
        assertEquals(1, m[1][1] * m[2][2] - m[1][2] * m[2][1], 1e-6, "no mirror, nothing scaled");
        assertEquals(1, m[0][0], "z is left alone");
      }
    }
  }

  @Test
  void tiltsAreUniformInAngleAndDirection() {
    double[][][] drawn = warps(2, Warp.builder().tilt(60));
    assertUniform(
        "tilt",
        0,
        60,
        each(drawn, m -> Math.toDegrees(Math.atan2(Math.hypot(m[0][1], m[0][2]), m[0][0]))));
    // An axis of direction d and angle -a is one of direction d + 180 degrees and angle a.
    assertUniform("axis", -Math.PI, Math.PI, each(drawn, m -> Math.atan2(m[0][2], -m[0][1])));
  }

  @Test
  void shearsAreUniformEachForItself() {
    double[][][] drawn = warps(3, Warp.builder().shear(0.3));
    double[][] shears = new double[6][];
    int i = 0;
    for (int a = 0; a < 3; a++) {
      for (int b = 0; b < 3; b++) {
        int row = a;
        int column = b;
        if (a != b) {
          shears[i] = each(drawn, m -> m[row][column]);
          assertUniform("shear " + a + b, -0.3, 0.3, shears[i++]);
        }
      }
    }
    for (int a = 0; a < 6; a++) {
      for (int b = 0; b < a; b++) {
        assertUncorrelated("shears " + a + ", " + b, shears[a], shears[b]);
      }
    }
  }

  @Test
  void logarithmsOfScalesAreUniformEachForItself() {
    double[][][] drawn = warps(4, Warp.builder().scale(0.5, 3));
    double[][] scales = new double[3][];
    for (int a = 0; a < 3; a++) {
      int axis = a;
      scales[a] = each(drawn, m -> -Math.log(m[axis][axis]));
      assertUniform("scale of axis " + a, Math.log(0.5), Math.log(3), scales[a]);
    }
    assertUncorrelated("scales", scales[0], scales[1]);
    assertUncorrelated("scales", scales[1], scales[2]);
  }

  @Test
  void perspectivesAreUniformEachForItself() {
    double[][][] drawn = warps(5, Warp.builder().perspective(0.2));
    double[][] q = new double[3][];
    for (int b = 0; b < 3; b++) {
      int axis = b;
      q[b] = each(drawn, m -> m[3][axis] * (SIZE[axis] - 1) / 2);
      assertUniform("perspective along axis " + b, -0.2, 0.2, q[b]);
    }
    assertUncorrelated("perspectives", q[0], q[1]);
    assertUncorrelated("perspectives", q[1], q[2]);
  }

  /** Each order and each flip is as frequent as any other, within four standard errors. */
  @Test
  void flipsAndSwapsAreEquallyFrequent() {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, SAMPLES, 5, 5, 5).build();
    for (boolean warps : new boolean[] {false, true}) {
      Augmentation.Builder builder =
          Augmentation.builder(spec.array("image"), Layout.NZYX)
              .flip(Axis.values())
              .swap(Axis.values());
      Augmentation augmentation = (warps ? builder.warp(Warp.builder().build()) : builder).build();
      ByteBuffer drawn = AugmentRun.buffer(4 * Parameters.words(0, 1) * SAMPLES);
      augmentation.draw(new Random(6), drawn);
      int[] ways = new int[48];
      for (int n = 0; n < SAMPLES; n++) {
        double[][] m = AugmentReference.Drawn.of(drawn, n, 0, 1).matrix;
        int order = 0;
        int flips = 0;
        for (int a = 0; a < 3; a++) {
          for (int b = 0; b < 3; b++) {
            order = m[a][b] != 0 ? 3 * order + b : order;
            flips |= m[a][b] < 0 ? 1 << a : 0;
          }
        }
        int number = Arrays.binarySearch(new int[] {5, 7, 11, 15, 19, 21}, order);
        assertTrue(number >= 0, "not an order: " + order);
        ways[8 * number + flips]++;
      }
      for (int way = 0; way < 48; way++) {
        double p = 1 / 48.0;
        assertEquals(SAMPLES * p, ways[way], 4 * Math.sqrt(SAMPLES * p * (1 - p)), "way " + way);
      }
    }
  }

  @Test
  void lockedSlicesStaySlices() {
    Warp.Builder all = Warp.builder().rotation(180).shear(0.4).scale(0.5, 2);
    Warp.Builder deep = Warp.builder().rotation(180).shear(0.4).scale(0.5, 2).perspective(0.3);
    Warp locked = all.anisotropy(3).lockZ(true).build();
    for (boolean flat : new boolean[] {false, true}) {
      Warp warp = flat ? deep.build() : locked;
      int depth = flat ? 1 : SIZE[0];
      for (double[][] m : matrices(7, flat, builder -> builder.warp(warp))) {
        assertEquals(0, m[1][0], "y does not follow z");
        assertEquals(0, m[2][0], "x does not follow z");
        assertEquals(0, m[3][0], "the divisor does not follow z");
        for (int z = 0; z < depth; z++) {
          for (int corner = 0; corner < 4; corner++) {
            double y = (corner & 1) * (SIZE[1] - 1);
            double x = (corner >> 1) * (SIZE[2] - 1);
            double w = m[3][1] * y + m[3][2] * x + m[3][3];
            double to = m[0][0] * z + m[0][1] * y + m[0][2] * x + m[0][3];
            assertEquals(z, to / w, 2e-5, "z");
          }
        }
      }
    }
  }
}
