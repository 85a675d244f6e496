package io.pentrough.spark;

import java.io.IOException;
import java.io.Serializable;
import java.util.List;

/**
 * Where checkpoints are kept: a flat set of named entries, each created whole and never changed.
 *
 * <p>Drivers and executors use the same store from different machines, each a deserialised copy of
 * the object. What one has created, all others see at once. {@code toString()} names the place, for
 * messages.
 *
 * <p>The messages of exceptions should say what is wrong and what to do, since they end a job.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface CheckpointStore extends Serializable {

  /**
   * Creates an entry, unless there is one with that name. Of several that try at the same time one
   * succeeds. Nobody ever sees a part of the content, also if the caller dies meanwhile. When this
   * method has returned, the entry outlives a crash of the machine, as far as the place can promise
   * that.
   *
   * @param name letters, digits and hyphens
   * @param content its bytes
   * @return whether it was created; false if there was one. If the caller's own creation was
   *     carried out, but its answer got lost, and it was carried out again, either answer is right:
   *     the caller then reads the entry.
   * @throws IOException if it could not be created
   */
  boolean create(String name, byte[] content) throws IOException;

  /**
   * Reads an entry.
   *
   * @param name its name
   * @return its bytes
   * @throws java.io.FileNotFoundException if there is none
   * @throws java.nio.file.NoSuchFileException if there is none, too
   * @throws IOException if it could not be read
   */
  byte[] read(String name) throws IOException;

  /**
   * The names of all entries. Those that were created before the call are among them.
   *
   * @return the names, in any order; nothing else that may lie there
   * @throws IOException if they could not be listed
   */
  List<String> list() throws IOException;

  /**
   * Deletes an entry. Does nothing if there is none.
   *
   * @param name its name
   * @throws IOException if it could not be deleted
   */
  void delete(String name) throws IOException;

  /**
   * Deletes what creations left behind that were cut short, except for entries. The driver calls it
   * before each attempt. A creation that is under way meanwhile may fail; if the exception or one
   * of its causes is a {@link java.nio.file.NoSuchFileException} or {@link
   * java.io.FileNotFoundException}, it is tried again. Does nothing by default.
   *
   * @throws IOException if it could not be done
   */
  default void sweep() throws IOException {}
}
