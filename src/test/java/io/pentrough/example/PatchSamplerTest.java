package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

class PatchSamplerTest {

  private static final int BATCH = 64;
  private static final int BATCHES = 20;
  private static final int PATCH = 3;
  private static final int PATCH_VOXELS = PATCH * PATCH * PATCH;
  private static final int CLASSES = 3;
  private static final int BORDER = 8;

  @Test
  void neverTouchesWhatLiesBehindTheBorder() throws Exception {
    Volume volume = TestVolumes.random(8, 8, 12, CLASSES, new SplittableRandom(5));
    int[] seenAtBorder = new int[1];
    for (int i = 0; i < volume.grey.length; i++) {
      int x = i % volume.width;
      volume.grey[i] = (byte) (x < BORDER - 1 ? 0 : x == BORDER - 1 ? 1 : 2);
    }
    sample(
        volume,
        (images, labels) -> {
          while (images.hasRemaining()) {
            byte grey = images.get();
            assertTrue(grey != 2, "a voxel of the validation region");
            seenAtBorder[0] += grey;
          }
        });
    assertTrue(seenAtBorder[0] > 0, "patches stay further from the border than they need");
  }

  @Test
  void drawsEveryClassAsOftenAndLabelsTheMiddleOfThePatch() throws Exception {
    Volume volume = TestVolumes.random(8, 8, 12, CLASSES, new SplittableRandom(6));
    // A rare class: only where a draw over all voxels would hardly ever find it.
    Arrays.fill(volume.classes, (byte) 0);
    volume.classes[volume.index(3, 3, 3)] = 1;
    volume.classes[volume.index(4, 4, 4)] = 2;
    for (int i = 0; i < volume.grey.length; i++) {
      volume.grey[i] = (byte) (100 + volume.classes[i]);
    }
    int[] count = new int[CLASSES];
    sample(
        volume,
        (images, labels) -> {
          for (int n = 0; n < BATCH; n++) {
            int label = labels.getInt(4 * n);
            assertEquals(100 + label, images.get(n * PATCH_VOXELS + PATCH_VOXELS / 2));
            count[label]++;
          }
        });
    double expected = (double) BATCH * BATCHES / CLASSES;
    for (int c = 0; c < CLASSES; c++) {
      assertEquals(expected, count[c], 6 * Math.sqrt(expected), "class " + c);
    }
  }

  @Test
  void flipsEachAxisByItself() throws Exception {
    Volume volume = TestVolumes.random(8, 8, 12, 2, new SplittableRandom(7));
    // Grey values that tell the axes apart: a step along z, y, x adds 1, 10, 100 (modulo 256).
    for (int i = 0; i < volume.grey.length; i++) {
      int x = i % volume.width;
      int y = i / volume.width % volume.height;
      int z = i / volume.width / volume.height;
      volume.grey[i] = (byte) (z + 10 * y + 100 * x);
    }
    int[] orientations = new int[8];
    sample(
        volume,
        (images, labels) -> {
          for (int n = 0; n < BATCH; n++) {
            int at = n * PATCH_VOXELS;
            byte first = images.get(at);
            boolean alongZ = step(first, images.get(at + PATCH * PATCH), 1);
            boolean alongY = step(first, images.get(at + PATCH), 10);
            boolean alongX = step(first, images.get(at + 1), 100);
            for (int i = 0; i < PATCH_VOXELS; i++) {
              int z = i / PATCH / PATCH * (alongZ ? 1 : -1);
              int y = i / PATCH % PATCH * (alongY ? 1 : -1);
              int x = i % PATCH * (alongX ? 1 : -1);
              assertEquals((byte) (first + z + 10 * y + 100 * x), images.get(at + i));
            }
            orientations[(alongZ ? 1 : 0) + (alongY ? 2 : 0) + (alongX ? 4 : 0)]++;
          }
        });
    double expected = BATCH * BATCHES / 8.0;
    for (int count : orientations) {
      assertEquals(expected, count, 6 * Math.sqrt(expected));
    }
  }

  private static boolean step(byte from, byte to, int by) {
    if ((byte) (from + by) == to) {
      return true;
    }
    assertEquals((byte) (from - by), to, "neighbours in the patch were none in the volume");
    return false;
  }

  private static void sample(Volume volume, BiConsumer<ByteBuffer, ByteBuffer> check)
      throws Exception {
    PatchSampler target =
        new PatchSampler(volume, new Region("training", volume, 0, BORDER, PATCH), PATCH);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, PatchSampler.spec(BATCH, PATCH), target)
                .workers(2)
                .seed(8)
                .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch = loader.get(Duration.ofSeconds(30))) {
          check.accept(
              HostDevice.bytes(batch.array("image").buffer()),
              HostDevice.bytes(batch.array("label").buffer()));
        }
      }
    }
  }
}
