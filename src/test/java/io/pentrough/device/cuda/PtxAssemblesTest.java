package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.Exhaustive;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * NVIDIA's compilers take each PTX of this project, for devices old and new: a usual build tries
 * the oldest and the newest.
 */
class PtxAssemblesTest {

  private static final List<String> ARCHITECTURES_OF_JCUDA =
      List.of("sm_50", "sm_60", "sm_70", "sm_80", "sm_90");

  private static final List<String> ARCHITECTURES_OF_CUDA_13 =
      List.of("sm_75", "sm_80", "sm_90", "sm_100", "sm_120");

  private interface Compiler {
    /** What it complains of; empty if nothing. */
    String complaint(String ptx, String architecture) throws Exception;
  }

  @Test
  @Tag("ptxCompiler")
  @DisplayName("JCuda's compiler, which is that of CUDA 12.0")
  void withJCudasCompiler() throws Exception {
    assertTakesAllButBroken(PtxCompiler::complaint, ARCHITECTURES_OF_JCUDA);
  }

  @Test
  @Tag("ptxas")
  @DisplayName("the toolkit's ptxas, for newer devices")
  void withPtxas(@TempDir Path folder) throws Exception {
    assertTakesAllButBroken(
        (ptx, architecture) -> ptxas(folder, ptx, architecture), ARCHITECTURES_OF_CUDA_13);
  }

  private static void assertTakesAllButBroken(Compiler compiler, List<String> architectures)
      throws Exception {
    List<Path> texts = PtxFiles.texts();
    assertFalse(texts.isEmpty(), "no .ptx found: the tests run in the repository's root");
    int last = architectures.size() - 1;
    List<String> tried =
        Exhaustive.ON ? architectures : List.of(architectures.get(0), architectures.get(last));
    for (Path text : texts) {
      String ptx = PtxFiles.read(text);
      for (String architecture : tried) {
        assertEquals("", compiler.complaint(ptx, architecture), text + " for " + architecture);
      }
      assertComplains(compiler, ptx.replaceFirst("ld\\.param\\.u64", "ld.param.u65"), "u65");
      assertComplains(compiler, ptx.replaceFirst("\n[^\n]*ret;", "\n\tadd.s32 %r1, %fd1, 1;"), "");
      assertComplains(compiler, ptx.replace(".version 6.0", ".version 99.0"), "99.0");
    }
  }

  private static void assertComplains(Compiler compiler, String broken, String named)
      throws Exception {
    String complaint = compiler.complaint(broken, "sm_80");
    assertFalse(complaint.isEmpty(), "takes broken PTX, so what it says of ours means nothing");
    assertTrue(complaint.contains(named), complaint);
  }

  private static String ptxas(Path folder, String ptx, String architecture) throws Exception {
    Path text = Files.writeString(folder.resolve("kernels.ptx"), ptx);
    Process ptxas =
        new ProcessBuilder(
                System.getProperty("pentrough.ptxas"),
                "-arch=" + architecture,
                "-o",
                folder.resolve("kernels.cubin").toString(),
                text.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(ptxas.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return ptxas.waitFor() == 0 ? "" : "code " + ptxas.exitValue() + ": " + said;
  }
}
