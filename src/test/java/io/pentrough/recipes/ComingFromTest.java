package io.pentrough.recipes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The samples of the pages about other libraries do what the pages say. */
class ComingFromTest {

  @TempDir private Path folder;
  private final Device device = TestDevice.open();
  private final ComingFromSamples samples = new ComingFromSamples(device);

  /** So many files; the last one is short. */
  private ComingFromSamples.Digits digits(int count, int lengthOfLast) throws Exception {
    List<Path> files = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] pixels = new byte[i < count - 1 ? 28 * 28 : lengthOfLast];
      files.add(Files.write(folder.resolve(String.valueOf(i)), pixels));
    }
    return new ComingFromSamples.Digits(files, Collections.nCopies(count, 7));
  }

  @Test
  @DisplayName("two epochs of 70 samples in batches of 32, without the last ones")
  void pytorch() throws Exception {
    samples.pytorch(digits(70, 28 * 28), 2);
    assertEquals(Collections.nCopies(4, List.of(32, 32)), samples.done);
  }

  @Test
  @DisplayName("five epochs of 64 samples, of which one cannot be read")
  void tfData() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 32, 28, 28)
            .array("label", DType.INT32, 32)
            .build();
    samples.tfData(spec, digits(64, 1000), 1 << 20);
    assertEquals(10, samples.done.size());
    assertEquals(5, Collections.frequency(samples.done, List.of(31, 31)));
  }

  @Test
  @DisplayName("bytes and floats for another library")
  void copiedOut() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.FLOAT32, 2).build();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    spec,
                    (out, context) -> out.array("image").set(0, new float[] {1.5f, -2}, 0, 2))
                .start();
        DeviceBatch batch = loader.get()) {
      ByteBuffer bytes = samples.bytes(batch).order(ByteOrder.nativeOrder());
      assertEquals(1.5f, bytes.getFloat());
      assertEquals(-2, bytes.getFloat());
      assertArrayEquals(new float[] {1.5f, -2}, samples.floats(batch));
    }
  }
}
