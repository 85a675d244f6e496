package io.pentrough.example;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A file that is written aside and moved into place: a reader finds the old content or the new one,
 * after a crash too, never half of it.
 *
 * <p>Where the name is a symbolic link, the file that it leads to is replaced, and the link stays.
 * The file aside has a name of its own each time, so runs that write the same file do not disturb
 * each other.
 */
final class OutputFile {

  /** As many links in a row as Linux follows. */
  private static final int MAX_LINKS = 40;

  private final String option;
  private final Path file;

  /**
   * Names the file.
   *
   * @param option that names it, for messages
   */
  OutputFile(String option, Path file) {
    this.option = option;
    this.file = file;
  }

  /**
   * Finds out before the work whether its result can be written. Nothing that exists changes.
   *
   * @throws BadInputException if it cannot
   */
  void requireWritable() {
    Path aside = null;
    try {
      Path target = target();
      if (Files.isDirectory(target)) {
        throw new BadInputException(option + " " + file + " is a folder, but must be a file.");
      }
      if (Files.exists(target, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(target)) {
        throw new BadInputException(
            option + " " + file + " is a device, pipe or socket, but must be a file.");
      }
      aside = createAside(target);
      Files.delete(aside);
    } catch (IOException e) {
      throw new BadInputException(cannotWrite(e), e);
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
   * @return null, or why it could not be written, as a sentence; the old content remains then
   */
  @Nullable String write(Content content) {
    Path aside = null;
    try {
      Path target = target();
      aside = createAside(target);
      // No channel: an interrupt would close it.
      try (FileOutputStream out = new FileOutputStream(aside.toFile())) {
        content.writeTo(out);
        out.getFD().sync();
      }
      Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE);
      return null;
    } catch (IOException e) {
      if (aside != null) {
        try {
          Files.deleteIfExists(aside);
        } catch (IOException suppressed) {
          e.addSuppressed(suppressed);
        }
      }
      return cannotWrite(e);
    }
  }

  /** The file behind the symbolic links, which need not exist. */
  private Path target() throws IOException {
    Path target = file;
    for (int links = 0; Files.isSymbolicLink(target); links++) {
      if (links == MAX_LINKS) {
        throw new FileSystemException(
            file.toString(), null, "its symbolic links lead in a circle, or too far");
      }
      target = target.resolveSibling(Files.readSymbolicLink(target));
    }
    return target;
  }

  private static Path createAside(Path target) throws IOException {
    return Files.createFile(target.resolveSibling(".pentrough-" + UUID.randomUUID() + ".tmp"));
  }

  private String cannotWrite(IOException e) {
    return option + " " + file + " cannot be written: " + reason(e) + ".";
  }

  private static String reason(IOException e) {
    if (e instanceof FileSystemException failure) {
      Path folder = Path.of(failure.getFile()).toAbsolutePath().getParent();
      if (e instanceof NoSuchFileException) {
        return "there is no folder " + folder + "; create it first";
      }
      if (e instanceof AccessDeniedException) {
        return "the folder " + folder + " gives no permission to write into it";
      }
      if (failure.getReason() != null) {
        return failure.getReason();
      }
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
