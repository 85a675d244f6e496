package io.pentrough.device.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** The kernels of this project: their sources in CUDA C, and the PTX that is committed. */
final class PtxFiles {

  static final String TO_MAKE_IT_ANEW = "run kernels/build.sh where nvcc is, and commit the PTX";

  private static final String TARGET = "// ptx: ";
  private static final String HASH = "// sha256 of the source: ";

  private PtxFiles() {}

  /** Each .cu, from the repository's root. */
  static List<Path> sources() {
    return Stream.concat(below("kernels", ".cu"), below("src", ".cu")).sorted().toList();
  }

  /** Each .ptx, from the repository's root. */
  static List<Path> texts() {
    return below("src", ".ptx").sorted().toList();
  }

  /** Where the PTX of a source lies: its first line says so. */
  static Path textOf(Path source) {
    String first = read(source).lines().findFirst().orElse("");
    if (!first.startsWith(TARGET)) {
      throw new AssertionError(
          source + " does not name its PTX in its first line, like: " + TARGET + "src/....ptx");
    }
    return Path.of(first.substring(TARGET.length()));
  }

  /** The hash of a source, whatever its line ends. */
  static String hash(String source) {
    try {
      byte[] bytes = source.replace("\r", "").getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** The hash of the source a PTX was made from. */
  static String hashIn(String ptx) {
    return ptx.lines()
        .filter(line -> line.startsWith(HASH))
        .map(line -> line.substring(HASH.length()))
        .findFirst()
        .orElse("none");
  }

  /** The file's text. */
  static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<Path> below(String folder, String end) {
    try (Stream<Path> files = Files.walk(Path.of(folder))) {
      return files.filter(file -> file.toString().endsWith(end)).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
