package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BatchSpec;
import io.pentrough.DType;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;

/** The functions of the kernels, by their host implementations, against double precision. */
class AugmentMathTest {

  private static final int TRIALS = 1_000_000;

  @Test
  void powersAreWithinTheirBound() {
    Random random = new Random(1);
    double worst = 0;
    for (int i = 0; i < TRIALS; i++) {
      float v = (float) Math.pow(random.nextFloat(), 1 + 3 * random.nextInt(2));
      float g = (float) Math.pow(2, 2 * random.nextFloat() - 1);
      worst = Math.max(worst, Math.abs(AugmentMath.power(v, g) - Math.pow(v, g)));
    }
    double error = worst;
    assertTrue(error < 2.5e-7, () -> "error " + error);
    assertEquals(0, AugmentMath.power(0, 0.5f));
    assertEquals(1, AugmentMath.power(1, 0.7f));
  }

  @Test
  void normalDeviatesAreWithinTheirBound() {
    Random random = new Random(2);
    double worst = 0;
    for (int i = 0; i < TRIALS / 20; i++) {
      int word = i < 1000 ? i << 9 : random.nextInt(); // the far tail too
      worst = Math.max(worst, error(word));
    }
    double error = worst;
    assertTrue(error < 5e-6, () -> "error " + error);
    assertEquals(-AugmentMath.normal(0.3f), AugmentMath.normal(-0.3f));
    assertEquals(-AugmentMath.normal(0.49f), AugmentMath.normal(-0.49f));
    assertTrue(Math.abs(AugmentMath.normal(AugmentMath.centred(0))) < 5.4);
  }

  private static double error(int word) {
    float q = AugmentMath.centred(word);
    assertEquals(((word >>> 9) + 0.5) / (1 << 23) - 0.5, q);
    double z = AugmentMath.normal(q);
    return Math.abs(AugmentReference.distribution(z) - q) / AugmentReference.density(z);
  }

  /** The known answer of Random123's kat_vectors for philox4x32-10, all zero. */
  @Test
  void philoxIsPhilox() {
    assertEquals(0x6627E8D5, AugmentMath.philox(0, 0, 0, 0));
    Random random = new Random(3);
    for (int i = 0; i < 1000; i++) {
      int[] key = {random.nextInt(), random.nextInt()};
      int voxel = random.nextInt();
      assertEquals(
          AugmentReference.philox(voxel, i, key), AugmentMath.philox(voxel, i, key[0], key[1]));
    }
  }

  @Test
  void bordersLeadWhereTheyShould() {
    for (Border border : Border.values()) {
      for (int n = 1; n < 6; n++) {
        for (int i = -20; i < 20; i++) {
          assertEquals(
              AugmentReference.inside(i, n, border), AugmentSampling.resolve(i, n, border.code));
        }
      }
    }
  }

  /** Places in float against the formula in double: 20 shapes of up to 400, 50 warps of each. */
  @Test
  void placesAreWithinTheirBound() {
    double worst = 0;
    for (long seed = 0; seed < 20; seed++) {
      Random random = new Random(seed * 0x9E3779B97F4A7C15L);
      int[] size = new int[3];
      int[] patch = new int[3];
      for (int a = 0; a < 3; a++) {
        size[a] = 1 + random.nextInt(400);
        patch[a] = 1 + random.nextInt(size[a]);
      }
      BatchSpec spec =
          BatchSpec.builder().array("image", DType.UINT8, 1, size[0], size[1], size[2]).build();
      Warp warp =
          Warp.builder()
              .rotation(180)
              .tilt(90)
              .shear(0.3)
              .scale(0.5, 2)
              .perspective(0.2)
              .anisotropy(1 + random.nextInt(3))
              .build();
      Augmentation augmentation =
          Augmentation.builder(spec.array("image"), Layout.NZYX)
              .patch(patch[0], patch[1], patch[2])
              .flip(Axis.values())
              .crop(true)
              .warp(warp)
              .build();
      ByteBuffer drawn = AugmentRun.buffer(4 * Parameters.words(0, 1));
      Geometry.Draft draft = new Geometry.Draft();
      for (int i = 0; i < 50; i++) {
        augmentation.geometry.draw(random, draft, drawn, 0);
        for (int voxel = 0; voxel < 200; voxel++) {
          int[] p = new int[3];
          for (int a = 0; a < 3; a++) { // the corners first
            p[a] = voxel < 8 ? (voxel >> a & 1) * (patch[a] - 1) : random.nextInt(patch[a]);
          }
          for (int a = 0; a < 3; a++) {
            double exact = exact(draft, patch, p, a);
            float place =
                AugmentSampling.coordinate(drawn, 0, a, AugmentCodes.PERSPECTIVE, p[0], p[1], p[2]);
            // Farther out than a source's length the last bit of a place is itself as large.
            if (-200 < exact && exact < 600) {
              worst = Math.max(worst, Math.abs(place - exact));
            }
          }
        }
      }
    }
    double error = worst;
    assertTrue(error < 2e-4, () -> "error " + error);
  }

  /** c + L (p - m) / (1 + q (p - m)). */
  private static double exact(Geometry.Draft draft, int[] patch, int[] p, int axis) {
    double sum = 0;
    double divisor = 1;
    for (int b = 0; b < 3; b++) {
      double d = p[b] - (patch[b] - 1) / 2.0;
      sum += draft.linear[3 * axis + b] * d;
      divisor += draft.perspective[b] * d;
    }
    return draft.offset[axis] + (patch[axis] - 1) / 2.0 + sum / divisor;
  }

  /** What is drawn is as uniform as it says: mean and variance of each, ends kept. */
  @Test
  void drawsFillTheirRanges() {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 10_000, 1, 1).build();
    Augmentation grey = Augmentation.builder(spec.array("image"), Layout.NYX).grey().build();
    ByteBuffer drawn = AugmentRun.buffer(4 * Parameters.words(0, 1) * 10_000);
    grey.draw(new Random(4), drawn);
    int[] n = {0};
    uniform(0.85, 1.15, () -> AugmentReference.Drawn.of(drawn, n[0]++, 0, 1).grey[0][0]);
    n[0] = 0;
    uniform(-0.15, 0.15, () -> AugmentReference.Drawn.of(drawn, n[0]++, 0, 1).grey[0][1]);
    n[0] = 0;
    uniform(
        -1,
        1,
        () -> Math.log(AugmentReference.Drawn.of(drawn, n[0]++, 0, 1).grey[0][2]) / Math.log(2));
  }

  private static void uniform(double low, double high, DoubleSupplier draws) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 10_000; i++) {
      double unit = (draws.getAsDouble() - low) / (high - low);
      assertTrue(-1e-6 <= unit && unit <= 1 + 1e-6, () -> "outside: " + unit);
      sum += unit - 0.5;
      squares += (unit - 0.5) * (unit - 0.5);
    }
    assertEquals(0, sum / 10_000, 4 * Math.sqrt(1 / 12.0) / 100); // four standard errors
    assertEquals(1 / 12.0, squares / 10_000, 4 * Math.sqrt(1 / 180.0) / 100);
  }
}
