package io.pentrough.spark;

import static io.pentrough.spark.Thrown.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Drivers that use, free and take over a store, in every order. */
@Timeout(30)
class OwnershipTest {

  @TempDir Path folder;

  private Ownership take(String driver, boolean takeOver) {
    return take(new FolderStore(folder), driver, takeOver);
  }

  private static Ownership take(CheckpointStore store, String driver, boolean takeOver) {
    return Ownership.take(new Ledger(store, "job"), driver, takeOver);
  }

  private List<String> marks() throws IOException {
    return new FolderStore(folder)
        .list().stream().filter(entry -> entry.startsWith("owner-")).toList();
  }

  private static void assertTakenOver(String by, Ownership owner) {
    for (Runnable call : List.<Runnable>of(owner::require, owner::claimNext)) {
      Ownership.TakenOverException e = assertThrows(Ownership.TakenOverException.class, call::run);
      assertTrue(message(e).contains(" was taken over by " + by + ", so"), message(e));
    }
  }

  /** Whether it may go on: it may claim, and its tasks may write. */
  private void assertGoesOn(Ownership owner) {
    owner.require();
    owner.claimNext();
    owner.require();
    Ledger ledger = new Ledger(new FolderStore(folder), "job");
    ledger.requireWritable(owner.attempt());
    assertEquals(owner.attempt(), ledger.last());
  }

  private void assertInUse(String by) {
    RefusedException e = assertThrows(RefusedException.class, () -> take("another", false));
    assertTrue(message(e).contains("is in use by " + by + ";"), message(e));
  }

  @Test
  @DisplayName("one driver after the other, and a second one is refused meanwhile")
  void usesAndFrees() throws Exception {
    Ownership first = take("first", false);
    assertEquals(1, first.attempt());
    assertInUse("first");
    assertEquals(1, marks().size(), "a driver that was refused leaves no mark");
    assertGoesOn(first);
    assertInUse("first");
    assertLeavesNoMark(first);
    Ownership second = take("second", false);
    assertEquals(3, second.attempt());
    assertInUse("second");
    second.close();
  }

  @Test
  @DisplayName("a driver whose creations are carried out, but their answers lost, refuses nobody")
  void lostAnswers() throws Exception {
    for (LossyStore.Kind kind : LossyStore.Kind.values()) {
      Ownership owner = take(new LossyStore(folder, kind), "driver", false);
      assertGoesOn(owner);
      assertLeavesNoMark(owner);
    }
  }

  @Test
  @DisplayName("of two drivers that begin at the same time one goes on, and the other is refused")
  void beginTogether() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    AtomicReference<Ownership> first = new AtomicReference<>();
    store.before("create attempt-", () -> first.set(take("first", false)));
    RefusedException e = assertThrows(RefusedException.class, () -> take(store, "second", false));
    assertTrue(message(e).contains("is in use by first"), message(e));
    assertGoesOn(Objects.requireNonNull(first.get()));
    first.get().close();
    assertLeavesNoMark(take("third", false));
  }

  @Test
  @DisplayName("of two drivers that take over at the same time the last one goes on")
  void takeOverTogether() {
    take("killed", false);
    InterferingStore store = new InterferingStore(folder);
    AtomicReference<Ownership> third = new AtomicReference<>();
    store.before("create attempt-", () -> third.set(take("third", true)));
    Ownership second = take(store, "second", true);
    assertTakenOver("second", Objects.requireNonNull(third.get()));
    assertGoesOn(second);
    assertInUse("second");
    second.close();
  }

  @Test
  @DisplayName("a driver that was taken for dead overtakes nobody by a late claim")
  void lateClaim() {
    Ownership first = take("first", false);
    first.require(); // and is held up here
    Ownership second = take("second", true);
    assertTakenOver("second", first);
    assertGoesOn(second);
    first.close();
    assertInUse("second");
    second.close();
  }

  @Test
  @DisplayName("a driver that was taken for dead and claims first is overtaken all the same")
  void earlyClaim() {
    Ownership first = take("first", false);
    InterferingStore store = new InterferingStore(folder);
    store.before("create attempt-", first::claimNext);
    Ownership second = take(store, "second", true);
    assertEquals(3, second.attempt());
    assertTakenOver("second", first);
    assertGoesOn(second);
    second.close();
  }

  @Test
  @DisplayName("a driver that begins late, with a number long gone, takes nothing from another one")
  void staleBegin() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    AtomicReference<Ownership> other = new AtomicReference<>();
    store.before(
        "create attempt-",
        () -> {
          Ownership owner = take("other", false);
          other.set(owner);
          owner.claimNext(); // deletes its first claim
        });
    RefusedException e = assertThrows(RefusedException.class, () -> take(store, "late", false));
    assertTrue(message(e).contains("is in use by other"), message(e));
    assertGoesOn(Objects.requireNonNull(other.get()));
    store.before("create attempt-", () -> endAt(Objects.requireNonNull(other.get())));
    Ownership late = take(store, "late", true);
    assertEquals(other.get().attempt() + 1, late.attempt());
    assertGoesOn(late);
    assertLeavesNoMark(late);
  }

  private void assertLeavesNoMark(Ownership owner) throws IOException {
    owner.close();
    assertEquals(List.of(), marks());
  }

  private static void endAt(Ownership owner) {
    owner.claimNext();
    owner.claimNext();
    owner.close();
  }

  @Test
  @DisplayName("a driver that ends while another one takes over leaves that one's mark")
  void givesUpItsOwnMark() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    Ownership first = take(store, "first", false);
    AtomicReference<Ownership> second = new AtomicReference<>();
    store.before("delete owner-", () -> second.set(take("second", true)));
    first.close();
    assertGoesOn(Objects.requireNonNull(second.get()));
    assertInUse("second");
    assertLeavesNoMark(second.get());
  }

  @Test
  @DisplayName(
      "a driver that was killed before its first claim keeps nobody away, and its mark goes")
  void killedAtTheStart() throws Exception {
    assertThrows(Killed.class, () -> takeKilledBefore("create attempt-"));
    assertEquals(1, marks().size());
    Ownership owner = take("next", false);
    assertEquals(1, marks().size(), "its own");
    assertInUse("next");
    assertLeavesNoMark(owner);
  }

  @Test
  @DisplayName(
      "a driver that is killed while it takes over leaves no mark of the first one for ever")
  void killedInTakeOver() throws Exception {
    take("killed", false);
    assertThrows(Killed.class, () -> takeKilledBefore("delete owner-"));
    assertEquals(2, marks().size());
    Ownership owner = take("next", true);
    assertEquals(1, marks().size(), "its own");
    assertLeavesNoMark(owner);
  }

  /** A driver that is killed: its calls before a certain one are carried out, and no later one. */
  private void takeKilledBefore(String call) {
    CheckpointStore store =
        new InterferingStore(folder) {
          private static final long serialVersionUID = 1;
          private boolean killed;

          @Override
          public boolean create(String name, byte[] content) throws IOException {
            requireAlive("create " + name);
            return super.create(name, content);
          }

          @Override
          public void delete(String name) throws IOException {
            requireAlive("delete " + name);
            super.delete(name);
          }

          private void requireAlive(String next) {
            killed |= next.startsWith(call);
            if (killed) {
              throw new Killed();
            }
          }
        };
    take(store, "killed, too", true);
  }

  /** Ends a driver where it is. */
  private static final class Killed extends Error {
    private static final long serialVersionUID = 1;
  }

  @Test
  @DisplayName("a driver that is held up between its mark and its claim has a mark behind it")
  void heldUpBeforeItsClaim() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    store.before("create attempt-", () -> take("quick", false).close());
    Ownership slow = take(store, "slow", false);
    assertEquals(2, slow.attempt());
    assertEquals(1, marks().size());
    assertInUse("slow");
    assertLeavesNoMark(slow);
  }

  @Test
  @DisplayName("a driver that is held up in its sweep leaves the mark of whoever has taken over")
  void heldUpInItsSweep() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    AtomicReference<Ownership> second = new AtomicReference<>();
    store.before("sweep", () -> second.set(take("second", true))); // has the claim already
    Ownership first = take(store, "first", false);
    assertTakenOver("second", first);
    assertInUse("second");
    first.close();
    assertGoesOn(Objects.requireNonNull(second.get()));
    assertInUse("second");
    assertLeavesNoMark(second.get());
  }

  @Test
  @DisplayName("a driver that is overtaken hears it, also if the store does not say by whom")
  void overtakenByAnybody() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    Ownership first = take(store, "first", false);
    Ownership second = take("second", true);
    store.before(
        "read attempt-",
        () -> {
          throw new IOException("Stale file handle");
        });
    Ownership.TakenOverException e =
        assertThrows(Ownership.TakenOverException.class, first::require);
    assertTrue(message(e).contains("by another driver"), message(e));
    assertTrue(message(e.getSuppressed()[0]).endsWith("Stale file handle"), e::toString);
    first.close();
    second.close();
  }

  @Test
  @DisplayName("a store that refuses a driver and then its cleaning-up says why it has refused it")
  void refusedTwice() {
    CheckpointStore store =
        new InterferingStore(folder) {
          private static final long serialVersionUID = 1;

          @Override
          public boolean create(String name, byte[] content) {
            throw new IllegalArgumentException("no such bucket");
          }

          @Override
          public void delete(String name) {
            throw new IllegalStateException("closed");
          }
        };
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> take(store, "driver", false));
    assertInstanceOf(IllegalStateException.class, e.getSuppressed()[0]);
  }

  @Test
  @DisplayName("a claim of no driver, as by hand, keeps nobody away")
  void foreignClaim() throws Exception {
    new FolderStore(folder).create("attempt-00000007", new byte[0]);
    Ownership owner = take("next", false);
    assertEquals(8, owner.attempt());
    owner.close();
  }

  @Test
  @DisplayName("an interrupted driver frees the store, though Hadoop does nothing in its thread")
  void interrupted() throws Exception {
    CheckpointStore store =
        new InterferingStore(folder) {
          private static final long serialVersionUID = 1;

          @Override
          public void delete(String name) throws IOException {
            if (Thread.currentThread().isInterrupted()) {
              throw new InterruptedIOException("call interrupted");
            }
            super.delete(name);
          }
        };
    Ownership owner = take(store, "driver", false);
    Thread.currentThread().interrupt();
    owner.close();
    assertTrue(Thread.interrupted(), "kept");
    assertEquals(List.of(), marks());
  }

  @Test
  @DisplayName("a store in which each claim is taken ends the driver, and not its patience")
  void refusesEachClaim() {
    CheckpointStore store =
        new InterferingStore(folder) {
          private static final long serialVersionUID = 1;

          @Override
          public boolean create(String name, byte[] content) throws IOException {
            return !name.startsWith("attempt-") && super.create(name, content);
          }
        };
    RefusedException e = assertThrows(RefusedException.class, () -> take(store, "driver", true));
    assertTrue(message(e).contains("refuses every claim"), message(e));
  }

  /**
   * Drivers that begin, claim, write and end, step by step in a random order. Some take over, and
   * some are killed. If none is, whoever claims last must get to its end, and everybody else must
   * hear why not.
   */
  @Test
  @DisplayName("whatever overlaps, the last driver to claim goes on, and nobody else")
  void anyOrder() {
    int takenOver = 0;
    int inUse = 0;
    int killed = 0;
    for (int seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      SteppedStore store = new SteppedStore(random);
      boolean anyTakesOver = random.nextInt(4) > 0;
      boolean anyIsKilled = random.nextBoolean();
      List<Driver> drivers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        int calls = anyIsKilled && random.nextBoolean() ? random.nextInt(40) : Integer.MAX_VALUE;
        CheckpointStore seen = new MortalStore(store, calls);
        drivers.add(new Driver(i, seen, random, anyTakesOver && random.nextBoolean()));
      }
      store.play(drivers);
      String which = "seed " + seed + ": " + drivers;
      for (Driver driver : drivers) {
        if (driver.failure != null) {
          throw new AssertionError(which, driver.failure);
        }
        takenOver += driver.outcome.contains("was taken over by") ? 1 : 0;
        inUse += driver.outcome.contains("is in use by") ? 1 : 0;
        assertFalse(driver.outcome.contains("by driver " + driver.number), which);
        assertFalse(
            driver.jumped, () -> which + ": claimed behind another driver once it had begun");
        assertTrue(anyTakesOver || !driver.outcome.contains("was taken over by"), which);
      }
      if (drivers.stream().anyMatch(driver -> driver.outcome.equals(KILLED))) {
        killed++;
        Driver next = new Driver(4, store, random, true);
        store.play(List.of(next));
        assertEquals("done", next.outcome, which);
      } else {
        Driver last = drivers.stream().max(Comparator.comparing(driver -> driver.claimed)).get();
        assertEquals("done", last.outcome, which);
      }
      assertTrue(
          store.left().stream().noneMatch(entry -> entry.startsWith("owner-")),
          () -> which + store.left());
    }
    assertTrue(
        takenOver > 100 && inUse > 100 && killed > 50,
        takenOver + " and " + inUse + " and " + killed);
  }

  private static final String KILLED = "killed";

  /** A store as a driver sees it that is killed after some calls. */
  private static final class MortalStore implements CheckpointStore {

    private static final long serialVersionUID = 1;
    private final SteppedStore store;
    private int calls;

    MortalStore(SteppedStore store, int calls) {
      this.store = store;
      this.calls = calls;
    }

    private SteppedStore store() {
      if (calls-- <= 0) {
        calls = 0;
        throw new Killed();
      }
      return store;
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      return store().create(name, content);
    }

    @Override
    public byte[] read(String name) throws IOException {
      return store().read(name);
    }

    @Override
    public List<String> list() {
      return store().list();
    }

    @Override
    public void delete(String name) {
      store().delete(name);
    }
  }

  private static final class Driver extends Thread {

    private final int number;
    private final CheckpointStore store;
    private final boolean takesOver;
    private final int attempts;
    private volatile int claimed;
    private volatile boolean jumped;
    private volatile String outcome = "";
    private volatile @Nullable Throwable failure;

    Driver(int number, CheckpointStore store, Random random, boolean takesOver) {
      this.number = number;
      this.store = store;
      this.takesOver = takesOver;
      attempts = 1 + random.nextInt(4);
      setDaemon(true);
    }

    @Override
    public void run() {
      Ledger ledger = new Ledger(store, "job");
      try (Ownership owner = Ownership.take(ledger, "driver " + number, takesOver)) {
        for (int i = 0; i < attempts; i++) {
          if (i > 0) {
            owner.claimNext();
            jumped |= owner.attempt() != claimed + 1;
          }
          claimed = owner.attempt();
          owner.require();
          requireMarked(ledger, owner);
          train(ledger, owner);
        }
        outcome = "done";
      } catch (RefusedException e) {
        outcome = message(e);
      } catch (Killed e) {
        outcome = KILLED;
      } catch (Throwable t) {
        failure = t;
      }
    }

    /** Nobody deletes the mark of a driver that goes on. */
    private static void requireMarked(Ledger ledger, Ownership owner) {
      boolean marked =
          ledger
              .claimed(owner.attempt())
              .map(claim -> new String(claim, StandardCharsets.UTF_8).lines().toList().get(1))
              .filter(ledger::exists)
              .isPresent();
      if (!marked) {
        throw overtaken(owner, "it has no mark");
      }
    }

    private static RuntimeException overtaken(Ownership owner, String sign) {
      try {
        owner.require();
      } catch (Ownership.TakenOverException e) {
        return e;
      }
      throw new AssertionError("not overtaken, but " + sign);
    }

    /** What tasks do; the driver must agree if they say that a later attempt has begun. */
    private static void train(Ledger ledger, Ownership owner) {
      try {
        int number =
            ledger.newest().map(name -> ledger.read(name, owner.attempt()).number).orElse(0);
        ledger.commit(Checkpoints.checkpoint(owner.attempt(), number + 1));
        ledger.commit(Checkpoints.checkpoint(owner.attempt(), number + 2));
      } catch (RefusedException e) {
        assertTrue(message(e).contains("a later attempt has begun"), message(e));
        throw overtaken(owner, message(e));
      }
    }

    @Override
    public String toString() {
      return String.format(
          "%d%s, %d claimed: %s", number, takesOver ? " takes over" : "", claimed, outcome);
    }
  }
}
