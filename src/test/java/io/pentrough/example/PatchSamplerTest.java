package io.pentrough.example;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
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

  private static void sample(Volume volume, BiConsumer<ByteBuffer, ByteBuffer> check)
      throws Exception {
    PatchSampler target =
        new PatchSampler(volume, new Region("training", volume, 0, BORDER, PATCH - 2, 1), PATCH);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, PatchSampler.spec(BATCH, PATCH), target)
                .workers(2)
                .seed(8)
                .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          check.accept(
              HostDevice.bytes(batch.array("image").buffer()),
              HostDevice.bytes(batch.array("label").buffer()));
        }
      }
    }
  }
}
