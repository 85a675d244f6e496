package io.pentrough.spark;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A folder where something else happens once, before a certain call. */
class InterferingStore implements CheckpointStore {

  /** What happens. */
  interface Action {
    void run() throws IOException;
  }

  private static final long serialVersionUID = 1;

  /** The folder itself, where nothing interferes. */
  final FolderStore folder;

  private String prefix = "";
  private transient @Nullable Action action;

  InterferingStore(Path folder) {
    this.folder = new FolderStore(folder);
  }

  /**
   * Sets what happens next.
   *
   * @param call how the call begins, such as {@code create attempt-}, {@code list}
   * @param action runs once; what it throws, the call throws
   */
  void before(String call, Action action) {
    prefix = call;
    this.action = action;
  }

  private void interfere(String call) throws IOException {
    Action once = action;
    if (once != null && call.startsWith(prefix)) {
      action = null;
      once.run();
    }
  }

  @Override
  public boolean create(String name, byte[] content) throws IOException {
    interfere("create " + name);
    return folder.create(name, content);
  }

  @Override
  public byte[] read(String name) throws IOException {
    interfere("read " + name);
    return folder.read(name);
  }

  @Override
  public List<String> list() throws IOException {
    interfere("list");
    return folder.list();
  }

  @Override
  public void delete(String name) throws IOException {
    interfere("delete " + name);
    folder.delete(name);
  }

  @Override
  public void sweep() throws IOException {
    interfere("sweep");
    folder.sweep();
  }
}
