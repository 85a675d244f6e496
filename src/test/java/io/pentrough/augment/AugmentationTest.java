package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.pentrough.ArraySpec;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.augment.AugmentReference.Drawn;
import io.pentrough.augment.AugmentRun.Batch;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.cuda.CudaRuns;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Exhaustive;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Augmentations as a consumer sees them, on each device and against a reference. */
@OnEveryDevice(everySchedule = false)
@Timeout(300)
class AugmentationTest {

  private final Device device = TestDevice.open();

  // --- kernel, host implementation and reference

  @Test
  void randomOptionsGiveWhatTheReferenceSaysAndTheSameBitsOnTheHost() throws Exception {
    long compared = 0;
    for (long seed = 0; seed < Exhaustive.count(TestDevice.IS_CUDA ? 200 : 40, 400); seed++) {
      compared += check(seed);
    }
    assertTrue(compared > 50_000, "compared " + compared);
    nearlyBlackBecomesBlack();
    if (TestDevice.IS_CUDA && !CudaRuns.REAL) {
      List<CudaSim.Coverage> kernels = CudaSim.coverage(AugmentHostKernels.SOURCE.ptx());
      assertEquals(AugmentHostKernels.SOURCE.kernels().size(), kernels.size());
      for (CudaSim.Coverage kernel : kernels) {
        assertEquals(List.of(), kernel.missing(), () -> "never run in " + kernel.kernel());
      }
    }
  }

  /** What the square of is too small for a float, or is too small itself. */
  private void nearlyBlackBecomesBlack() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.FLOAT32, 1, 2, 1, 3).build();
    float[] dark = {1e-30f, 1e-40f, -1, 1e-30f, 1e-40f, -1};
    for (boolean warps : new boolean[] {false, true}) {
      Augmentation.Builder squares =
          Augmentation.builder(spec.array("image"), Layout.NCYX).clip(true).gamma(2, 2);
      squares = warps ? squares.warp(Warp.builder().build()) : squares;
      assertArrayEquals(new float[6], values(squares, spec, dark));
    }
  }

  /** From no full step of the threads to several blocks, and from each byte of a word on. */
  @Test
  @Tag("cuda")
  void eachLengthAlongXGivesTheHostsBits() throws Exception {
    int[] lengths = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 24, 31, 32, 33, 63, 64, 65, 128, 129};
    for (DType dtype : List.of(DType.UINT8, DType.INT16, DType.FLOAT32)) {
      for (int length : lengths) {
        BatchSpec spec =
            BatchSpec.builder()
                .array("image", dtype, 2, 2, 3, length + 3)
                .array("label", DType.UINT8, 2, 3, length + 3)
                .build();
        for (boolean warps : new boolean[] {false, true}) {
          Augmentation.Builder builder =
              Augmentation.builder(spec.array("image"), Layout.NCYX)
                  .label(spec.array("label"))
                  .patch(1, 3, length)
                  .crop(true)
                  .flip(Axis.X)
                  .gaussianNoise(0.1f)
                  .cutOut(1, 1, 1)
                  .cutOutValue(-3);
          Augmentation augmentation =
              (warps ? builder.warp(Warp.builder().rotation(20).build()) : builder).build();
          BatchTarget target =
              (out, context) -> {
                Random random = new Random(context.index());
                for (ArraySpec array : spec.arrays()) {
                  AugmentCase.fill(out.array(array.name()), random);
                }
              };
          try (Device host = HostDevice.open()) {
            assertEquals(
                AugmentRun.run(host, augmentation, spec, target, 4, 1, length),
                AugmentRun.run(device, augmentation, spec, target, 4, 1, length),
                length + " of " + dtype + (warps ? " with a warp" : ""));
          }
        }
      }
    }
  }

  private long check(long seed) throws Exception {
    AugmentCase one = new AugmentCase(seed);
    Map<Long, List<double[][][]>> images = new ConcurrentHashMap<>();
    Map<Long, List<double[][][]>> labels = new ConcurrentHashMap<>();
    List<Batch> batches =
        AugmentRun.run(
            device,
            one.augmentation,
            one.spec,
            (out, context) -> {
              one.fill(out, context);
              images.put(context.index(), volumes(out.array("image"), one.source));
              if (one.hasLabel) {
                labels.put(context.index(), volumes(out.array("label"), one.labelSource));
              }
            },
            2,
            1,
            seed);
    try (Device host = HostDevice.open()) {
      List<Batch> again = AugmentRun.run(host, one.augmentation, one.spec, one::fill, 2, 2, seed);
      for (int i = 0; i < batches.size(); i++) {
        assertEquals(again.get(i), batches.get(i), "not the host's bits, seed " + seed);
      }
    }
    long compared = 0;
    for (int i = 0; i < batches.size(); i++) {
      compared +=
          compareImages(one, batches.get(i), Objects.requireNonNull(images.get((long) i)), seed);
      if (one.hasLabel) {
        compareLabels(one, batches.get(i), Objects.requireNonNull(labels.get((long) i)), seed);
      }
    }
    return compared;
  }

  private static List<double[][][]> volumes(HostArray array, int[] size) {
    int voxels = size[0] * size[1] * size[2];
    List<double[][][]> volumes = new ArrayList<>();
    for (int n = 0; n < array.elements() / voxels; n++) {
      double[][][] volume = new double[size[0]][size[1]][size[2]];
      int i = n * voxels;
      for (double[][] slice : volume) {
        for (double[] row : slice) {
          for (int x = 0; x < size[2]; x++, i++) {
            row[x] =
                array.spec().dtype() == DType.FLOAT32
                    ? array.getFloat(i)
                    : array.spec().name().equals("label")
                        ? (int) AugmentCase.integer(array, i)
                        : AugmentCase.integer(array, i);
          }
        }
      }
      volumes.add(volume);
    }
    return volumes;
  }

  private static long compareImages(
      AugmentCase one, Batch batch, List<double[][][]> images, long seed) {
    float[] values = batch.values();
    int i = 0;
    for (int n = 0; n < one.samples; n++) {
      Drawn drawn = Drawn.of(batch.parameters(), n, one.boxes, one.channels);
      for (int c = 0; c < one.channels; c++) {
        double[][][] volume = images.get(n * one.channels + c);
        int voxel = 0;
        for (int z = 0; z < one.patch[0]; z++) {
          for (int y = 0; y < one.patch[1]; y++) {
            for (int x = 0; x < one.patch[2]; x++, i++, voxel++) {
              int[] at = {n, c, z, y, x};
              Supplier<String> where = () -> "seed " + seed + ", " + Arrays.toString(at);
              if (drawn.isCut(z, y, x)) {
                assertEquals(-3, values[i], where);
                continue;
              }
              double[] to = drawn.place(z, y, x);
              double slack = 4e-7 * one.range;
              if (one.warps) {
                slack += 3 * AugmentReference.SLACK * one.range;
              } else {
                assertEquals(Math.rint(to[0]), to[0], where);
              }
              double v = AugmentReference.trilinear(volume, to, one.border, one.imageConstant);
              double[] grey = drawn.grey[c];
              double low = AugmentReference.grey(v - slack, grey, one.clips, one.gammas);
              double high = AugmentReference.grey(v + slack, grey, one.clips, one.gammas);
              double q = AugmentReference.noise(voxel, c, drawn.key);
              double noise =
                  one.noise == 0 ? 0 : one.noise == 1 ? 2 * q : AugmentReference.deviate(q);
              double added = one.amplitude * noise;
              assertTrue(
                  low + added - 2e-6 <= values[i] && values[i] <= high + added + 2e-6,
                  () -> where.get() + ": not in " + low + " to " + high + " plus " + added);
            }
          }
        }
      }
    }
    return i;
  }

  private static void compareLabels(
      AugmentCase one, Batch batch, List<double[][][]> labels, long seed) {
    int[] found = batch.labels();
    int i = 0;
    for (int n = 0; n < one.samples; n++) {
      Drawn drawn = Drawn.of(batch.parameters(), n, one.boxes, one.channels);
      for (int z = 0; z < one.labelPatch[0]; z++) {
        for (int y = 0; y < one.labelPatch[1]; y++) {
          for (int x = 0; x < one.labelPatch[2]; x++, i++) {
            int[] at = {z, y, x};
            for (int a = 0; a < 3; a++) {
              at[a] += (one.patch[a] - one.labelPatch[a]) / 2;
            }
            double[] to = drawn.place(at[0], at[1], at[2]);
            for (int a = 0; a < 3; a++) {
              to[a] -= (one.source[a] - one.labelSource[a]) / 2.0;
            }
            Set<Integer> may =
                AugmentReference.nearest(labels.get(n), to, one.border, one.labelConstant);
            if (!may.contains(found[i])) {
              fail(
                  "seed " + seed + ", label " + i + " of sample " + n + ", " + Arrays.toString(at));
            }
          }
        }
      }
    }
  }

  // --- properties

  /** Each of the 8 flips, 6 orders and 24 places comes, and nothing else; the label goes along. */
  @Test
  void flipsSwapsAndCropsArePlainArrayOperations() throws Exception {
    int samples = 500;
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT16, samples, 4, 3, 5)
            .array("label", DType.UINT8, samples, 4, 3, 5)
            .build();
    Augmentation augmentation =
        Augmentation.builder(spec.array("image"), Layout.NZYX)
            .label(spec.array("label"))
            .patch(2, 2, 2)
            .flip(Axis.Z, Axis.Y, Axis.X)
            .swap(Axis.Z, Axis.Y, Axis.X)
            .crop(true)
            .build();
    Set<List<Integer>> all = new HashSet<>();
    int[][] orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int place = 0; place < 3 * 2 * 4; place++) {
      for (int[] order : orders) {
        for (int flips = 0; flips < 8; flips++) {
          List<Integer> patch = new ArrayList<>();
          for (int i = 0; i < 8; i++) {
            int[] at = {i >> 2 & 1, i >> 1 & 1, i & 1};
            int z = at[order[0]] ^ (flips >> 2 & 1);
            int y = at[order[1]] ^ (flips >> 1 & 1);
            int x = at[order[2]] ^ (flips & 1);
            patch.add(((z + place / 8) * 3 + y + place / 4 % 2) * 5 + x + place % 4);
          }
          all.add(patch);
        }
      }
    }
    assertEquals(24 * 48, all.size());
    Set<List<Integer>> seen = new HashSet<>();
    for (Batch batch :
        AugmentRun.run(
            device,
            augmentation,
            spec,
            (out, context) -> {
              for (int i = 0; i < samples * 60; i++) {
                out.array("image").setShort(i, (short) (i % 60));
                out.array("label").setByte(i, (byte) (i % 60));
              }
            },
            20,
            2,
            3)) {
      float[] values = batch.values();
      int[] labels = batch.labels();
      for (int n = 0; n < samples; n++) {
        List<Integer> patch = new ArrayList<>();
        for (int i = 8 * n; i < 8 * n + 8; i++) {
          patch.add((int) values[i]);
          assertEquals(values[i], labels[i]);
        }
        assertTrue(all.contains(patch), patch::toString);
        seen.add(patch);
      }
    }
    // 10,000 draws of 1152 equally probable: about 0.2 are expected to be missing.
    assertTrue(seen.size() >= all.size() - 5, () -> "only " + seen.size());
  }

  /** A label that was made from the image by a threshold fits the warped image as well. */
  @Test
  void labelsStayAligned() throws Exception {
    int n = 24;
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 4, n, n, n)
            .array("label", DType.UINT8, 4, n - 4, n - 4, n - 4)
            .build();
    Augmentation augmentation =
        Augmentation.builder(spec.array("image"), Layout.NZYX)
            .label(spec.array("label"))
            .patch(12, 12, 12)
            .labelPatch(8, 8, 8)
            .flip(Axis.Z, Axis.Y, Axis.X)
            .swap(Axis.Y, Axis.X)
            .warp(
                Warp.builder()
                    .rotation(180)
                    .tilt(40)
                    .shear(0.1)
                    .scale(0.8, 1.2)
                    .perspective(0.1)
                    .anisotropy(2)
                    .build())
            .build();
    int decided = 0;
    for (Batch batch :
        AugmentRun.run(
            device,
            augmentation,
            spec,
            (out, context) -> {
              for (int i = 0; i < 4 * n * n * n; i++) {
                out.array("image").setFloat(i, ramp(i / n / n % n, i / n % n, i % n));
              }
              int m = n - 4;
              for (int i = 0; i < 4 * m * m * m; i++) {
                float v = ramp(i / m / m % m + 2, i / m % m + 2, i % m + 2);
                out.array("label").setByte(i, (byte) (v > 0 ? 1 : 0));
              }
            },
            5,
            1,
            9)) {
      for (int i = 0; i < 4 * 512; i++) {
        int sample = i / 512;
        int z = i / 64 % 8 + 2;
        int y = i / 8 % 8 + 2;
        int x = i % 8 + 2;
        float v = batch.values()[((sample * 12 + z) * 12 + y) * 12 + x];
        // The nearest voxel is at most half a voxel off along each axis: 0.5 * (1 + 0.6 + 0.3).
        if (Math.abs(v) > 0.96) {
          assertEquals(v > 0 ? 1 : 0, batch.labels()[i]);
          decided++;
        } else {
          assertTrue(batch.labels()[i] == 0 || batch.labels()[i] == 1);
        }
      }
    }
    assertTrue(decided > 5000, "decided " + decided);
  }

  private static float ramp(int z, int y, int x) {
    return (z - 11.5f) + 0.6f * (y - 11.5f) - 0.3f * (x - 11.5f);
  }

  /** What lies outside of the boxes that a target asks for is never read. */
  @Test
  void nothingOutsideOfTheBoxIsRead() throws Exception {
    long left = 0;
    for (long seed = 0; seed < 40; seed++) {
      AugmentCase one = new AugmentCase(seed);
      if (one.spec.array("image").dtype() != DType.FLOAT32 && !one.hasLabel) {
        continue;
      }
      List<Batch> whole = AugmentRun.run(device, one.augmentation, one.spec, one::fill, 2, 1, seed);
      long[] poisoned = {0};
      List<Batch> fetched =
          AugmentRun.run(
              device,
              one.augmentation,
              one.spec,
              (out, context) -> {
                one.fill(out, context);
                for (int n = 0; n < one.samples; n++) {
                  SourceBox box = one.augmentation.imageBox(out, n);
                  poisoned[0] += poison(out.array("image"), one.source, n, one.channels, box);
                  if (one.hasLabel) {
                    box = one.augmentation.labelBox(out, n);
                    poisoned[0] += poison(out.array("label"), one.labelSource, n, 1, box);
                  }
                }
              },
              2,
              1,
              seed);
      assertEquals(whole, fetched, "seed " + seed);
      left += poisoned[0];
    }
    assertTrue(left > 10_000, "the boxes left out " + left);
  }

  private static long poison(HostArray array, int[] size, int n, int channels, SourceBox box) {
    long count = 0;
    int voxels = size[0] * size[1] * size[2];
    for (int i = n * channels * voxels; i < (n + 1) * channels * voxels; i++) {
      if (!box.contains(i / size[2] / size[1] % size[0], i / size[2] % size[1], i % size[2])) {
        byte[] junk = new byte[array.spec().dtype().bytes()];
        Arrays.fill(junk, (byte) 0x7F);
        junk[junk.length - 1] ^= (byte) (i % 2); // for floats about 3e38 and 1.7e38
        array.set(i, ByteBuffer.wrap(junk));
        count++;
      }
    }
    return count;
  }

  /** The fetched part is small: as large as the patch, and a little more. */
  @Test
  void theBoxIsTight() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 1, 40, 40, 40).build();
    Augmentation augmentation =
        Augmentation.builder(spec.array("image"), Layout.NZYX)
            .patch(10, 10, 10)
            .crop(true)
            .flip(Axis.X)
            .warp(Warp.builder().shear(0.05).build())
            .build();
    AugmentRun.run(
        device,
        augmentation,
        spec,
        (out, context) -> {
          out.array("image").fillZero();
          SourceBox box = augmentation.imageBox(out, 0);
          // shear moves a corner by at most 2 * 0.05 * 4.5 voxels to each side
          assertTrue(box.voxels() <= 12 * 12 * 12, box::toString);
          assertTrue(box.voxels() >= 9 * 9 * 9, box::toString);
        },
        20,
        1,
        4);
  }

  @Test
  void theSequenceIsTheSameForAnyNumberOfWorkers() throws Exception {
    AugmentCase one = new AugmentCase(7);
    List<Batch> alone = AugmentRun.run(device, one.augmentation, one.spec, one::fill, 20, 1, 5);
    assertEquals(alone, AugmentRun.run(device, one.augmentation, one.spec, one::fill, 20, 4, 5));
    assertEquals(20, new HashSet<>(alone).size(), "they all differ");
  }

  @Test
  void whatIsNotFiniteStaysSo() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.FLOAT32, 1, 1, 5).build();
    float[] given = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0.25f, 4};
    float[] plain = values(Augmentation.builder(spec.array("image"), Layout.NYX), spec, given);
    assertArrayEquals(given, plain);
    float[] clipped =
        values(
            Augmentation.builder(spec.array("image"), Layout.NYX).clip(true).gamma(0.5f, 0.5f),
            spec,
            given);
    assertArrayEquals(new float[] {Float.NaN, 1, 0, 0.5f, 1}, clipped, 1e-6f);
    float[] warped =
        values(
            Augmentation.builder(spec.array("image"), Layout.NYX).warp(Warp.builder().build()),
            spec,
            new float[] {1, Float.NaN, 3, 4, 5});
    assertArrayEquals(new float[] {Float.NaN, Float.NaN, 3, 4, 5}, warped);
  }

  private float[] values(Augmentation.Builder builder, BatchSpec spec, float[] given)
      throws Exception {
    return AugmentRun.run(
            device,
            builder.build(),
            spec,
            (out, context) -> out.array("image").set(0, given, 0, given.length),
            1,
            1,
            0)
        .get(0)
        .values();
  }

  @Test
  void noiseHasTheMomentsItShould() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 2, 2, 50, 100).build();
    for (boolean gaussian : new boolean[] {false, true}) {
      Augmentation.Builder builder = Augmentation.builder(spec.array("image"), Layout.NCYX);
      Augmentation augmentation =
          (gaussian ? builder.gaussianNoise(1) : builder.uniformNoise(1)).build();
      Batch batch =
          AugmentRun.run(
                  device, augmentation, spec, (out, c) -> out.array("image").fillZero(), 1, 1, 8)
              .get(0);
      float[] v = batch.values();
      double[] power = new double[5];
      double beside = 0;
      double between = 0;
      for (int i = 0; i < v.length; i++) {
        for (int k = 1; k < 5; k++) {
          power[k] += Math.pow(v[i], k) / v.length;
        }
        beside += v[i] * v[(i + 1) % v.length] / v.length;
        between += v[i] * v[(i + 5000) % v.length] / v.length; // the next channel or sample
      }
      double variance = gaussian ? 1 : 1 / 3.0;
      double four = gaussian ? 3 : 1 / 5.0;
      double error = 4 / Math.sqrt(v.length); // four standard errors, roughly, of each
      assertEquals(0, power[1], error);
      assertEquals(variance, power[2], 1.5 * error);
      assertEquals(0, power[3], 4 * error);
      assertEquals(four, power[4], 10 * error);
      assertEquals(0, beside, error);
      assertEquals(0, between, error);
      assertTrue(gaussian || IntStream.range(0, v.length).allMatch(i -> Math.abs(v[i]) < 1));
    }
  }
}
