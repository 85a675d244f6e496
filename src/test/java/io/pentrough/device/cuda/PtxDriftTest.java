package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.PtxFiles.TO_MAKE_IT_ANEW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.KernelSource;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The PTX that is committed is that of the sources beside it. */
class PtxDriftTest {

  @Test
  @DisplayName("each PTX was made from its source as it is now")
  void hashes() {
    List<Path> sources = PtxFiles.sources();
    assertFalse(sources.isEmpty(), "no .cu found: the tests run in the repository's root");
    for (Path source : sources) {
      Path text = PtxFiles.textOf(source);
      assertTrue(Files.exists(text), text + " is missing: " + TO_MAKE_IT_ANEW);
      assertEquals(
          PtxFiles.hash(PtxFiles.read(source)),
          PtxFiles.hashIn(PtxFiles.read(text)),
          () -> source + " has changed since " + text + " was made: " + TO_MAKE_IT_ANEW);
    }
    assertEquals(
        sources.stream().map(PtxFiles::textOf).sorted().toList(),
        PtxFiles.texts(),
        "a PTX without a source, or two sources of one PTX");
  }

  @Test
  @DisplayName("the hash sees a changed character, and no line ends")
  void hashSeesChanges() {
    String source = PtxFiles.read(PtxFiles.sources().get(0));
    assertNotEquals(PtxFiles.hash(source), PtxFiles.hash(source + " "));
    assertEquals(PtxFiles.hash(source), PtxFiles.hash(source.replace("\n", "\r\n")));
  }

  /**
   * Another nvcc writes other text: then only what can be launched must be the same. This takes ten
   * seconds. {@link #hashes()} finds a source that has changed without its PTX.
   */
  @Test
  @Tag("nvcc")
  @Tag("exhaustive")
  @DisplayName("nvcc makes each PTX anew, byte for byte")
  void rebuild(@TempDir Path folder) throws Exception {
    Process build =
        new ProcessBuilder(
                "bash", "kernels/build.sh", System.getProperty("pentrough.nvcc"), folder.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(build.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, build.waitFor(), said);
    for (Path text : PtxFiles.texts()) {
      String committed = PtxFiles.read(text);
      String made = PtxFiles.read(folder.resolve(text));
      if (versionIn(made).equals(versionIn(committed))) {
        assertEquals(made, committed, () -> text + " is not what nvcc makes: " + TO_MAKE_IT_ANEW);
      } else {
        System.out.printf(
            "%s was made by nvcc %s; %s makes the same kernels, the text is not compared%n",
            text, versionIn(committed), versionIn(made));
        assertEquals(kernels(made), kernels(committed), text.toString());
      }
    }
  }

  private static String versionIn(String ptx) {
    Matcher version = Pattern.compile("with nvcc ([0-9.]+):").matcher(ptx);
    assertTrue(version.find(), "no version of nvcc in the first line: " + TO_MAKE_IT_ANEW);
    return version.group(1);
  }

  private static List<String> kernels(String ptx) {
    KernelSource source = KernelSource.of("ptx", ptx);
    return source.kernels().stream().map(name -> name + source.parameters(name)).sorted().toList();
  }
}
