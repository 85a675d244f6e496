package io.pentrough.device.cuda;

import org.junit.jupiter.api.Test;

/** Whole loaders on CUDA. */
@OnCuda
class CudaLoaderTest {

  @Test
  void aLoadersLife() throws Exception {
    try (CudaDevice device = CudaDevice.open(0)) {
      Session.run(device);
    }
  }
}
