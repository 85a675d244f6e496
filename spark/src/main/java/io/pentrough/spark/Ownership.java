package io.pentrough.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * The mark in a store that a driver uses it. It keeps a second driver away by mistake; that a
 * driver that was declared dead does no harm is the fencing's business.
 */
final class Ownership implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Ownership.class.getName());
  private static final Pattern ENTRY = Pattern.compile("owner-\\d{8}");

  private final CheckpointStore store;

  /** One that no other owner has meanwhile, so that nobody deletes another one's mark. */
  private final String entry;

  private final byte[] mark;
  private final Thread hook = new Thread(this::giveUp, "pentrough-store-owner");

  private Ownership(CheckpointStore store, String entry, byte[] mark) {
    this.store = store;
    this.entry = entry;
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
    String entry;
    try {
      List<String> others = owners(store);
      int last = others.isEmpty() ? 0 : Integer.parseInt(others.get(0).substring(6));
      entry = String.format("owner-%08d", last + 1);
      if ((!takeOver && last > 0) || !store.create(entry, mark)) {
        throw new RefusedException(
            (store + " is in use by " + owner(store) + "; two drivers on one store would throw")
                + " away each other's work. If that one is gone, start this one with takeOver()");
      }
      for (String other : others) {
        store.delete(other);
      }
    } catch (IOException e) {
      throw new RefusedException("the checkpoint store failed: " + e.getMessage(), e);
    }
    Ownership taken = new Ownership(store, entry, mark);
    Runtime.getRuntime().addShutdownHook(taken.hook); // Ctrl-C, or the cluster manager's SIGTERM
    return taken;
  }

  /** The marks of owners, the latest first. */
  private static List<String> owners(CheckpointStore store) throws IOException {
    return store.list().stream()
        .filter(entry -> ENTRY.matcher(entry).matches())
        .sorted(Comparator.reverseOrder())
        .toList();
  }

  private static String owner(CheckpointStore store) throws IOException {
    try {
      List<String> owners = owners(store);
      if (!owners.isEmpty()) {
        String mark = new String(store.read(owners.get(0)), StandardCharsets.UTF_8);
        return mark.lines().findFirst().orElse("?");
      }
    } catch (NoSuchFileException | FileNotFoundException e) {
      // It has ended meanwhile.
    }
    return "another driver, which has ended by now";
  }

  /**
   * Makes sure that no other driver has taken over.
   *
   * @throws RefusedException if one has
   */
  void require() {
    try {
      if (!isMine()) {
        throw new RefusedException(
            store + " was taken over by " + owner(store) + ", so this driver ends");
      }
    } catch (IOException e) {
      throw new RefusedException(
          store + " does not show any more that this driver uses it, so this driver ends", e);
    }
  }

  private boolean isMine() throws IOException {
    try {
      return Arrays.equals(store.read(entry), mark);
    } catch (NoSuchFileException | FileNotFoundException e) {
      return false;
    }
  }

  private void giveUp() {
    try {
      if (isMine()) {
        store.delete(entry);
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
