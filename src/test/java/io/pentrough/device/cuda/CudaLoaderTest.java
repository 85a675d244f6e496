package io.pentrough.device.cuda;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whole loaders on CUDA. */
@OnCuda
@Timeout(60)
class CudaLoaderTest {

  @Test
  void aLoadersLife() throws Exception {
    try (CudaDevice device = CudaDevice.open(0)) {
      Session.run(device);
    }
  }
}
