package io.pentrough.spark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import org.jspecify.annotations.Nullable;

/** Exceptions as bytes. Any exception may hold anything, so none of this may fail. */
final class Serialised {

  /** What travels with heartbeats should be small. */
  private static final int MAX_BYTES = 1 << 18;

  private Serialised() {}

  /** The bytes; none if it cannot be serialised or is too large. */
  static byte[] bytes(Throwable thrown) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(thrown);
    } catch (IOException | RuntimeException | StackOverflowError e) {
      return new byte[0];
    }
    return bytes.size() > MAX_BYTES ? new byte[0] : bytes.toByteArray();
  }

  /** The exception; null if there are no bytes, or a class of it is not known here. */
  static @Nullable Throwable throwable(byte[] bytes) {
    if (bytes.length == 0) {
      return null;
    }
    try (ObjectInputStream in = new Input(bytes)) {
      return (Throwable) in.readObject();
    } catch (IOException | ClassNotFoundException | RuntimeException | LinkageError e) {
      return null;
    }
  }

  /** Finds the classes of the application, which may have a loader of their own. */
  private static final class Input extends ObjectInputStream {

    Input(byte[] bytes) throws IOException {
      super(new ByteArrayInputStream(bytes));
    }

    @Override
    protected Class<?> resolveClass(ObjectStreamClass type)
        throws IOException, ClassNotFoundException {
      try {
        return Class.forName(type.getName(), false, Thread.currentThread().getContextClassLoader());
      } catch (ClassNotFoundException e) {
        return super.resolveClass(type);
      }
    }
  }
}
