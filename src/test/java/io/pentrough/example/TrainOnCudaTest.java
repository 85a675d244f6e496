package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.SoftwareCuda;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example fed by way of CUDA, its network there too. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class TrainOnCudaTest {

  @Test
  @DisplayName("the same figures by way of CUDA, and nobody takes the software driver for a GPU")
  void sameFigures() throws Exception {
    List<String> host = train("host");
    List<String> cuda = train("cuda");
    assertEquals("device: host", host.get(0));
    assertTrue(cuda.get(0).startsWith("device: cuda:0 ("), cuda.get(0));
    assertTrue(cuda.get(0).contains("no GPU"), cuda.get(0));
    assertTrue(host.get(1).startsWith("validation balanced accuracy: "), host.get(1));
    assertEquals(accuracy(host.get(1)), accuracy(cuda.get(1)), 0.03);
  }

  @Test
  @DisplayName("a stage that the device refuses ends it with a line that names the stage")
  void stageRefused() {
    for (String call : List.of("cuLaunchKernel", "cuModuleLoadDataEx")) {
      CudaSim.fault(call, call.equals("cuLaunchKernel") ? 1 : 2, 209); // the learner loads first
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ByteArrayOutputStream err = new ByteArrayOutputStream();
      int code =
          assertDoesNotThrow(
              () ->
                  Train.run(
                      new String[] {"--device", "cuda", "--steps", "3", "--batch", "64"},
                      new PrintStream(out, true, UTF_8),
                      new PrintStream(err, true, UTF_8)));
      String said = err.toString(UTF_8);
      assertEquals(1, code, said);
      assertTrue(said.startsWith("The device failed, and the training with it: "), said);
      assertTrue(said.contains("stage 'augmentation of image ") && said.contains(call), said);
      assertEquals("", out.toString(UTF_8));
    }
  }

  private static double accuracy(String line) {
    return Double.parseDouble(line.replaceAll(".*accuracy: (0\\.\\d+) .*", "$1"));
  }

  private static List<String> train(String device) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    String[] args = {"--device", device, "--steps", "40", "--batch", "64"};
    assertEquals(
        0,
        Train.run(args, new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8)),
        () -> err.toString(UTF_8));
    return out.toString(UTF_8).lines().toList();
  }
}
