package io.pentrough.example;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Puts the CUDA driver in software that the build makes for the tests in the place of a GPU's, if
 * {@code -Dpentrough.softwareCuda=true} asks for it: to see the CUDA code work on a machine without
 * a GPU.
 */
final class SoftwareDriver {

  private static final String ASKED = "pentrough.softwareCuda";
  private static final Path FOLDER = Path.of("target", "software-cuda");

  private SoftwareDriver() {}

  /**
   * Before anything touches CUDA. Does nothing when repeated.
   *
   * @throws BadInputException if it has not been built
   */
  static void loadIfAsked() {
    if (!Boolean.getBoolean(ASKED)) {
      return;
    }
    for (String library : new String[] {"libcuda.so.1", "libcublas.so.12"}) {
      Path file = FOLDER.resolve(library).toAbsolutePath();
      if (!Files.isRegularFile(file)) {
        throw new BadInputException(
            ("-D" + ASKED + "=true needs " + file + ", which is not there: it is built by mvn")
                + " process-test-classes on Linux where there is gcc.");
      }
      System.load(file.toString());
    }
  }
}
