package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.SoftwareCuda;
import io.pentrough.recipes.KernelSamples;
import io.pentrough.testkit.Patience;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The samples for the driver API and for cuBLAS run; those for the runtime API and NVRTC are
 * compiled only.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaLibrariesSampleTest {

  @Test
  @DisplayName("a JCuda program launches a kernel of its own on each batch")
  void driverApi() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 2, 300).build();
    BatchTarget target =
        (out, context) -> {
          for (int i = 0; i < 600; i++) {
            out.array("image").setByte(i, (byte) (i + context.index()));
          }
        };
    ByteBuffer floats = ByteBuffer.allocateDirect(4 * 600).order(ByteOrder.nativeOrder());
    CudaLibrariesSample.driverApi(spec, target, KernelSamples.SCALE.ptx(), 7, floats);
    for (int i = 0; i < 600; i++) {
      assertEquals((i + 6 & 0xff) * (1 / 255f), floats.getFloat(4 * i));
    }
    assertEquals(7, CudaSim.calls().getOrDefault("cuLaunchKernel", 0L));
  }

  @Test
  @DisplayName("the sample of CudaDevice works on a batch with a stream of its own")
  void cudaDevice() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 4).build();
    JavadocCudaSamples.cudaDevice(spec, (out, context) -> out.array("image").fillZero());
    JavadocCudaSamples.loadLibrary();
    assertEquals(1, CudaSim.calls().getOrDefault("cuMemsetD8Async", 0L));
  }

  @Test
  @DisplayName("the address of an array is the one in the pointer that JCuda gets")
  void address() throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("image", DType.UINT8, 100).array("label", DType.INT32, 1).build();
    try (CudaDevice device = CudaDevice.open(0);
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec, (out, context) -> out.array("label").setInt(0, 7))
                .start();
        DeviceBatch batch = loader.get(Patience.patience())) {
      DeviceBuffer label = batch.array("label").buffer();
      String shown = CudaDevice.pointer(label).toString();
      Matcher parts =
          Pattern.compile("nativePointer=0x(\\p{XDigit}+),byteOffset=(\\d+)").matcher(shown);
      assertTrue(parts.find(), shown);
      assertEquals(
          Long.parseLong(parts.group(1), 16) + Long.parseLong(parts.group(2)),
          new CudaLibrariesSample.Address(label).value());
    }
  }

  @Test
  @DisplayName("cuBLAS works on the stream that batches are got for")
  void cublas() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.FLOAT32, 64).build();
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, (out, context) -> {})
                .consumerStream(stream)
                .start()) {
      CudaLibrariesSample.tripleWithCublas(stream, loader);
      stream.synchronize();
      assertEquals(10, CudaSim.calls().getOrDefault("cublasSaxpy_v2", 0L));
    }
  }
}
