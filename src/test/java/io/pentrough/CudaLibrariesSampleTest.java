package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.SoftwareCuda;
import io.pentrough.testkit.Patience;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The sample for cuBLAS runs; that for the runtime API is compiled only. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaLibrariesSampleTest {

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
