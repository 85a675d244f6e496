package io.pentrough.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Prints how many tests a build has run. Surefire counts the classes of a template as none, and
 * says nothing of its executions together.
 *
 * <pre>
 *   TestsRun SINCE FOLDER...    counts the reports in these folders that are not older than SINCE
 * </pre>
 */
public final class TestsRun {

  private static final Pattern CASE = Pattern.compile("<(testcase|skipped)\\b");

  private TestsRun() {}

  public static void main(String[] args) throws IOException {
    Instant since = Instant.parse(args[0]);
    StringBuilder parts = new StringBuilder();
    long all = 0;
    for (String folder : List.of(args).subList(1, args.length)) {
      long tests = 0;
      long skipped = 0;
      for (Path report : reports(Path.of(folder), since)) {
        List<String> found =
            CASE.matcher(Files.readString(report)).results().map(match -> match.group(1)).toList();
        long left = found.stream().filter("skipped"::equals).count();
        tests += found.size() - 2 * left;
        skipped += left;
      }
      parts.append(
          ", %,d in %s (%d skipped)".formatted(tests, Path.of(folder).getFileName(), skipped));
      all += tests;
    }
    System.out.printf("%,d tests have run%s%n", all, parts);
  }

  private static List<Path> reports(Path folder, Instant since) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> isReport(file, since)).toList();
    }
  }

  private static boolean isReport(Path file, Instant since) {
    try {
      FileTime changed = Files.getLastModifiedTime(file);
      return file.getFileName().toString().matches("TEST-.*\\.xml")
          && !changed.toInstant().isBefore(since);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
