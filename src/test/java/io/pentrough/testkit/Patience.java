package io.pentrough.testkit;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * How long tests wait for what is bound to happen. All tests of a JVM share one budget. A wait ends
 * at once unless a test fails, so its bound says only how soon the failure is known. The first wait
 * in vain may be the fault of a loaded machine; after it all waits are short.
 *
 * <p>{@code -Dpentrough.patience=5} makes every bound five times as long: for a slow machine, or
 * for a debugger.
 */
public final class Patience {

  /** The bound of a test whose thread JUnit abandons, for {@code @Timeout}. */
  public static final int TEST_SECONDS = 20;

  /** The bound of another program, which may be a JVM that starts on a loaded machine. */
  public static final int PROGRAM_SECONDS = 60;

  private static final double FACTOR =
      Double.parseDouble(System.getProperty("pentrough.patience", "1"));

  /** The pause between two looks. It doubles from the first to the last. */
  private static final long FIRST_PAUSE_NANOS = 20_000;

  private static final long LAST_PAUSE_NANOS = 1_000_000;

  private static final Duration WAIT = scaled(10);
  private static final Duration SHORT_WAIT = scaled(1);

  /** The bound of a test that declares no other. */
  static final Duration TEST = scaled(TEST_SECONDS);

  private static final Duration BUDGET = scaled(15);

  private static final AtomicLong SPENT_NANOS = new AtomicLong();
  private static volatile boolean hasWaitedInVain;

  private Patience() {}

  static Duration scaled(int seconds) {
    return Duration.ofMillis((long) (1000 * FACTOR * seconds));
  }

  /** The bound of a wait that begins now. */
  public static Duration patience() {
    return hasWaitedInVain ? SHORT_WAIT : WAIT;
  }

  /** Takes what a failed test has cost from the budget, if that is as much as a wait in vain. */
  static void spend(long nanos) {
    if (nanos >= patience().toNanos()) {
      hasWaitedInVain = true;
      SPENT_NANOS.addAndGet(nanos);
    }
  }

  static boolean isExhausted() {
    return SPENT_NANOS.get() >= BUDGET.toNanos();
  }

  /**
   * Polls, where nothing could tell the test.
   *
   * @throws IllegalStateException if it does not happen. That is no AssertionError: a test that
   *     checks whether a fault is found must not take a wait in vain for the finding.
   */
  public static void until(String what, BooleanSupplier happened) {
    long bound = patience().toNanos();
    long start = System.nanoTime();
    long pause = FIRST_PAUSE_NANOS;
    while (!happened.getAsBoolean()) {
      if (System.nanoTime() - start > bound) {
        throw inVain(what);
      }
      LockSupport.parkNanos(pause);
      pause = Math.min(2 * pause, LAST_PAUSE_NANOS);
    }
  }

  public static void await(CountDownLatch latch) throws InterruptedException {
    if (!latch.await(patience().toNanos(), TimeUnit.NANOSECONDS)) {
      throw inVain("a latch is opened");
    }
  }

  /** The same, for code that cannot throw the exception. */
  public static void awaitUnchecked(CountDownLatch latch) {
    try {
      await(latch);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** What another thread has come to. */
  public static <T> T result(Future<T> of) throws InterruptedException, ExecutionException {
    try {
      return of.get(patience().toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw inVain(of + " ends");
    }
  }

  /** Waits for a thread's end. */
  public static void join(Thread thread) throws InterruptedException {
    thread.join(patience().toMillis());
    if (thread.isAlive()) {
      IllegalStateException inVain = inVain(thread.getName() + " ends");
      inVain.addSuppressed(Stacks.of(thread));
      throw inVain;
    }
  }

  /** Waits for the end of a program, and ends one that does not. Returns its exit code. */
  public static int exitCode(Process program) throws InterruptedException {
    boolean ended = false;
    try {
      ended = program.waitFor(scaled(PROGRAM_SECONDS).toMillis(), TimeUnit.MILLISECONDS);
    } finally {
      if (!ended) {
        program.destroyForcibly();
      }
    }
    if (!ended) {
      throw inVain(program + " ends");
    }
    return program.exitValue();
  }

  /** What a program prints until its end, for which it waits as {@link #exitCode} does. */
  public static String output(Process program) throws Exception {
    Caller<String> reader =
        Caller.start(
            () -> new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    exitCode(program);
    return reader.result();
  }

  private static IllegalStateException inVain(String what) {
    hasWaitedInVain = true;
    return new IllegalStateException("waited in vain: " + what);
  }
}
