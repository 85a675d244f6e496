package io.pentrough.recipes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The cookbook's own kernel, launched by the loop and by a stage. */
@OnEveryDevice(everySchedule = false)
class KernelSamplesTest {

  private static final BatchSpec SPEC =
      BatchSpec.builder().array("image", DType.UINT8, 2, 300).build();

  private static final BatchTarget TARGET =
      (out, context) -> {
        for (int i = 0; i < 600; i++) {
          out.array("image").setByte(i, (byte) (i + context.index()));
        }
      };

  private final Device device = TestDevice.open();

  private static float expected(int i, int batch) {
    return (i + batch & 0xff) * (1 / 255f);
  }

  @Test
  @DisplayName("the loop launches it on each batch")
  void launch() throws Exception {
    ByteBuffer floats = ByteBuffer.allocate(4 * 600).order(ByteOrder.nativeOrder());
    try (DeviceStream stream = device.newStream();
        DeviceBuffer memory = device.allocate(4 * 600);
        BackgroundLoader loader =
            BackgroundLoader.builder(device, SPEC, TARGET).consumerStream(stream).start()) {
      KernelSamples.launch(device, stream, loader, 5, memory);
      stream.read(memory, floats);
    }
    for (int i = 0; i < 600; i++) {
      assertEquals(expected(i, 4), floats.getFloat(4 * i));
    }
  }

  @Test
  @DisplayName("a stage launches it between the copy and the delivery")
  void stage() throws Exception {
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, TARGET)
            .stage(new KernelSamples.Scale(1 / 255f))
            .start()) {
      for (int batch = 0; batch < 5; batch++) {
        float[] floats = new float[600];
        try (DeviceBatch next = loader.get()) {
          next.array("image").copyTo(floats);
        }
        for (int i = 0; i < 600; i++) {
          assertEquals(expected(i, batch), floats[i]);
        }
      }
    }
  }
}
