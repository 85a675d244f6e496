package io.pentrough.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.SoftwareCuda;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Properties;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is for a GPU, on the driver in software. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class GpuOnCudaTest {

  @TempDir private Path folder;

  @ParameterizedTest
  @EnumSource
  @DisplayName("each part runs, prints its table, and gives everything back")
  void runs(GpuPart part) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Figures figures = Figures.kept();
    try (CudaDevice device = (CudaDevice) Devices.CUDA.open()) {
      part.run(new GpuBench(device, figures, new PrintStream(out, true, UTF_8), 0, true));
    }
    String text = out.toString(UTF_8);
    String name = part.name().toLowerCase(Locale.ROOT);
    assertTrue(figures.parts().contains(name), () -> "figures of " + figures.parts());
    assertTrue(text.contains("| " + name), text);
  }

  @Test
  @DisplayName("each way to wait for a copy is measured, and no property is left behind")
  void waits() {
    Properties before = (Properties) System.getProperties().clone();
    String[] args = {
      "waits", "--batches", "8", "--micros", "20,200", "--ways", "nobody,consumer+words"
    };
    assertEquals(0, Benchmarks.commandLine().execute(args));
    assertEquals(before, System.getProperties());
  }

  @Test
  @DisplayName("the command line knows parts and options; its file has the device and the samples")
  void command() throws Exception {
    Path csv = folder.resolve("figures.csv");
    String[] args = {"gpu", "overlap", "--tiny", "--csv", csv.toString()};
    assertEquals(0, Benchmarks.commandLine().execute(args));
    Figures figures = Figures.read(csv);
    assertEquals(Set.of("a copy alone", "overlap"), figures.parts());
    assertTrue(Devices.isSoftware(figures.facts().iterator().next()), figures.facts()::toString);
  }
}
