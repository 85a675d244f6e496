package io.pentrough.spark;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;

/**
 * The mark in a store that a driver uses it. It keeps a second driver away by mistake; that a
 * driver that was declared dead does no harm is the fencing's business.
 */
final class Ownership implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Ownership.class.getName());
  private static final String ENTRY = "owner";

  private final CheckpointStore store;
  private final byte[] mark;
  private final Thread hook = new Thread(this::giveUp, "pentrough-store-owner");

  private Ownership(CheckpointStore store, byte[] mark) {
    this.store = store;
    this.mark = mark;
  }

  /**
   * Takes the store.
   *
   * @param driver who this is, for the message of the next one
   * @param takeOver whether the present owner is known to be gone
   * @throws RefusedException if another driver uses the store, or the store fails
   */
  static Ownership take(CheckpointStore store, String driver, boolean takeOver) {
    byte[] mark = (driver + "\n" + UUID.randomUUID()).getBytes(StandardCharsets.UTF_8);
    try {
      if (takeOver) {
        store.delete(ENTRY);
      }
      if (!store.create(ENTRY, mark)) {
        throw new RefusedException(
            (store + " is in use by " + owner(store) + "; two drivers on one store would throw")
                + " away each other's work. If that one is gone, start this one with takeOver()");
      }
    } catch (IOException e) {
      throw new RefusedException("the checkpoint store failed: " + e.getMessage(), e);
    }
    Ownership taken = new Ownership(store, mark);
    Runtime.getRuntime().addShutdownHook(taken.hook); // Ctrl-C, or the cluster manager's SIGTERM
    return taken;
  }

  private static String owner(CheckpointStore store) throws IOException {
    return new String(store.read(ENTRY), StandardCharsets.UTF_8).lines().findFirst().orElse("?");
  }

  /**
   * Makes sure that no other driver has taken over.
   *
   * @throws RefusedException if one has
   */
  void require() {
    try {
      if (!Arrays.equals(store.read(ENTRY), mark)) {
        throw new RefusedException(
            store + " was taken over by " + owner(store) + ", so this driver ends");
      }
    } catch (IOException e) {
      throw new RefusedException(
          store + " does not show any more that this driver uses it, so this driver ends", e);
    }
  }

  private void giveUp() {
    try {
      if (Arrays.equals(store.read(ENTRY), mark)) {
        store.delete(ENTRY);
      }
    } catch (IOException e) {
      LOG.log(
          Level.WARNING,
          store
              + ": the next driver will have to take over, as this one could"
              + " not delete its mark",
          e);
    }
  }

  /** Frees the store for the next driver. */
  @Override
  public void close() {
    giveUp();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM ends, and the hook finds nothing to do.
    }
  }
}
