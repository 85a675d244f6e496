package io.pentrough.example;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderStats;
import io.pentrough.augment.Augmentation;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the training gets of the sampler's bytes, behind the stage. */
@OnEveryDevice
class VariationTest {

  private static final int BATCH = 64;
  private static final int BATCHES = 10;
  private static final int PATCH = 3;
  private static final int VOXELS = PATCH * PATCH * PATCH;
  private static final int MIDDLE = VOXELS / 2;
  private static final int CLASSES = 3;
  private static final Normalisation AS_IT_IS = new Normalisation(1, 0);
  private static final Normalisation NORMALISATION = new Normalisation(0.0171f, -2.1f);

  /** What was delivered: floats and labels of all batches, one after another. */
  private record Delivered(List<Float> images, List<Integer> labels, LoaderStats stats) {

    float image(int sample, int voxel) {
      return images.get(sample * VOXELS + voxel);
    }
  }

  private static Volume volume() {
    return TestVolumes.random(8, 8, 12, CLASSES, new SplittableRandom(7));
  }

  private static Delivered sample(
      Device device, Volume volume, Variation variation, Normalisation normalisation, int workers)
      throws Exception {
    int source = PATCH + 2 * variation.around;
    BatchSpec spec = PatchSampler.spec(BATCH, source);
    Region region = new Region("training", volume, 0, volume.width, PATCH, variation.around);
    Augmentation stage = variation.stage(spec, PATCH, normalisation);
    List<Float> images = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, new PatchSampler(volume, region, source))
            .stage(stage)
            .workers(workers)
            .seed(8)
            .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          ByteBuffer image = ByteBuffer.allocate(4 * BATCH * VOXELS).order(ByteOrder.nativeOrder());
          ByteBuffer label = ByteBuffer.allocate(4 * BATCH).order(ByteOrder.nativeOrder());
          batch.array("image").copyTo(image);
          batch.array("label").copyTo(label);
          for (int voxel = 0; voxel < BATCH * VOXELS; voxel++) {
            images.add(image.getFloat(4 * voxel));
          }
          for (int n = 0; n < BATCH; n++) {
            labels.add(label.getInt(4 * n));
          }
        }
      }
      return new Delivered(images, labels, loader.stats());
    }
  }

  private static Delivered sample(Volume volume, Variation variation, Normalisation normalisation)
      throws Exception {
    try (Device device = TestDevice.open()) {
      return sample(device, volume, variation, normalisation, 2);
    }
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("the same batches on every device, with one worker or three, to the bit")
  void sameEverywhere(Variation variation) throws Exception {
    Volume volume = volume();
    Delivered expected;
    try (Device host = HostDevice.open()) {
      expected = sample(host, volume, variation, NORMALISATION, 1);
    }
    try (Device device = TestDevice.open()) {
      for (int workers : new int[] {1, 3}) {
        Delivered found = sample(device, volume, variation, NORMALISATION, workers);
        assertEquals(expected.images, found.images, variation + ", workers " + workers);
        assertEquals(expected.labels, found.labels);
      }
    }
    for (Variation other : Variation.values()) {
      if (other != variation) {
        assertFalse(
            expected.images.equals(sample(volume, other, NORMALISATION).images), "as " + other);
      }
    }
  }

  @Test
  @DisplayName("without variation each patch lies in the volume, normalised as for classification")
  void none() throws Exception {
    Volume volume = volume();
    Set<List<Float>> there = new HashSet<>();
    byte[] patch = new byte[VOXELS];
    for (int z = 1; z < volume.depth - 1; z++) {
      for (int y = 1; y < volume.height - 1; y++) {
        for (int x = 1; x < volume.width - 1; x++) {
          volume.copyPatch(volume.index(z, y, x), PATCH, patch, 0);
          List<Float> normalised = new ArrayList<>();
          for (byte grey : patch) {
            normalised.add(NORMALISATION.of(grey));
          }
          there.add(normalised);
        }
      }
    }
    Delivered found = sample(volume, Variation.NONE, NORMALISATION);
    for (int n = 0; n < BATCH * BATCHES; n++) {
      assertTrue(there.contains(found.images.subList(n * VOXELS, (n + 1) * VOXELS)), "sample " + n);
    }
  }

  @Test
  @DisplayName("flips turn each axis round by itself, and nothing else")
  void flips() throws Exception {
    Volume volume = volume();
    // Grey values that tell the axes apart: a step along z, y, x adds 1, 10, 100 (modulo 256).
    for (int i = 0; i < volume.grey.length; i++) {
      int x = i % volume.width;
      int y = i / volume.width % volume.height;
      int z = i / volume.width / volume.height;
      volume.grey[i] = (byte) (z + 10 * y + 100 * x);
    }
    Delivered found = sample(volume, Variation.FLIPS, AS_IT_IS);
    int[] orientations = new int[8];
    for (int n = 0; n < BATCH * BATCHES; n++) {
      byte first = grey(found, n, 0);
      boolean alongZ = step(first, grey(found, n, PATCH * PATCH), 1);
      boolean alongY = step(first, grey(found, n, PATCH), 10);
      boolean alongX = step(first, grey(found, n, 1), 100);
      for (int i = 0; i < VOXELS; i++) {
        int z = i / PATCH / PATCH * (alongZ ? 1 : -1);
        int y = i / PATCH % PATCH * (alongY ? 1 : -1);
        int x = i % PATCH * (alongX ? 1 : -1);
        assertEquals((byte) (first + z + 10 * y + 100 * x), grey(found, n, i));
      }
      orientations[(alongZ ? 1 : 0) + (alongY ? 2 : 0) + (alongX ? 4 : 0)]++;
    }
    double expected = BATCH * BATCHES / 8.0;
    for (int count : orientations) {
      assertEquals(expected, count, 6 * Math.sqrt(expected));
    }
  }

  private static byte grey(Delivered found, int sample, int voxel) {
    float value = found.image(sample, voxel);
    assertEquals(value, (int) value, "no grey value");
    return (byte) value;
  }

  private static boolean step(byte from, byte to, int by) {
    if ((byte) (from + by) == to) {
      return true;
    }
    assertEquals((byte) (from - by), to, "neighbours in the patch were none in the volume");
    return false;
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("the label stays that of the voxel in the middle")
  void label(Variation variation) throws Exception {
    Volume volume = volume();
    for (int i = 0; i < volume.grey.length; i++) {
      volume.grey[i] = (byte) (20 + 100 * volume.classes[i]);
    }
    Delivered found = sample(volume, variation, AS_IT_IS);
    for (int n = 0; n < BATCH * BATCHES; n++) {
      // The contrast changes it by up to 5 %, and the brightness by 0.05.
      int grey = 20 + 100 * found.labels.get(n);
      double error = variation == Variation.FULL ? 0.05 * grey + 0.2 : 0;
      assertEquals(grey, found.image(n, MIDDLE), error, "sample " + n);
    }
  }

  @Test
  @DisplayName("the bytes that crossed the bus, and those that would have")
  void busBytes() throws Exception {
    Delivered found = sample(volume(), Variation.FLIPS, AS_IT_IS);
    // Drawn: 29 words a sample. Arrays begin at multiples of 256 bytes, labels are int32.
    long copied = 64 * 29 * 4 + 1792 + 64 * 4;
    long asFloats = 64 * 27 * 4 + 64 * 4;
    assertEquals(
        new BusBytes(10 * copied, 10 * asFloats),
        BusBytes.of(found.stats, PatchSampler.spec(BATCH, PATCH), PATCH));
  }
}
