package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The samples of the Javadoc are compiled, and what a user meets first begins with one. */
class JavadocTest {

  private static final Path SOURCES = Path.of("src/main/java/io/pentrough");

  private static final Pattern SAMPLE =
      Pattern.compile("<pre>\\{@code\n(.*?)\n[ *]*}</pre>", Pattern.DOTALL);

  private static final Pattern STAR = Pattern.compile("^ *\\* ?", Pattern.MULTILINE);

  /** What a user of the library meets first. */
  private static final List<String> MAIN_TYPES =
      List.of(
          "package-info",
          "Advice",
          "ArraySource",
          "BackgroundLoader",
          "BatchContext",
          "BatchLoader",
          "BatchQueue",
          "BatchSpec",
          "BatchStage",
          "BatchTarget",
          "DeviceArray",
          "DeviceBatch",
          "EpochTarget",
          "FailurePolicy",
          "HostArray",
          "HostBatch",
          "LoaderSnapshot",
          "LoaderStats",
          "MemoryPlan",
          "Position",
          "Trace",
          "augment/package-info",
          "augment/Augmentation",
          "augment/Blur",
          "augment/OneHot",
          "augment/Warp",
          "data/Batches",
          "data/CachedDataset",
          "data/Dataset",
          "data/NpyArray",
          "data/Padding",
          "data/Permutation",
          "data/Sample",
          "data/Sampler",
          "device/package-info",
          "device/Device",
          "device/DeviceKernel",
          "device/DeviceStream",
          "device/KernelSource",
          "device/cuda/CudaDevice",
          "device/host/HostDevice",
          "metrics/LoaderMetrics");

  @Test
  @DisplayName(
      "every sample is compiled in a test source, but for line breaks and what ... stands for")
  void samplesAreCompiled() throws IOException {
    Set<String> compiled = Snippets.compiledAnywhere();
    List<String> missing = new ArrayList<>();
    int samples = 0;
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(name -> name.toString().endsWith(".java")).sorted().toList()) {
        Matcher sample = SAMPLE.matcher(Files.readString(file));
        while (sample.find()) {
          samples++;
          for (String piece : pieces(sample.group(1))) {
            if (compiled.stream().noneMatch(code -> withoutOverride(code).contains(piece))) {
              missing.add(file + ": " + piece);
            }
          }
        }
      }
    }
    assertEquals(List.of(), missing, "put these between // [name] and // [/name] of a test source");
    assertEquals(true, samples >= MAIN_TYPES.size(), "samples are found at all");
  }

  /** A sample's code before, between and after lines of three dots. */
  private static List<String> pieces(String sample) {
    return Stream.of(STAR.matcher(sample).replaceAll("").split("\n *\\.\\.\\. *(?:\n|$)", -1))
        .map(Snippets::squeezed)
        .filter(piece -> !piece.matches("}*"))
        .toList();
  }

  /** Which the Javadoc leaves out. */
  private static String withoutOverride(String code) {
    return code.replace("@Override", "");
  }

  @Test
  @DisplayName("what a user meets first begins with a sample, behind one paragraph")
  void mainTypesBeginWithOne() throws IOException {
    List<String> without = new ArrayList<>();
    for (String type : MAIN_TYPES) {
      String source = Files.readString(SOURCES.resolve(type + ".java"));
      int declaration = source.indexOf(type.endsWith("-info") ? "\npackage " : "\npublic ");
      String comment = source.substring(source.lastIndexOf("/**", declaration), declaration);
      int sample = comment.indexOf("<pre>{@code\n");
      if (sample < 0 || comment.substring(0, sample).contains("<p>")) {
        without.add(type);
      }
    }
    assertEquals(List.of(), without);
  }
}
