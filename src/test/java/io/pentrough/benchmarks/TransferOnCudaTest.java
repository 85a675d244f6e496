package io.pentrough.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.cuda.SoftwareCuda;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The transfers, straight through JCuda. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class TransferOnCudaTest {

  @TempDir private Path folder;

  @Test
  @DisplayName("it runs, and says that figures of a driver in software mean nothing")
  void runs() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (Device device = Devices.CUDA.open()) {
      new Transfer(4096, 4096, 0.001).run(device, new PrintStream(out, true, UTF_8), folder);
    }
    String text = out.toString(UTF_8);
    assertTrue(text.contains("THESE FIGURES MEAN NOTHING"), text);
    assertTrue(text.contains("| 4 KiB"), text);
  }
}
