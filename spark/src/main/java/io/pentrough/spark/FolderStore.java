package io.pentrough.spark;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
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
      Files.createDirectories(folder.toPath());
      // No channel: an interrupt would close it.
      try (FileOutputStream out = new FileOutputStream(part.toFile())) {
        out.write(content);
        out.getFD().sync();
      }
      Files.createLink(entry, part);
      return true;
    } catch (FileAlreadyExistsException e) {
      if (Files.exists(entry)) {
        return false;
      }
      throw new IOException(folder + " is a file, but must be a folder", e);
    } catch (UnsupportedOperationException e) {
      throw new IOException(
          "the file system of " + folder + " has no hard links; take a folder on another one", e);
    } catch (IOException e) {
      throw new IOException(folder + " cannot be written to: " + reason(e), e);
    } finally {
      discard(part);
    }
  }

  private static void discard(Path part) {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      // The failure before it says more; sweep() tries again.
    }
  }

  private static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof FileSystemException failure && failure.getReason() != null) {
      return failure.getReason();
    }
    return String.valueOf(e.getMessage());
  }

  @Override
  public byte[] read(String name) throws IOException {
    return Files.readAllBytes(path(name));
  }

  @Override
  public List<String> list() throws IOException {
    try (Stream<Path> files = Files.list(folder.toPath())) {
      return files
          .map(file -> String.valueOf(file.getFileName()))
          .filter(name -> !name.endsWith(PART))
          .toList();
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  @Override
  public void delete(String name) throws IOException {
    Files.deleteIfExists(path(name));
  }

  @Override
  public void sweep() throws IOException {
    try (Stream<Path> files = Files.list(folder.toPath())) {
      for (Path file : files.filter(each -> each.toString().endsWith(PART)).toList()) {
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
