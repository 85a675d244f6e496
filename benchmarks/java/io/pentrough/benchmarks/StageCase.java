package io.pentrough.benchmarks;

import io.pentrough.ArraySpec;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Blur;
import io.pentrough.augment.Layout;
import io.pentrough.augment.OneHot;
import io.pentrough.augment.Warp;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * An augmentation, and what it is measured on.
 *
 * @param spec what the target makes
 * @param array the array whose elements are the voxels that are counted
 * @param read bytes that are read for a voxel, in words
 * @param written bytes that are written for it, in words
 * @param mustMove bytes for each voxel that go through the device's memory even if nothing is read
 *     twice
 */
record StageCase(
    String name,
    BatchSpec spec,
    BatchStage stage,
    String array,
    String read,
    String written,
    int mustMove) {

  private static final int[] SIZE = {24, 96, 96};
  private static final int[] PATCH = {16, 64, 64};

  /** Those of docs/performance.md, on so many samples each. */
  static List<StageCase> usual(int samples) {
    BatchSpec bytes = image(DType.UINT8, samples);
    BatchSpec labels =
        BatchSpec.builder().array("label", DType.UINT8, samples, SIZE[0], SIZE[1], SIZE[2]).build();
    return List.of(
        new StageCase("cast", bytes, augment(bytes).build(), "image", "1", "4", 5),
        new StageCase("flip, swap, crop", bytes, exact(bytes).build(), "image", "1", "4", 5),
        new StageCase(
            "the same and grey", bytes, exact(bytes).grey().build(), "image", "1", "4", 5),
        new StageCase("warp", bytes, warped(bytes).build(), "image", "8 of 1", "4", 5),
        new StageCase(
            "warp, grey, noise",
            bytes,
            warped(bytes).grey().gaussianNoise(0.02f).build(),
            "image",
            "8 of 1",
            "4",
            5),
        new StageCase(
            "blur y, x, radius 3",
            image(DType.FLOAT32, samples),
            Blur.builder("image").sigma(0.5, 1).build(),
            "image",
            "2 x 7 of 4",
            "2 x 4",
            16),
        new StageCase(
            "one-hot, 4 classes, uint8",
            labels,
            OneHot.of("label", "classes", 4, DType.UINT8),
            "label",
            "1",
            "4",
            5));
  }

  /** Those, and what else there is of kernels and of ways through them. */
  static List<StageCase> all(int samples) {
    List<StageCase> cases = new ArrayList<>(usual(samples));
    BatchSpec bytes = image(DType.UINT8, samples);
    cases.add(
        new StageCase(
            "clip, gamma, cut-out, uniform noise",
            bytes,
            augment(bytes)
                .clip(true)
                .gamma(0.5f, 2)
                .cutOut(8, 8, 8)
                .cutOutBoxes(2)
                .uniformNoise(0.1f)
                .build(),
            "image",
            "1",
            "4",
            5));
    cases.add(
        new StageCase(
            "blur z, y, x, radius 3",
            image(DType.FLOAT32, samples),
            Blur.builder("image").sigma(0.5, 1).sigma(Axis.Z, 0.5, 1).build(),
            "image",
            "3 x 7 of 4",
            "3 x 4",
            24));
    BatchSpec both =
        BatchSpec.builder()
            .array("image", DType.UINT8, samples, 1, SIZE[0], SIZE[1], SIZE[2])
            .array("label", DType.UINT8, samples, SIZE[0], SIZE[1], SIZE[2])
            .build();
    cases.add(
        new StageCase(
            "flip, swap, crop with labels",
            both,
            exact(both).label(both.array("label")).build(),
            "image",
            "1 and 1",
            "4 and 4",
            10));
    cases.add(
        new StageCase(
            "warp with labels",
            both,
            warped(both).label(both.array("label")).build(),
            "image",
            "8 of 1 and 1",
            "4 and 4",
            10));
    return cases;
  }

  private static BatchSpec image(DType dtype, int samples) {
    return BatchSpec.builder().array("image", dtype, samples, 1, SIZE[0], SIZE[1], SIZE[2]).build();
  }

  private static Augmentation.Builder augment(BatchSpec spec) {
    return Augmentation.builder(spec.array("image"), Layout.NCZYX).scale(1 / 255f);
  }

  private static Augmentation.Builder exact(BatchSpec spec) {
    return augment(spec)
        .patch(PATCH[0], PATCH[1], PATCH[2])
        .flip(Axis.values())
        .swap(Axis.Y, Axis.X)
        .crop(true);
  }

  private static Augmentation.Builder warped(BatchSpec spec) {
    return augment(spec)
        .patch(PATCH[0], PATCH[1], PATCH[2])
        .warp(Warp.builder().rotation(180).tilt(10).shear(0.1).scale(0.9, 1.1).build());
  }

  /** Fills a batch with bytes of all values, or floats from 0 to 1; the same for the same seed. */
  void fillRandomly(HostBatch out, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (ArraySpec array : spec.arrays()) {
      HostArray to = out.array(array.name());
      ByteBuffer bytes = to.unsafeBuffer();
      if (array.dtype() == DType.FLOAT32) {
        FloatBuffer floats = bytes.asFloatBuffer();
        while (floats.hasRemaining()) {
          floats.put((float) random.nextDouble());
        }
      } else {
        byte[] some = new byte[Math.min(1 << 16, bytes.remaining())];
        while (bytes.hasRemaining()) {
          random.nextBytes(some);
          bytes.put(some, 0, Math.min(some.length, bytes.remaining()));
        }
      }
    }
  }
}
