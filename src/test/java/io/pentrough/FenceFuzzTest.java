package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.ScriptedDevice.Stream;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceException;
import io.pentrough.testkit.Exhaustive;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whole loaders on a device whose copies and kernels run when a seed says so, which is late: taken
 * early and not, closed early and not, on several streams, with copies, kernels, stages and calls
 * that fail at any place. After every step nothing may have been freed or overwritten that queued
 * work uses.
 */
@ResourceLock("io.pentrough's log")
class FenceFuzzTest {

  private static final int STEPS = 120;
  private static final Logger LOG = Logger.getLogger("io.pentrough");

  /** Loaders break here, and are closed with memory in use: not news. */
  @BeforeAll
  static void logNothing() {
    LOG.setLevel(Level.OFF);
  }

  @AfterAll
  static void logAsUsual() {
    LOG.setLevel(null);
  }

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(40, 200));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName(
      "I1, I2, I4, I7, I9: no order of calls, work and failures frees or overwrites too early")
  void anyOrder(int seed) throws Exception {
    Run run = new Run(seed);
    try {
      run.run();
    } catch (Throwable t) {
      throw new AssertionError("seed " + seed + ": " + t + "\n" + String.join("\n", run.steps), t);
    }
  }

  private static final class Run {
    private final Random random;
    private final ScriptedDevice device = new ScriptedDevice().holdNewStreams();
    private final List<Stream> consumers = new ArrayList<>();
    private final List<DeviceBatch> leases = new ArrayList<>();
    private final List<String> steps = new ArrayList<>();
    private final Queue<String> problems = new ConcurrentLinkedQueue<>();
    private final BackgroundLoader loader;
    private final List<Stream> loaders = new ArrayList<>();
    private final boolean stageFails;

    /** Whether the consumers' work stays queued until the loader is closed, or nearly all of it. */
    private final boolean late;

    private int consumerFaults;

    Run(int seed) {
      random = new Random(seed * 0x9E3779B97F4A7C15L);
      stageFails = random.nextInt(4) == 0;
      late = random.nextBoolean();
      BackgroundLoader.Builder builder =
          Bench.loader(device, new Bench.Numbers())
              .workers(1 + random.nextInt(2))
              .hostSlots(1 + random.nextInt(3))
              .deviceSlots(1 + random.nextInt(3))
              .closeTimeout(Duration.ZERO);
      if (random.nextInt(3) == 0) {
        builder.ordered(false);
      }
      boolean zeroCopy = random.nextInt(5) == 0;
      if (zeroCopy) {
        builder.zeroCopy(true);
      }
      boolean staged = !zeroCopy && random.nextInt(3) == 0;
      if (staged) {
        builder.stage(new Look());
      }
      loader = builder.start();
      loaders.addAll(device.streamsOfLoader());
      for (int i = 0; i < 3; i++) {
        consumers.add(device.heldStream("consumer-" + i));
      }
      steps.add((zeroCopy ? "zero-copy" : staged ? "staged" : "copied"));
    }

    void run() throws Exception {
      int closeAt = STEPS / 4 + random.nextInt(STEPS / 2);
      int failAt = random.nextInt(2 * closeAt); // half of the loaders break
      for (int i = 0; i < STEPS; i++) {
        if (i == failAt) {
          failOwnWork();
        }
        if (i == closeAt) {
          steps.add("close the loader");
          loader.close();
        }
        if (!late || i > closeAt || random.nextInt(10) == 0) {
          run(consumers.get(random.nextInt(consumers.size())));
        }
        step();
        settle();
        check();
      }
      device.runAll();
      while (!leases.isEmpty()) {
        close(leases.remove(0));
      }
      check();
      Bench.assertAllGone(device);
    }

    private void check() {
      assertEquals(List.of(), device.violations());
      assertEquals(List.of(), List.copyOf(problems));
    }

    private void step() throws Exception {
      switch (random.nextInt(12)) {
        case 0, 1 -> get(false);
        case 2, 3, 4 -> get(true);
        case 5, 6 -> {
          if (!leases.isEmpty()) {
            close(leases.remove(random.nextInt(leases.size())));
          }
        }
        case 7, 8, 9, 10 -> run(loaders.get(random.nextInt(loaders.size())));
        default -> rare();
      }
    }

    private void run(Stream stream) {
      steps.add("step " + stream + ": " + device.step(stream));
    }

    private void get(boolean early) throws Exception {
      Stream stream = consumers.get(random.nextInt(consumers.size()));
      Duration patience = Duration.ofNanos(random.nextInt(500_000));
      String step = (early ? "getQueued for " : "get for ") + stream;
      try {
        DeviceBatch batch =
            early ? loader.getQueued(stream, patience) : loader.get(stream, patience);
        steps.add(step + ": " + batch);
        leases.add(batch);
        int index = (int) batch.index();
        for (int looks = random.nextInt(3); looks > 0; looks--) {
          boolean fails = random.nextInt(60) == 0;
          device.launch(stream, batch.array(0).buffer(), bytes -> look(index, fails, bytes));
        }
      } catch (BatchTimeoutException | IllegalStateException | TargetException e) {
        steps.add(step + ": " + e.getClass().getSimpleName());
      } catch (DeviceException e) {
        steps.add(step + ": broken");
      }
    }

    private void look(int index, boolean fails, ByteBuffer bytes) {
      int seen = bytes.getInt(0);
      if (seen != index || bytes.getInt(12) != index) {
        problems.add("a kernel on batch " + index + " sees " + Integer.toHexString(seen));
      }
      if (fails) {
        throw new DeviceException("a kernel fails");
      }
    }

    private void close(DeviceBatch batch) {
      try {
        batch.close();
        steps.add("close " + batch);
      } catch (DeviceException e) {
        steps.add("close " + batch + ": refused");
      }
    }

    /** Gives the loader's threads a moment, now and then, to do what they may not. */
    private void settle() {
      if (random.nextInt(4) == 0) {
        LockSupport.parkNanos(random.nextInt(100_000));
      }
    }

    private void failOwnWork() {
      if (random.nextInt(3) > 0) {
        steps.add("the next copy fails when it runs");
        device.failNextCopyWhenItRuns(new DeviceException("a copy fails"));
        return;
      }
      Stream own = loaders.get(random.nextInt(loaders.size()));
      List<String> calls = List.of("isComplete", "copyToDevice", "waitFor", "record on " + own);
      fail(calls.get(random.nextInt(calls.size())));
    }

    private void rare() {
      int drawn = random.nextInt(4);
      if (drawn == 0) {
        try {
          loader.reset();
          steps.add("reset");
        } catch (IllegalStateException | DeviceException e) {
          steps.add("reset: refused");
        }
      } else if (drawn == 1 && consumerFaults < 1 && random.nextInt(4) == 0) {
        consumerFaults++;
        fail("record on " + consumers.get(random.nextInt(consumers.size())));
      } else if (drawn == 2 && random.nextInt(4) == 0) {
        fail("isComplete"); // while it is closed, the device may not answer
      }
    }

    private void fail(String call) {
      steps.add("the next " + call + " fails");
      device.on(
          call,
          1,
          () -> {
            throw new DeviceException(call + " fails");
          });
    }

    /** A stage that looks at its batch when it runs. */
    private final class Look implements BatchStage {
      @Override
      public void declare(StageArrays arrays) {
        arrays.reads("x");
      }

      @Override
      public StageWork prepare(StageSlot slot) {
        DeviceBuffer in = slot.in("x");
        return run -> {
          int index = (int) run.index();
          device.launch(run.stream(), in, bytes -> look(index, false, bytes));
          if (stageFails && index % 7 == 3) {
            throw new IllegalStateException("a stage fails");
          }
        };
      }
    }
  }
}
