package io.pentrough.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A driver's use of a store. Its claims of attempts decide who may go on. Its mark, which the
 * claims name, only keeps others away.
 *
 * <p>States of a driver D:
 *
 * <pre>
 * a mark, no claim                            D begins; nobody heeds the mark
 * the last claim is D's, the mark is there    D uses the store; others are refused, or take over
 * the last claim is D's, the mark is gone     D has ended; the store is free
 * the last claim is another driver's          D was overtaken, whatever it still does
 * </pre>
 *
 * <p>A driver's first claim is the number behind the last claim of all, and each further one the
 * number behind its own last claim. Of several that claim a number, one gets it. So two drivers
 * that begin at the same time do not both get through, and a driver that was overtaken learns it by
 * its next claim at the latest. A take-over whose number is gone claims the next one. So the driver
 * with the last claim is never overtaken by one that comes late.
 *
 * <p>A mark has a name that no other one ever has, so that nobody deletes another driver's. The
 * name also says which number its driver claims first. If another driver has claimed that number,
 * this one will never get it. So it makes a new mark for the next number.
 *
 * <p>A driver that is killed leaves its mark. The driver that has claimed attempt A deletes all
 * other marks for numbers up to A. None of them matters any more: its driver has either not got its
 * first number, or it has claimed numbers without a gap from there, and did not get A. This holds
 * however late the deletion comes, since a later driver's mark has a higher number.
 */
final class Ownership implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Ownership.class.getName());

  /** More than drivers can begin at the same time, but not endless if a store is wrong. */
  private static final int MAX_TRIES = 1_000;

  private static final Pattern MARK = Pattern.compile("owner-(\\d{8,9})-[0-9a-f-]{36}");

  private final Ledger ledger;
  private final String driver;
  private final Thread hook = new Thread(this::giveUp, "pentrough-store-owner");
  private volatile String mark = ""; // the hook deletes it
  private volatile int attempt;

  private Ownership(Ledger ledger, String driver) {
    this.ledger = ledger;
    this.driver = driver;
  }

  /** Another driver has taken over. */
  static final class TakenOverException extends RefusedException {

    private static final long serialVersionUID = 1;

    TakenOverException(String message) {
      super(message);
    }
  }

  /** What a claim says: the driver in words, and the entry that is its mark. */
  private record Claim(String driver, String mark) {

    byte[] content() {
      return (driver + "\n" + mark).getBytes(StandardCharsets.UTF_8);
    }

    static Claim of(byte[] content) {
      List<String> lines = new String(content, StandardCharsets.UTF_8).lines().toList();
      return lines.size() == 2
          ? new Claim(lines.get(0), lines.get(1))
          : new Claim("another driver", ""); // by hand, or of an earlier format
    }
  }

  /**
   * Takes the store, and claims the first attempt.
   *
   * @param driver who this is, for the message of the next one
   * @param takeOver whether the present owner is known to be gone
   * @throws RefusedException if another driver uses the store, or the store fails
   */
  static Ownership take(Ledger ledger, String driver, boolean takeOver) {
    Ownership owner = new Ownership(ledger, driver);
    Runtime.getRuntime().addShutdownHook(owner.hook); // Ctrl-C, or the cluster manager's SIGTERM
    try {
      owner.claimFirst(takeOver);
      return owner;
    } catch (Throwable t) {
      try {
        owner.close();
      } catch (RuntimeException e) {
        t.addSuppressed(e);
      }
      throw t;
    }
  }

  private void claimFirst(boolean takeOver) {
    int last = 0;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
      last = Math.max(last, ledger.last()); // NFS may give an old list
      Optional<Claim> before = ledger.claimed(last).map(Claim::of);
      boolean used = before.isPresent() && ledger.exists(before.get().mark());
      if (used && !takeOver) {
        throw new RefusedException(
            (ledger.store() + " is in use by " + before.get().driver())
                + "; two drivers on one store would throw away each other's work. If that one is"
                + " gone, start this one with takeOver()");
      }
      // Before the claim, so that a driver that sees the claim finds the mark, until this one ends.
      makeMark(last + 1);
      if (claim(last + 1)) {
        attempt = last + 1;
        sweepMarks();
        return;
      }
      ledger.discard(mark);
      last++; // somebody else has it
    }
    throw new RefusedException(
        ledger.store() + " refuses every claim; find out which drivers use it, or take another");
  }

  private void makeMark(int first) {
    mark = String.format("owner-%08d-%s", first, UUID.randomUUID());
    if (!ledger.create(mark, new byte[0])) {
      throw new RefusedException(ledger.store() + " has an entry of a name just made up");
    }
  }

  private boolean claim(int number) {
    return ledger.claim(number, new Claim(driver, mark).content());
  }

  /** Deletes the marks of drivers that were overtaken or killed. */
  private void sweepMarks() {
    for (String entry : ledger.list()) {
      Matcher matcher = MARK.matcher(entry);
      if (matcher.matches()
          && Integer.parseInt(matcher.group(1)) <= attempt
          && !entry.equals(mark)) {
        ledger.discard(entry);
      }
    }
  }

  /** The attempt that this driver has claimed last. */
  int attempt() {
    return attempt;
  }

  /**
   * Claims the next attempt, which ends the one before.
   *
   * @throws TakenOverException if another driver has taken over
   * @throws RefusedException if the store fails
   */
  void claimNext() {
    int next = attempt + 1;
    if (!claim(next)) {
      throw takenOver();
    }
    attempt = next;
  }

  /**
   * Makes sure that no other driver has taken over.
   *
   * @throws TakenOverException if one has
   * @throws RefusedException if the store fails
   */
  void require() {
    if (ledger.last() > attempt) {
      throw takenOver();
    }
  }

  private TakenOverException takenOver() {
    Optional<byte[]> other = Optional.empty();
    @Nullable RefusedException failure = null;
    try {
      for (int tries = 0; tries < 3 && other.isEmpty(); tries++) { // the next claim deletes it
        other = ledger.claimed(Math.max(attempt + 1, ledger.last()));
      }
    } catch (RefusedException e) {
      if (TaskFailure.isInterrupt(e)) {
        throw e;
      }
      failure = e; // it is taken over, whether or not the store says by whom
    }
    TakenOverException takenOver =
        new TakenOverException(
            (ledger.store() + " was taken over by ")
                + other.map(content -> Claim.of(content).driver()).orElse("another driver")
                + ", so this driver ends");
    if (failure != null) {
      takenOver.addSuppressed(failure);
    }
    return takenOver;
  }

  private void giveUp() {
    if (mark.isEmpty()) {
      return;
    }
    boolean interrupted = Thread.interrupted(); // Hadoop would delete nothing then
    try {
      ledger.store().delete(mark);
    } catch (IOException | UncheckedIOException e) {
      if (attempt > 0) { // else nobody heeds the mark
        LOG.log(
            Level.WARNING,
            ledger.store()
                + ": the next driver will have to take over, as this one could"
                + " not delete its mark",
            e);
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Frees the store for the next driver. */
  @Override
  public void close() {
    try {
      giveUp();
    } finally {
      removeHook();
    }
  }

  private void removeHook() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM ends, and the hook finds nothing to do.
    }
  }
}
