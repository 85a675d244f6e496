package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Collected;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Memory budgets, leases held long, and loaders, queues and leases that nobody closes, drawn from a
 * seed. For the seeds see {@link FuzzSeeds}.
 */
@OnEveryDevice
@ResourceLock("java.util.logging")
@ResourceLock(Resources.SYSTEM_PROPERTIES)
class MemoryFuzzTest {

  private static final AtomicInteger NUMBER = new AtomicInteger();

  /** What was to be reported as never closed, in all runs: nothing else may be, however late. */
  private static final Set<String> DROPPED = new HashSet<>();

  private static final List<String> REPORTED = new ArrayList<>();

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  @AfterEach
  void keepReports() {
    System.clearProperty("pentrough.leakDetection");
    REPORTED.addAll(log.containing("was never closed"));
  }

  @AfterAll
  static void nothingElseIsReported() {
    assertEquals(DROPPED.size(), REPORTED.size(), () -> "reported: " + REPORTED);
  }

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(20, 100));
  }

  static IntStream fewSeeds() {
    return FuzzSeeds.of(Exhaustive.count(6, 25)); // each needs the collector to run
  }

  private enum Kind {
    LOADER,
    INFERRED,
    QUEUE
  }

  /** A loader or a queue, whichever was drawn. */
  private record Source(AutoCloseable owner, Callable<DeviceBatch> next) {}

  private static Random random(int seed) {
    return new Random(seed * 0x9E3779B97F4A7C15L);
  }

  private static Kind kind(Random random) {
    return List.of(Kind.values()).get(random.nextInt(3));
  }

  // ---- the budget

  private static BatchSpec drawSpec(Random random, boolean variable) {
    List<DType> types = List.of(DType.INT8, DType.INT16, DType.INT32, DType.INT64);
    BatchSpec.Builder spec = BatchSpec.builder();
    for (int i = 0; i <= random.nextInt(3); i++) {
      DType type = types.get(random.nextInt(4));
      int[] shape = {1 + random.nextInt(40), 1 + random.nextInt(40)};
      if (variable && random.nextBoolean()) {
        spec.variableArray("a" + i, type, shape);
      } else {
        spec.array("a" + i, type, shape);
      }
    }
    return spec.build();
  }

  private static Object[] arrays(BatchSpec spec) {
    return spec.arrays().stream()
        .map(
            array ->
                switch (array.dtype()) {
                  case INT8 -> new byte[array.dimension(0)][array.dimension(1)];
                  case INT16 -> new short[array.dimension(0)][array.dimension(1)];
                  case INT32 -> new int[array.dimension(0)][array.dimension(1)];
                  default -> new long[array.dimension(0)][array.dimension(1)];
                })
        .toArray();
  }

  private static long slotBytes(BatchSpec spec) {
    long bytes = 0;
    for (ArraySpec array : spec.arrays()) {
      long own = (long) array.dimension(0) * array.dimension(1) * array.dtype().bytes();
      bytes += (own + 255) / 256 * 256;
    }
    return bytes;
  }

  private static final BatchTarget ZEROS =
      (out, context) -> {
        for (int i = 0; i < out.spec().arrays().size(); i++) {
          out.array(i).fillZero();
        }
      };

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("I6: one byte below the plan nothing is allocated, from there on what was planned")
  void budget(int seed) throws Exception {
    Random random = random(seed);
    Kind kind = kind(random);
    BatchSpec spec = drawSpec(random, kind != Kind.INFERRED);
    int workers = 1 + random.nextInt(4);
    int hostSlots = random.nextInt(5);
    int deviceSlots = 1 + random.nextInt(4);
    boolean zeroCopy = random.nextInt(3) == 0;

    long slotBytes = slotBytes(spec) + (kind == Kind.QUEUE ? random.nextInt(1_000) : 0);
    int host = hostSlots == 0 ? workers + 2 : hostSlots;
    long total = slotBytes * (host + deviceSlots);
    int both = host + deviceSlots;
    MemoryPlan plan =
        zeroCopy
            ? new MemoryPlan(both, slotBytes, both, 0, 0)
            : new MemoryPlan(host, slotBytes, deviceSlots, slotBytes, 0);
    assertEquals(total, plan.totalBytes());

    Budgeted start =
        budget -> {
          if (kind == Kind.QUEUE) {
            BatchQueue.Builder builder =
                BatchQueue.builder(device, slotBytes)
                    .workers(workers)
                    .deviceSlots(deviceSlots)
                    .memoryBudget(budget);
            builder = hostSlots == 0 ? builder : builder.hostSlots(hostSlots);
            builder.zeroCopy(zeroCopy);
            assertEquals(plan, builder.plan());
            BatchQueue queue = builder.start();
            queue.submit(spec, ZEROS);
            return new Source(queue, () -> queue.get(patience()));
          }
          SequenceBuilder<?> builder;
          if (kind == Kind.INFERRED) {
            builder = BackgroundLoader.infer(device, context -> arrays(spec));
          } else {
            builder = BackgroundLoader.builder(device, spec, ZEROS);
          }
          builder.workers(workers).deviceSlots(deviceSlots).memoryBudget(budget);
          builder.zeroCopy(zeroCopy);
          if (hostSlots > 0) {
            builder.hostSlots(hostSlots);
          }
          if (builder instanceof BackgroundLoader.Builder given) {
            assertEquals(plan, given.plan());
          }
          BackgroundLoader loader = builder.start();
          return new Source(loader, () -> loader.get(patience()));
        };

    for (long budget : new long[] {total - 1, 1 + random.nextInt((int) total - 1)}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> start.with(budget));
      assertSays(e, "memoryBudget", Units.bytes(budget), plan.toString());
      TestDevice.assertNothingLive(device);
    }
    for (long budget : new long[] {total, total + random.nextInt(1_000)}) {
      Source source = start.with(budget);
      try (AutoCloseable owner = source.owner) {
        long counted = TestDevice.COUNTS_BYTES ? total : 0;
        assertEquals(counted, TestDevice.liveBytes(device), () -> "allocated by " + owner);
        try (DeviceBatch batch = source.next.call()) {
          assertEquals(spec.arrays().size(), batch.spec().arrays().size());
        }
        assertEquals(counted, TestDevice.liveBytes(device), "and nothing later");
      }
      TestDevice.assertNothingLive(device);
    }
  }

  @FunctionalInterface
  private interface Budgeted {
    Source with(long budget) throws Exception;
  }

  // ---- leases held long, or for ever

  /** Numbered batches of one epoch; the target refers to nothing that could keep an owner alive. */
  private Source start(
      Kind kind, String name, int deviceSlots, int batches, Duration leaseWarnAfter)
      throws Exception {
    if (kind == Kind.QUEUE) {
      BatchQueue queue =
          BatchQueue.builder(device, 256)
              .name(name)
              .deviceSlots(deviceSlots)
              .capacity(batches)
              .leaseWarnAfter(leaseWarnAfter)
              .start();
      for (int i = 0; i < batches; i++) {
        queue.submit(Numbered.SPEC, Numbered::fill);
      }
      return new Source(queue, () -> queue.get(patience()));
    }
    SequenceBuilder<?> builder;
    if (kind == Kind.INFERRED) {
      builder =
          BackgroundLoader.infer(device, context -> new Object[] {new long[] {context.index()}});
    } else {
      builder = BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill);
    }
    BackgroundLoader loader =
        builder
            .name(name)
            .deviceSlots(deviceSlots)
            .batchesPerEpoch(batches)
            .epochs(1)
            .leaseWarnAfter(leaseWarnAfter)
            .start();
    return new Source(loader, () -> loader.get(patience()));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("leaseWarnAfter names the leases held longer, each once, with its thread")
  void heldLong(int seed) throws Exception {
    Random random = random(seed);
    Kind kind = kind(random);
    int deviceSlots = 2 + random.nextInt(3);
    int batches = 4 + random.nextInt(12);
    Duration bound =
        random.nextInt(4) == 0
            ? Duration.ofHours(1)
            : Duration.ofNanos(1 + random.nextInt(3_000_000));
    boolean warns = bound.compareTo(patience()) < 0;
    Map<Long, String> mustBeNamed = new HashMap<>();
    Set<Long> mustNot = new HashSet<>();
    Source source = start(kind, "held", deviceSlots, batches, bound);
    try (AutoCloseable owner = source.owner) {
      Deque<DeviceBatch> held = new ArrayDeque<>();
      for (int i = 0; i < batches; i++) {
        String thread = "holder-" + random.nextInt(3);
        long asked = System.nanoTime();
        DeviceBatch batch = getAs(thread, source);
        assertEquals(i, batch.index());
        if (random.nextBoolean()) {
          held.add(batch);
          mustBeNamed.put(batch.index(), thread);
        } else {
          batch.close();
          if (System.nanoTime() - asked < bound.toNanos()) {
            mustNot.add(batch.index());
          }
        }
        if (held.size() == deviceSlots) {
          closeNamed(held, warns); // one has to go
        }
      }
      while (!held.isEmpty()) {
        closeNamed(held, warns);
      }
      assertTrue(owner != null, "open until here");
    }
    Map<Long, String> named = named();
    if (warns) {
      mustBeNamed.forEach((index, thread) -> assertEquals(thread, named.get(index), "" + index));
      mustNot.forEach(index -> assertNull(named.get(index), "" + index));
    } else {
      assertEquals(Map.of(), named);
    }
  }

  /** A lease counts for the thread that got it. */
  private static DeviceBatch getAs(String thread, Source source) throws Exception {
    return Caller.start(
            () -> {
              Thread.currentThread().setName(thread);
              return source.next.call();
            })
        .result();
  }

  private void closeNamed(Deque<DeviceBatch> held, boolean warns) {
    DeviceBatch batch = held.remove();
    if (warns) {
      until("batch " + batch.index() + " to be named", () -> named().containsKey(batch.index()));
    }
    batch.close();
  }

  private static final Pattern WARNING =
      Pattern.compile("held: (?:job|index) (\\d+).* has been leased for .* by thread (.*)");

  /** The leases that were named so far, each with its thread; none twice. */
  private Map<Long, String> named() {
    Map<Long, String> named = new HashMap<>();
    for (String message : log.containing("has been leased for")) {
      Matcher matcher = WARNING.matcher(message);
      assertTrue(matcher.matches(), message);
      assertNull(named.put(Long.valueOf(matcher.group(1)), matcher.group(2)), message);
    }
    return named;
  }

  /** What a run holds on to, and what it expects to be reported. */
  private static final class Dropping {
    final List<DeviceBatch> kept = new ArrayList<>();
    final Set<String> dropped = new HashSet<>();
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("fewSeeds")
  @DisplayName("what is collected unclosed is reported, and nothing else; all memory comes back")
  void dropped(int seed) throws Exception {
    Dropping run = drop(random(seed), "dropped-" + NUMBER.incrementAndGet());
    DROPPED.addAll(run.dropped);
    Collected.until(
        "reports of " + run.dropped,
        () -> log.containing("was never closed").size() >= run.dropped.size());
    for (DeviceBatch batch : run.kept) {
      Numbered.check(batch.index(), batch); // whoever owned it is closed, or gone
    }
    until("memory to be given back", () -> TestDevice.nothingLive(device));
    Set<String> reported = new HashSet<>();
    for (String message : log.containing("was never closed")) {
      assertTrue(reported.add(message.replaceFirst(" was never closed.*", "")), message);
    }
    assertEquals(run.dropped, reported);
  }

  /** In a method of its own, so that nothing on the stack refers to what is dropped. */
  private Dropping drop(Random random, String name) throws Exception {
    Dropping run = new Dropping();
    boolean detection = random.nextBoolean();
    System.setProperty("pentrough.leakDetection", Boolean.toString(detection));
    boolean ownerDropped = random.nextInt(3) > 0;
    int batches = 1 + random.nextInt(8);
    Source source = start(kind(random), name, batches + 1, 2 * batches, Duration.ofHours(1));
    for (int i = 0; i < batches; i++) {
      DeviceBatch batch = source.next.call();
      int fate = random.nextInt(3);
      if (fate == 0) {
        run.kept.add(batch);
      } else if (fate == 1 && detection) { // else nobody watches it
        run.dropped.add(name + ": the lease of batch " + i + " of epoch 0");
      } else {
        batch.close();
      }
    }
    if (ownerDropped) {
      run.dropped.add(name);
    } else {
      source.owner.close();
    }
    return run;
  }
}
