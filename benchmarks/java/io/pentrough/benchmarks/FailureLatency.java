package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchTarget;
import io.pentrough.DeviceBatch;
import io.pentrough.TargetException;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The time until a consumer gets a failure, and until a loader starts, resets and closes. */
final class FailureLatency {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int WORKERS = 2;

  private final int repetitions;
  private final int warmup;
  private final long busyNanos;
  private final long stuckNanos;
  private final long idleNanos;

  /** By the name of the row, in the order they are printed. */
  private final Map<String, Seen> seen = new TreeMap<>();

  /** Whether what is seen counts, or is for the compiler. */
  private boolean counts;

  /** The warning that a closed loader gives of a stuck target is what is measured here. */
  private final Logger silenced = Logger.getLogger("io.pentrough");

  private static final class Seen {
    final long firstNanos;
    final Latencies counted = new Latencies();
    int thrownAway;

    Seen(long firstNanos) {
      this.firstNanos = firstNanos;
    }
  }

  FailureLatency(
      int repetitions, int warmup, double busySeconds, double stuckSeconds, double idleSeconds) {
    this.repetitions = repetitions;
    this.warmup = warmup;
    busyNanos = (long) (busySeconds * 1e9);
    stuckNanos = (long) (stuckSeconds * 1e9);
    idleNanos = (long) (idleSeconds * 1e9);
  }

  void run(PrintStream out) throws Exception {
    Level usual = silenced.getLevel();
    silenced.setLevel(Level.OFF);
    try {
      measure(out);
    } finally {
      silenced.setLevel(usual);
    }
  }

  private void measure(PrintStream out) throws Exception {
    Machine machine = Machine.watch(out);
    try (Device device = HostDevice.open()) {
      for (int i = -warmup; i < repetitions; i++) {
        counts = i >= 0;
        failure(device);
        startResetClose(device);
        closeBusy(device);
        textbook();
        if (i == -warmup || (counts && i % 50 == 0)) { // they take their time, and all the same
          closeStuck(device, true);
          closeStuck(device, false);
        }
      }
    }
    out.println(machine.others());
    out.println();
    Table table =
        new Table("what", "first ms", "thrown away", "times", "p50 ms", "p99 ms", "max ms");
    seen.forEach(
        (what, all) ->
            table.row(
                what,
                millis((double) all.firstNanos),
                all.thrownAway,
                all.counted.count(),
                millis(all.counted.quantile(0.5)),
                millis(all.counted.quantile(0.99)),
                millis(all.counted.quantile(1))));
    out.println(table);
    out.println(
        "textbook, failure in the target: its thread dies, or the executor swallows it; a waiting"
            + " consumer is never told.");
    out.println();
    out.println(idle());
  }

  private static String millis(double nanos) {
    return String.format(Locale.ROOT, "%.3f", nanos / 1e6);
  }

  private void saw(String what, long sinceNanos) {
    long elapsed = System.nanoTime() - sinceNanos;
    Seen all = seen.computeIfAbsent(what, unseen -> new Seen(elapsed));
    if (counts) {
      all.counted.add(elapsed);
    } else {
      all.thrownAway++;
    }
  }

  private static BackgroundLoader.Builder loader(Device device, BatchTarget target) {
    return BackgroundLoader.builder(device, Shape.SMALL.spec, target).workers(WORKERS);
  }

  /** From the throw to the exception, in a consumer that waits. */
  private void failure(Device device) throws Exception {
    long[] thrown = {0};
    try (BackgroundLoader loader =
        loader(
                device,
                (out, context) -> {
                  Thread.sleep(2); // the consumer waits by then
                  thrown[0] = System.nanoTime();
                  throw new IllegalArgumentException("on purpose");
                })
            .workers(1)
            .hostSlots(1)
            .start()) {
      try (DeviceBatch none = loader.get(PATIENCE)) {
        throw new IllegalStateException("no failure was thrown, but " + none.index());
      } catch (TargetException e) {
        saw("1 failure to a waiting consumer", thrown[0]); // ordered by the hand-over
      }
    }
  }

  private void startResetClose(Device device) throws Exception {
    long began = System.nanoTime();
    BackgroundLoader loader = loader(device, (out, context) -> {}).start();
    try {
      loader.get(PATIENCE).close();
      saw("2 start to first batch", began);
      settle();
      began = System.nanoTime();
      loader.reset();
      loader.get(PATIENCE).close();
      saw("3 reset to first new batch", began);
      settle();
    } finally {
      began = System.nanoTime();
      loader.close();
      saw("4 close, workers idle", began);
    }
  }

  private void closeBusy(Device device) throws Exception {
    CountDownLatch busy = new CountDownLatch(WORKERS);
    BackgroundLoader loader =
        loader(
                device,
                (out, context) -> {
                  busy.countDown();
                  long until = System.nanoTime() + busyNanos;
                  while (System.nanoTime() < until) {
                    Thread.onSpinWait();
                  }
                })
            .start();
    busy.await();
    long began = System.nanoTime();
    loader.close();
    saw(String.format(Locale.ROOT, "5 close, workers %.0f ms from done", busyNanos / 1e6), began);
  }

  /** In a target that does not come back by itself. */
  private void closeStuck(Device device, boolean interruptible) throws Exception {
    CountDownLatch stuck = new CountDownLatch(1);
    CountDownLatch free = new CountDownLatch(1);
    BackgroundLoader loader =
        loader(
                device,
                (out, context) -> {
                  stuck.countDown();
                  while (free.getCount() > 0) {
                    try {
                      free.await();
                    } catch (InterruptedException e) {
                      if (interruptible) {
                        throw e;
                      }
                    }
                  }
                })
            .workers(1)
            .closeTimeout(Duration.ofNanos(stuckNanos))
            .start();
    stuck.await();
    long began = System.nanoTime();
    loader.close();
    saw(
        String.format(
            Locale.ROOT,
            "%s, closeTimeout %.0f ms",
            interruptible
                ? "6 close, a worker stuck till interrupted"
                : "7 close, a worker stuck for good",
            stuckNanos / 1e6),
        began);
    free.countDown();
  }

  private void textbook() throws Exception {
    long began = System.nanoTime();
    Loader loader = new ReuseCopyLoader(Setup.usual(Workload.NULL_SMALL, WORKERS));
    try {
      loader.consume(false);
      saw("8 textbook reuse+copy: start to first batch", began);
      settle();
    } finally {
      began = System.nanoTime();
      loader.close();
      saw("9 textbook reuse+copy: close, workers idle", began);
    }
  }

  /** Until all threads are parked. */
  private static void settle() {
    Latencies.sleepUntil(System.nanoTime() + 2_000_000);
  }

  /** What a loader uses while nobody consumes, and what a batch leaves on the heap. */
  private Table idle() throws Exception {
    Table table = new Table("loader", "CPU while nobody consumes, % of a core", "heap B/batch");
    for (Contender contender : Contender.values()) {
      Set<Long> before = Threads.now();
      try (Loader loader = contender.start(Setup.usual(Workload.NULL_SMALL, WORKERS))) {
        Threads threads = Threads.startedSince(before);
        for (int i = 0; i < 2_000; i++) {
          loader.consume(false);
        }
        long allocated = threads.allocatedBytes();
        int batches = 1_000;
        for (int i = 0; i < batches; i++) {
          loader.consume(false);
        }
        double heap = (double) (threads.allocatedBytes() - allocated) / batches;
        Latencies.sleepUntil(System.nanoTime() + idleNanos / 10);
        long cpu = threads.cpuNanos();
        long began = System.nanoTime();
        Latencies.sleepUntil(began + idleNanos);
        double share = (double) (threads.cpuNanos() - cpu) / (System.nanoTime() - began);
        table.row(
            contender,
            String.format(Locale.ROOT, "%.4f", 100 * share),
            String.format(Locale.ROOT, "%,.0f", heap));
      }
    }
    return table;
  }
}
