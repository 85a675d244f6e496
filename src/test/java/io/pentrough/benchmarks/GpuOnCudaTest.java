package io.pentrough.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.SoftwareCuda;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What is for a GPU, on the driver in software. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class GpuOnCudaTest {

  @Test
  @DisplayName("kernels and overlap run, and give everything back")
  void runs() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (CudaDevice device = (CudaDevice) Devices.CUDA.open()) {
      new Gpu(device, new PrintStream(out, true, UTF_8), 1 << 16, 3).run();
    }
    String text = out.toString(UTF_8);
    assertTrue(text.contains("THESE FIGURES MEAN NOTHING"), text);
    assertTrue(text.contains("2.0 copies"), text);
  }

  @Test
  @DisplayName("the command line knows it, with its options")
  void command() {
    String[] args = {"gpu", "--bytes", "65536", "--batches", "1"};
    assertEquals(0, Benchmarks.commandLine().execute(args));
  }
}
