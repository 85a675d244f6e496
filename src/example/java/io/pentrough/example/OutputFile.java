package io.pentrough.example;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A file that is written aside and moved into place: whoever looks, after a crash too, finds the
 * old content or the new one, never half of it.
 */
final class OutputFile {

  private final String option;
  private final Path file;
  private final Path aside;

  /**
   * Names the file.
   *
   * @param option that names it, for messages
   */
  OutputFile(String option, Path file) {
    this.option = option;
    this.file = file;
    this.aside = file.resolveSibling(file.getFileName() + ".tmp");
  }

  /**
   * Finds out before the work whether its result can be written.
   *
   * @throws BadInputException if it cannot
   */
  void requireWritable() {
    if (Files.isDirectory(file)) {
      throw new BadInputException(option + " " + file + " is a folder, but must be a file.");
    }
    try {
      Files.newOutputStream(aside).close();
      Files.delete(aside);
    } catch (IOException e) {
      throw cannotWrite(e);
    }
  }

  /** Writes a file's content. */
  @FunctionalInterface
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * Replaces the file. An interrupt does not disturb it.
   *
   * @throws BadInputException if it cannot be written; the old content remains
   */
  void write(Content content) {
    try {
      try (FileOutputStream out = new FileOutputStream(aside.toFile())) { // no channel: see above
        content.writeTo(out);
        out.getFD().sync();
      }
      Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      try {
        Files.deleteIfExists(aside);
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw cannotWrite(e);
    }
  }

  private BadInputException cannotWrite(IOException e) {
    return new BadInputException(
        option
            + " "
            + file
            + " cannot be written: "
            + e.getClass().getSimpleName()
            + " for "
            + e.getMessage()
            + ".",
        e);
  }
}
