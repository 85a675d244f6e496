package io.pentrough.spark;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Creates each entry, but the answer is lost, and what comes instead is that of a second try. */
final class LossyStore extends InterferingStore {

  /** What comes instead. */
  enum Kind {
    /** The half-written file is gone, as another one has swept it, or it was renamed. */
    GONE,

    /** There is such an entry. */
    EXISTS
  }

  private static final long serialVersionUID = 1;

  private final Kind kind;

  LossyStore(Path folder, Kind kind) {
    super(folder);
    this.kind = kind;
  }

  @Override
  public boolean create(String name, byte[] content) throws IOException {
    if (super.create(name, content) && kind == Kind.GONE) {
      throw new IOException("cannot be written to", new NoSuchFileException(name + ".1.part"));
    }
    return false;
  }
}
