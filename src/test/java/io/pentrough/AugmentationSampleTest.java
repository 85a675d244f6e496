package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The samples of docs/augmentation.md run. */
@OnEveryDevice(everySchedule = false)
class AugmentationSampleTest {

  private final Device device = TestDevice.open();

  @Test
  @DisplayName("the page's own stage makes what the one of the tests makes")
  void ownStage() throws Exception {
    List<ByteBuffer> batches = batches(new ToFloats());
    assertEquals(batches(new TestStages.Expand()), batches);
    assertNotEquals(batches.get(0), batches.get(1));
  }

  private List<ByteBuffer> batches(BatchStage stage) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 3, 67).build();
    List<ByteBuffer> batches = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(
                device,
                spec,
                (out, context) -> {
                  for (int i = 0; i < 3 * 67; i++) {
                    out.array("image").setByte(i, (byte) i);
                  }
                })
            .stage(stage)
            .seed(4)
            .start()) {
      for (int i = 0; i < 4; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          ByteBuffer copy = ByteBuffer.allocate(4 * 3 * 67).order(ByteOrder.nativeOrder());
          batch.array("image").copyTo(copy);
          batches.add(copy.flip());
        }
      }
    }
    return batches;
  }

  @Test
  @DisplayName("the page's augmentation makes float32 and int32 of the patches' sizes")
  void augmentation() throws Exception {
    try (BackgroundLoader loader =
            AugmentationSample.start(
                device,
                AugmentationSample.spec(1),
                (out, context) -> {
                  out.array("image").fillZero();
                  out.array("label").fillZero();
                });
        DeviceBatch batch = loader.get(patience())) {
      assertEquals(
          "{image: float32 [1, 1, 23, 89, 89], label: int32 [1, 11, 45, 45]}",
          batch.spec().toString());
    }
  }
}
