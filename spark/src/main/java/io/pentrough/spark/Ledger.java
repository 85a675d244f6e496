package io.pentrough.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The attempts and checkpoints of one job in its store; the package's page says why old attempts do
 * no harm. Immutable, and the same on the driver and in tasks.
 */
final class Ledger implements Serializable {

  private static final long serialVersionUID = 1;
  private static final System.Logger LOG = System.getLogger(Ledger.class.getName());
  private static final Pattern ATTEMPT = Pattern.compile("attempt-(\\d{8,9})");
  private static final long POLL_MILLIS = 500;

  /** How often to create an entry again that somebody else has swept or deleted meanwhile. */
  private static final int MAX_RETRIES = 3;

  private final CheckpointStore store;
  private final String job;
  private final Duration delay;

  Ledger(CheckpointStore store, String job) {
    this(store, job, Duration.ZERO);
  }

  /**
   * A ledger.
   *
   * @param delay how late a task may see what the driver has created
   */
  Ledger(CheckpointStore store, String job, Duration delay) {
    this.store = store;
    this.job = job;
    this.delay = delay;
  }

  CheckpointStore store() {
    return store;
  }

  private static String attempt(int number) {
    return String.format("attempt-%08d", number);
  }

  /** The highest attempt that has been claimed or has left a checkpoint; 0 if there is none. */
  private static int lastAttempt(List<String> entries) {
    Stream<Integer> claims =
        entries.stream()
            .map(ATTEMPT::matcher)
            .filter(Matcher::matches)
            .map(matcher -> Integer.parseInt(matcher.group(1)));
    Stream<Integer> checkpoints =
        CheckpointName.among(entries).stream().map(CheckpointName::attempt);
    return Stream.concat(claims, checkpoints).max(Integer::compare).orElse(0);
  }

  /**
   * The highest attempt that has been claimed or has left a checkpoint.
   *
   * @return 0 if there is none
   * @throws RefusedException if the store fails
   */
  int last() {
    return lastAttempt(list());
  }

  /**
   * Claims an attempt, which ends all before it, and cleans up behind them.
   *
   * @param attempt from 1
   * @param claim the entry's content: who claims it, different for each driver
   * @return false if somebody else has claimed it, or a later one
   * @throws RefusedException if the store fails
   */
  boolean claim(int attempt, byte[] claim) {
    if (!create(attempt(attempt), claim)) {
      return false;
    }
    List<String> entries = list();
    if (lastAttempt(entries) > attempt) { // a number long gone, whose entry had been deleted
      return false;
    }
    // After the look at the list: a driver that was overtaken must not sweep its successor's files.
    try {
      store.sweep();
    } catch (IOException | UncheckedIOException e) {
      LOG.log(Level.WARNING, store + ": what lost attempts left behind stays there", e);
    }
    entries.stream()
        .filter(entry -> ATTEMPT.matcher(entry).matches() && !entry.equals(attempt(attempt)))
        .forEach(this::discard);
    entries.stream().filter(entry -> entry.startsWith("probe-")).forEach(this::discard);
    CheckpointName.among(entries).stream().skip(2).forEach(name -> discard(name.toString()));
    return true;
  }

  /**
   * Who has claimed an attempt.
   *
   * @return the content of the claim; empty if there is none, or none any more
   * @throws RefusedException if the store fails
   */
  Optional<byte[]> claimed(int attempt) {
    return find(attempt(attempt));
  }

  /** The newest checkpoint now. Its content is not looked at. */
  Optional<CheckpointName> newest() {
    return CheckpointName.among(list()).stream().findFirst();
  }

  /**
   * Reads a checkpoint.
   *
   * @param attempt that wants to start from it
   * @throws RefusedException if it is damaged, of another job or gone, a later attempt has begun
   *     and deleted it, or the store fails
   */
  Checkpoint read(CheckpointName name, int attempt) {
    Optional<byte[]> bytes = find(name.toString());
    if (bytes.isEmpty()) {
      requireLast(attempt, list()); // says more
      throw new RefusedException(
          name + " in " + store + " was deleted, but by no driver; start the job again");
    }
    return Checkpoint.decode(bytes.get(), name, job, name + " in " + store);
  }

  /**
   * Refuses a store in which a task does not see what the driver has created.
   *
   * @throws RefusedException if so, if a later attempt has begun, or if the store fails
   */
  void requireVisible(int attempt, String host) throws InterruptedException {
    long began = System.nanoTime();
    while (!exists(attempt(attempt))) {
      requireLast(attempt, list()); // a driver that claimed a later one has deleted it
      if (System.nanoTime() - began >= delay.toNanos()) {
        throw new RefusedException(
            (store + ", as seen from " + host + ", has no entry " + attempt(attempt))
                + (" after " + delay.toSeconds() + " s, but the driver has created it; the driver")
                + " and all executors must see the same store");
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /** Asks for the one name, because NFS may give an old list of a folder. */
  boolean exists(String entry) {
    return !entry.isEmpty() && find(entry).isPresent();
  }

  private Optional<byte[]> find(String entry) {
    try {
      return Optional.of(store.read(entry));
    } catch (NoSuchFileException | FileNotFoundException e) {
      return Optional.empty();
    } catch (IOException | UncheckedIOException e) {
      throw failed(e);
    }
  }

  /**
   * Writes an entry and deletes it, so that a task which cannot write ends before it trains.
   *
   * @throws RefusedException if the store fails
   */
  void requireWritable(int attempt) {
    String probe = String.format("probe-%08d", attempt);
    create(probe, new byte[0]);
    discard(probe);
  }

  /**
   * Writes a checkpoint, and deletes those that it makes superfluous: two remain.
   *
   * @throws RefusedException if a later attempt has begun, or the store fails
   */
  void commit(Checkpoint checkpoint) {
    List<String> entries = list();
    requireLast(checkpoint.attempt, entries);
    String entry = checkpoint.name().toString();
    if (!create(entry, checkpoint.encode(job))) {
      requireLast(checkpoint.attempt, list()); // says more
      throw new RefusedException(
          store + " has an entry " + entry + " that this job has not written; delete it");
    }
    CheckpointName.among(entries).stream().skip(1).forEach(name -> discard(name.toString()));
  }

  private void requireLast(int attempt, List<String> entries) {
    if (lastAttempt(entries) > attempt) {
      throw overtaken(attempt);
    }
  }

  private RefusedException overtaken(int attempt) {
    return new RefusedException(
        (store + ": a later attempt has begun than attempt " + attempt)
            + ", so this one is over; if no other driver was meant to take over, find out which"
            + " one uses this store");
  }

  /**
   * The names of all entries.
   *
   * @throws RefusedException if the store fails
   */
  List<String> list() {
    try {
      return store.list();
    } catch (IOException | UncheckedIOException e) {
      throw failed(e);
    }
  }

  /**
   * Creates an entry.
   *
   * @param content differs from what anybody else gives an entry with that name
   * @return false if there is one with that name and another content
   * @throws RefusedException if the store fails
   */
  boolean create(String entry, byte[] content) {
    for (int tries = 0; ; tries++) {
      try {
        if (store.create(entry, content)) {
          return true;
        }
        // It may have been created by an earlier try, of this method or within the store, whose
        // answer was lost; and have been deleted since.
        Optional<byte[]> there = find(entry);
        if (there.isPresent() || tries == MAX_RETRIES) {
          return there.filter(bytes -> Arrays.equals(bytes, content)).isPresent();
        }
      } catch (IOException | UncheckedIOException e) {
        if (tries == MAX_RETRIES || !isMissingFile(e)) {
          throw failed(e);
        }
      }
    }
  }

  /** What a creation meets whose half-written file was swept away. */
  private static boolean isMissingFile(Throwable thrown) {
    for (Throwable each = thrown; each != null; each = each.getCause()) {
      if (each instanceof NoSuchFileException || each instanceof FileNotFoundException) {
        return true;
      }
    }
    return false;
  }

  /** Deletes an entry that is not needed any more. If that fails, it is logged. */
  void discard(String entry) {
    try {
      store.delete(entry);
    } catch (IOException | UncheckedIOException e) {
      LOG.log(Level.WARNING, store + ": " + entry + " is superfluous, but stays there", e);
    }
  }

  private RefusedException failed(Exception e) {
    @Nullable Throwable cause = e instanceof UncheckedIOException ? e.getCause() : null;
    Throwable failure = cause == null ? e : cause;
    @Nullable String message = failure.getMessage();
    return new RefusedException(
        "the checkpoint store failed: " + (message == null ? store + ", " + failure : message),
        failure);
  }
}
