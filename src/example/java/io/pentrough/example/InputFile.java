package io.pentrough.example;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/** What can be said of a file before it is opened. */
final class InputFile {

  private InputFile() {}

  /**
   * Requires a file that can be read to its end.
   *
   * @param option that names it, for messages
   * @throws BadInputException if there is none
   */
  static void requireReadable(String option, Path file) {
    String named = option + " " + file;
    if (Files.isDirectory(file)) {
      throw new BadInputException(named + " is a folder, but must be a file.");
    }
    if (Files.notExists(file)) {
      throw new BadInputException(
          Files.exists(file, LinkOption.NOFOLLOW_LINKS)
              ? named + " is a symbolic link to a file that does not exist."
              : named + ": there is no such file.");
    }
    if (!Files.isReadable(file)) {
      throw new BadInputException(named + " cannot be read: there is no permission to.");
    }
    if (!Files.isRegularFile(file)) { // reading a pipe might never end
      throw new BadInputException(named + " is a device, pipe or socket, but must be a file.");
    }
  }
}
