package io.pentrough.testkit;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Chromium or Chrome without a window: it opens a page, prints or draws it, and ends. */
public final class Browser {

  private Browser() {}

  /**
   * A browser in the system's search path.
   *
   * @param names of programs, or their files; the first that is there is taken
   */
  public static Optional<String> find(String... names) {
    String path = Objects.requireNonNullElse(System.getenv("PATH"), "");
    for (String name : names) {
      for (String folder : path.split(File.pathSeparator, -1)) {
        Path file = Path.of(folder).resolve(name);
        if (Files.isExecutable(file)) {
          return Optional.of(file.toString());
        }
      }
    }
    return Optional.empty();
  }

  /**
   * Opens a page.
   *
   * @param browser the program
   * @param folder for files that the browser makes
   * @param options such as {@code --dump-dom}
   * @return what it printed
   * @throws IOException if it is no program, fails, or does not end within a minute
   */
  public static String open(
      String browser, Path folder, Path page, int width, int height, String... options)
      throws IOException, InterruptedException {
    Path output = folder.resolve("out");
    Path errors = folder.resolve("err");
    List<String> command = new ArrayList<>(List.of(browser, "--headless", "--disable-gpu"));
    command.add("--no-sandbox"); // root has none; the page is ours
    command.add("--user-data-dir=" + folder.resolve("profile"));
    command.add("--window-size=" + width + "," + height);
    command.addAll(List.of(options));
    command.add(page.toUri().toString());
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start();
    try {
      if (!process.waitFor(Patience.PROGRAM_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException(browser + " does not end: " + Files.readString(errors));
      }
      if (process.exitValue() != 0) {
        throw new IOException(browser + " failed: " + Files.readString(errors));
      }
      return Files.readString(output);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
