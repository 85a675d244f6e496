package io.pentrough.spark;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * Checkpoints in a folder. The driver and all executors must see the same folder under the same
 * path: one machine, or a shared file system with hard links, such as NFS.
 *
 * <p>An entry is written aside, forced to the disk, and linked to its name. A link is made in one
 * step, and never replaces anything.
 */
public final class FolderStore implements CheckpointStore {

  private static final long serialVersionUID = 1;

  /** Ends the names of files that are being written. */
  private static final String PART = ".part";

  private final File folder; // a Path is not serialisable

  /**
   * A store in a folder, which is made when the first entry is created.
   *
   * @param folder its path
   */
  public FolderStore(Path folder) {
    this.folder = folder.toAbsolutePath().toFile();
  }

  @Override
  public boolean create(String name, byte[] content) throws IOException {
    Path entry = path(name);
    Path part = path(name + "." + UUID.randomUUID() + PART);
    try {
      if (!folder.isDirectory()) { // createDirectories of JDK 17 refuses a link to a folder
        Files.createDirectories(folder.toPath());
      }
      // No channel: an interrupt would close it.
      try (FileOutputStream out = new FileOutputStream(part.toFile())) {
        out.write(content);
        out.getFD().sync();
      }
      if (!link(entry, part)) {
        return false;
      }
      forceFolder();
      return true;
    } catch (IOException e) {
      throw failed("written to", e);
    } finally {
      discard(part);
    }
  }

  /** Gives a file its name as an entry, unless there is one. */
  static boolean link(Path entry, Path part) throws IOException {
    try {
      Files.createLink(entry, part);
      return true;
    } catch (FileAlreadyExistsException e) {
      try {
        return Files.isSameFile(entry, part); // NFS may ask twice, and return the second answer
      } catch (NoSuchFileException gone) { // deleted meanwhile
        return false;
      }
    } catch (AccessDeniedException | NoSuchFileException e) {
      throw e;
    } catch (FileSystemException | UnsupportedOperationException e) { // Linux says EPERM
      throw new IOException(
          "no hard link could be made there ("
              + (e instanceof IOException io ? reason(io) : "not supported")
              + "); if the file system has none, take a folder on another one",
          e);
    }
  }

  /** Forces the new name to the disk; an interrupt is kept for later. */
  private void forceFolder() throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try (FileChannel channel = FileChannel.open(folder.toPath(), StandardOpenOption.READ)) {
          channel.force(true);
          return;
        } catch (ClosedByInterruptException e) {
          interrupted |= Thread.interrupted();
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private IOException failed(String what, IOException e) {
    if (folder.exists() && !folder.isDirectory()) {
      return new IOException(folder + " is a file, but must be a folder", e);
    }
    return new IOException(folder + " cannot be " + what + ": " + reason(e), e);
  }

  private static void discard(Path part) {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      // The failure before it says more; sweep() tries again.
    }
  }

  static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof FileSystemException failure && failure.getReason() != null) {
      return failure.getReason();
    }
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  @Override
  public byte[] read(String name) throws IOException {
    try {
      return Files.readAllBytes(path(name));
    } catch (NoSuchFileException e) {
      throw e;
    } catch (IOException e) {
      throw failed("read", e);
    }
  }

  @Override
  public List<String> list() throws IOException {
    return files().stream()
        .map(file -> String.valueOf(file.getFileName()))
        .filter(name -> !name.endsWith(PART))
        .toList();
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder.toPath())) {
      return collected(files);
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw failed("read", e);
    }
  }

  /** What a stream of a folder gives. If it fails half-way, it throws another exception. */
  static List<Path> collected(Stream<Path> files) throws IOException {
    try {
      return files.toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  @Override
  public void delete(String name) throws IOException {
    try {
      Files.deleteIfExists(path(name));
    } catch (IOException e) {
      throw failed("written to", e);
    }
  }

  @Override
  public void sweep() throws IOException {
    for (Path file : files()) {
      if (file.toString().endsWith(PART)) {
        Files.deleteIfExists(file);
      }
    }
  }

  private Path path(String name) {
    return folder.toPath().resolve(name);
  }

  /** The folder, for messages. */
  @Override
  public String toString() {
    return "the folder " + folder;
  }
}
