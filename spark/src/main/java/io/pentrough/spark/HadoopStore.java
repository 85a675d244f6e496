package io.pentrough.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.Rename;
import org.apache.hadoop.fs.Path;

/**
 * Checkpoints in a folder of HDFS.
 *
 * <p>An entry is written aside, and renamed. HDFS renames in one step, and not to a name that
 * exists. Other Hadoop file systems don't promise that, and are refused: object stores copy, and
 * the local file system replaces (use a {@link FolderStore}).
 */
public final class HadoopStore implements CheckpointStore {

  private static final long serialVersionUID = 1;
  private static final String ATOMIC = "hdfs";

  /** Ends the names of files that are being written. */
  private static final String PART = ".part";

  private final URI folder;
  private transient Configuration configuration; // Hadoop's, which is not serialisable

  /**
   * A store in a folder, which is made when the first entry is created. Asks no server.
   *
   * @param folder for example {@code hdfs://namenode/user/me/run-7}; without a scheme it is on the
   *     default file system
   * @param configuration where and how, such as {@code spark.hadoopConfiguration()}; is copied
   * @throws RefusedException if the folder is on another file system than HDFS
   */
  public HadoopStore(String folder, Configuration configuration) {
    this.configuration = new Configuration(configuration);
    Path path = new Path(folder);
    URI given = path.toUri();
    URI whole = given.getScheme() == null ? FileSystem.getDefaultUri(configuration) : given;
    if (!ATOMIC.equals(whole.getScheme())) {
      throw new RefusedException(
          (folder + " is on the file system " + whole.getScheme() + ", which may replace a file")
              + " that another driver creates at the same time; take a folder on "
              + (ATOMIC + ", or for a local or shared folder a FolderStore"));
    }
    this.folder = path.makeQualified(whole, new Path("/")).toUri();
  }

  private FileSystem files() throws IOException {
    return FileSystem.get(folder, configuration); // cached by Hadoop
  }

  private Path path(String name) {
    return new Path(new Path(folder), name);
  }

  @Override
  public boolean create(String name, byte[] content) throws IOException {
    Path part = path(name + "." + UUID.randomUUID() + PART);
    try {
      try (FSDataOutputStream out = files().create(part, false)) {
        out.write(content);
        out.hsync();
      }
      return rename(part, path(name));
    } catch (IOException e) {
      discard(part);
      throw failed("written to", e);
    }
  }

  private boolean rename(Path part, Path entry) throws IOException {
    try {
      FileContext.getFileContext(folder, configuration).rename(part, entry, Rename.NONE);
      return true;
    } catch (FileAlreadyExistsException e) {
      discard(part);
      return false;
    }
  }

  /** Hadoop's messages carry the server's stack, so only the first line is taken. */
  private IOException failed(String what, IOException e) {
    String reason = FolderStore.reason(e).lines().findFirst().orElse("");
    return new IOException(folder + " cannot be " + what + ": " + reason, e);
  }

  private void discard(Path part) {
    try {
      files().delete(part, false);
    } catch (IOException e) {
      // The failure before it says more; sweep() tries again.
    }
  }

  @Override
  public byte[] read(String name) throws IOException {
    try (InputStream in = files().open(path(name))) {
      return in.readAllBytes();
    } catch (FileNotFoundException e) {
      throw e;
    } catch (IOException e) {
      throw failed("read", e);
    }
  }

  @Override
  public List<String> list() throws IOException {
    return names().stream().filter(name -> !name.endsWith(PART)).toList();
  }

  private List<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    try {
      for (FileStatus file : files().listStatus(new Path(folder))) {
        names.add(file.getPath().getName());
      }
    } catch (FileNotFoundException e) {
      return List.of();
    } catch (IOException e) {
      throw failed("read", e);
    }
    return names;
  }

  @Override
  public void delete(String name) throws IOException {
    try {
      files().delete(path(name), false);
    } catch (IOException e) {
      throw failed("written to", e);
    }
  }

  @Override
  public void sweep() throws IOException {
    for (String name : names()) {
      if (name.endsWith(PART)) {
        delete(name);
      }
    }
  }

  private void writeObject(ObjectOutputStream out) throws IOException {
    out.defaultWriteObject();
    configuration.write(out);
  }

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    in.defaultReadObject();
    configuration = new Configuration(false);
    configuration.readFields(in);
  }

  /** The folder, for messages. */
  @Override
  public String toString() {
    return "the folder " + folder;
  }
}
