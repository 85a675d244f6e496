package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a loader can be told, and what it refuses. */
@OnEveryDevice
class LoaderBuilderTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill);
  }

  private static Arguments bad(
      String setting, Object value, Consumer<BackgroundLoader.Builder> call) {
    return Arguments.of(setting, value, call);
  }

  static Stream<Arguments> badSettings() {
    int max = Integer.MAX_VALUE;
    return Stream.of(
        bad("workers", 0, b -> b.workers(0)),
        bad("workers", -3, b -> b.workers(-3)),
        bad("workers", max, b -> b.workers(max)),
        bad("workers", 1025, b -> b.workers(1025)),
        bad("hostSlots", 0, b -> b.hostSlots(0)),
        bad("hostSlots", 1025, b -> b.hostSlots(1025)),
        bad("hostSlots", max, b -> b.hostSlots(max)),
        bad("deviceSlots", -1, b -> b.deviceSlots(-1)),
        bad("deviceSlots", 1025, b -> b.deviceSlots(1025)),
        bad("deviceSlots", max, b -> b.deviceSlots(max)),
        bad("batchesPerEpoch", 0, b -> b.batchesPerEpoch(0)),
        bad("epochs", -1, b -> b.epochs(-1)),
        bad("shard", -1, b -> b.shard(-1, 2)),
        bad("shard", 2, b -> b.shard(2, 2)),
        bad("shard", 1L << 31, b -> b.shard(0, 1L << 31)), // the third index would overflow
        bad("warnAfter", Duration.ZERO, b -> b.warnAfter(Duration.ZERO)),
        bad("warnAfter", Duration.ofDays(-1), b -> b.warnAfter(Duration.ofDays(-1))),
        bad("closeTimeout", Duration.ofNanos(-1), b -> b.closeTimeout(Duration.ofNanos(-1))));
  }

  @Test
  @DisplayName("no workers: that there must be one is said, and how to get the fewest")
  void noWorkers() {
    for (int none : new int[] {0, -1}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> loader().workers(none));
      assertSays(e, "workers must be at least 1, not " + none, "leave workers out for one");
    }
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> loader().workers(1025)),
        "workers must be at most 1024, not 1025",
        "PRODUCER");
  }

  @Test
  @DisplayName(
      "a factory that returns no thread, or one that runs, is refused, and nothing is left")
  @SuppressWarnings("NullAway") // on purpose
  void badThreadFactories() throws Exception {
    BackgroundLoader.Builder builder = loader();
    assertSays(
        assertThrows(
            IllegalArgumentException.class, builder.threadFactory(runnable -> null)::start),
        "threadFactory",
        "null");
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            builder.threadFactory(runnable -> Thread.currentThread())::start),
        "threadFactory",
        "started");
    Thread again = new Thread(() -> {});
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            builder.workers(2).threadFactory(runnable -> again)::start),
        "threadFactory",
        "the same thread twice");
    Thread ended = new Thread(() -> {});
    ended.start();
    Patience.join(ended);
    assertSays(
        assertThrows(
            IllegalArgumentException.class, builder.threadFactory(runnable -> ended)::start),
        "threadFactory",
        "started");
    builder.threadFactory(StartedByOther::new);
    assertSays(
        assertThrows(IllegalArgumentException.class, builder::start),
        "threadFactory",
        "started since");
    until("its workers to end", () -> TestDevice.nothingLive(device));
    builder.threadFactory(
        runnable -> {
          throw new IllegalStateException("no core is left");
        });
    assertSays(assertThrows(IllegalStateException.class, builder::start), "no core is left");
    TestDevice.assertNothingLive(device);
    try (BackgroundLoader loader = builder.threadFactory(Thread::new).start()) {
      Numbered.check(0, loader.get());
    }
  }

  @Test
  @DisplayName("a thread factory makes the threads of the workers, and the loader names them")
  void threadFactory() throws Exception {
    List<Thread> made = new ArrayList<>();
    try (BackgroundLoader loader =
        loader()
            .workers(2)
            .name("pinned")
            .threadFactory(
                runnable -> {
                  Thread thread = new Thread(runnable);
                  made.add(thread);
                  return thread;
                })
            .start()) {
      Numbered.check(0, loader.get());
      assertEquals(
          List.of("pentrough-pinned-worker-0", "pentrough-pinned-worker-1"),
          made.stream().map(Thread::getName).toList());
      assertTrue(made.stream().allMatch(Thread::isDaemon));
    }
  }

  /** A thread that is started by its factory while the loader is made. */
  private static final class StartedByOther extends Thread {
    StartedByOther(Runnable work) {
      super(work);
    }

    @Override
    public synchronized void start() {
      super.start();
      super.start(); // as if two had done so
    }
  }

  /** A thread that a factory made, and that cannot bind itself to a core. */
  private static Thread throwing() {
    Thread thread =
        new Thread(
            () -> {
              throw new UnsatisfiedLinkError("no library to bind threads with");
            });
    thread.setUncaughtExceptionHandler((t, e) -> {});
    return thread;
  }

  /** A thread that nobody can start. */
  private static final class Unstartable extends Thread {
    Unstartable(Runnable work) {
      super(work);
    }

    @Override
    public synchronized void start() {}
  }

  private static Arguments useless(String what, ThreadFactory factory) {
    return Arguments.of(what, factory);
  }

  static Stream<Arguments> uselessThreads() {
    return Stream.of(
        useless("forgets the work", runnable -> new Thread(() -> {})),
        useless("throws before the work", runnable -> throwing()),
        useless("is never started", Unstartable::new),
        useless(
            "has another one do the work",
            runnable -> new Thread(() -> new Thread(runnable, "other").start())));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("uselessThreads")
  @DisplayName("a thread that never begins to work breaks the loader, which says why")
  void uselessThread(String what, ThreadFactory factory) throws Exception {
    AtomicInteger made = new AtomicInteger();
    ThreadFactory oneOfTwo =
        runnable ->
            made.getAndIncrement() == 0 ? new Thread(runnable) : factory.newThread(runnable);
    List<BatchLoader> loaders =
        List.of(
            loader().workers(2).name("one").threadFactory(oneOfTwo).start(),
            BatchQueue.builder(device, 64).name("queue").threadFactory(factory).start());
    for (BatchLoader loader : loaders) {
      DeviceException e =
          assertThrows(
              DeviceException.class,
              () -> {
                while (true) { // what the other worker makes
                  loader.get(patience()).close();
                }
              });
      assertSays(e, loader.name() + " is broken", "threadFactory", "what the factory was given");
      if (what.equals("throws before the work")) {
        assertSays(e, "no library to bind threads with");
        assertInstanceOf(
            UnsatisfiedLinkError.class, Objects.requireNonNull(e.getCause()).getCause());
      }
      assertTrue(Caller.run(loader::close).result());
    }
    TestDevice.assertNothingLive(device);
  }

  @Test
  @DisplayName(
      "threads that die before they work, or do something else behind it, hold up no close")
  void threadsOfStrangeFactories() throws Exception {
    BackgroundLoader dead =
        loader().closeTimeout(Duration.ofHours(1)).threadFactory(runnable -> throwing()).start();
    assertTrue(Caller.run(dead::close).result());

    CountDownLatch gate = new CountDownLatch(1);
    BackgroundLoader busy =
        loader()
            .closeTimeout(Duration.ofMillis(50))
            .threadFactory(
                runnable ->
                    new Thread(
                        () -> {
                          runnable.run();
                          Patience.awaitUnchecked(gate);
                        }))
            .start();
    assertTrue(Caller.run(busy::close).result());
    gate.countDown();
  }

  @ParameterizedTest(name = "{0} = {1}")
  @MethodSource("badSettings")
  @DisplayName(
      "a value that makes no sense is refused where it is given; setting and value are named")
  void badSettings(String setting, Object value, Consumer<BackgroundLoader.Builder> call)
      throws Exception {
    BackgroundLoader.Builder builder = loader();
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> call.accept(builder));
    assertSays(e, setting);
    assertSays(e, value.toString());
    try (BackgroundLoader loader = builder.start()) {
      Numbered.check(0, loader.get()); // as if it had not been said
    }
  }

  @Test
  @DisplayName("the most that is allowed fits: the default host ring too, and both rings in one")
  void theMost() {
    BackgroundLoader.Builder builder = loader().workers(1024).deviceSlots(1024);
    assertEquals(1024, builder.plan().hostSlots());
    assertEquals(1024, builder.plan().deviceSlots());
    assertEquals(2048, builder.zeroCopy(true).plan().hostSlots());
  }

  @Test
  @DisplayName("each switch can be taken back")
  void switchesTakenBack() throws Exception {
    MemoryPlan plain = loader().plan();
    BackgroundLoader.Builder builder = loader().zeroCopy(true);
    assertNotEquals(plain, builder.plan());
    assertEquals(plain, builder.zeroCopy(false).plan());
    CountDownLatch gate = new CountDownLatch(1);
    AtomicInteger made = new AtomicInteger();
    BatchTarget firstIsSlow =
        (out, context) -> {
          if (context.index() == 0) {
            await(gate);
          }
          Numbered.fill(out, context);
          made.incrementAndGet();
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, firstIsSlow)
            .workers(2)
            .ordered(false)
            .ordered(true)
            .start()) {
      until("others to be made before the first", () -> made.get() >= 2);
      assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO));
      gate.countDown();
      Numbered.check(0, loader.get());
    }
  }

  @Test
  @DisplayName("a consumer stream of another device is refused")
  void foreignStream() {
    try (Device other = TestDevice.open();
        DeviceStream foreign = other.newStream()) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> loader().consumerStream(foreign));
      assertSays(e, "another device");
    }
  }

  @Test
  @DisplayName("null is refused by name")
  @SuppressWarnings("NullAway") // that is what is tried
  void nulls() {
    assertNamed("device", () -> BackgroundLoader.builder(null, Numbered.SPEC, Numbered::fill));
    assertNamed("spec", () -> BackgroundLoader.builder(device, null, Numbered::fill));
    assertNamed("target", () -> BackgroundLoader.builder(device, Numbered.SPEC, null));
    assertNamed("name", () -> loader().name(null));
    assertNamed("consumerStream", () -> loader().consumerStream(null));
    assertNamed("warnAfter", () -> loader().warnAfter(null));
    assertNamed("closeTimeout", () -> loader().closeTimeout(null));
  }

  private static void assertNamed(String what, Executable call) {
    assertEquals(what, assertThrows(NullPointerException.class, call).getMessage());
  }

  @Test
  @DisplayName("each start makes a loader of its own, with other batches under another seed")
  void startsTwice() throws Exception {
    BatchTarget draws = (out, context) -> out.array(0).setLong(0, context.random().nextLong());
    BackgroundLoader.Builder builder = BackgroundLoader.builder(device, Numbered.SPEC, draws);
    try (BackgroundLoader one = builder.seed(1).start();
        BackgroundLoader same = builder.seed(1).start();
        BackgroundLoader another = builder.seed(2).start();
        DeviceBatch a = one.get();
        DeviceBatch b = same.get();
        DeviceBatch c = another.get()) {
      assertEquals(Numbered.number(a), Numbered.number(b));
      assertNotEquals(Numbered.number(a), Numbered.number(c));
      assertEquals(0, a.index());
      assertEquals(0, b.index());
    }
  }

  @Test
  @DisplayName("threads are daemons and bear the loader's name")
  void threadNames() throws Exception {
    try (BackgroundLoader loader = loader().name("evening").workers(2).start()) {
      Numbered.check(0, loader.get());
      assertTrue(Threads.worker("evening", 0).isDaemon());
      assertTrue(Threads.worker("evening", 1).isDaemon());
    }
  }

  @Test
  @ResourceLock(Resources.SYSTEM_PROPERTIES)
  @DisplayName(
      "under -Dpentrough.debug=true a forgotten element shows, as NaN or -1, in every batch")
  void poison() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("real", DType.FLOAT32, 70)
            .array("whole", DType.INT32, 70)
            .build();
    BatchTarget forgetsTheLast =
        (out, context) -> {
          for (int i = 0; i < 69; i++) {
            out.array(0).setFloat(i, i);
            out.array(1).setInt(i, i);
          }
          if (context.index() == 0) {
            out.array(0).setFloat(69, 1); // what the slot's next batch must not show
          }
        };
    String before = System.getProperty("pentrough.debug");
    System.setProperty("pentrough.debug", "true");
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, forgetsTheLast).hostSlots(1).start()) {
      loader.get().close();
      for (int i = 1; i < 4; i++) {
        try (DeviceBatch batch = loader.get()) {
          var real = TestDevice.bytes(batch.array(0).buffer()).asFloatBuffer();
          var whole = TestDevice.bytes(batch.array(1).buffer()).asIntBuffer();
          assertEquals(68f, real.get(68));
          assertEquals(Float.NaN, real.get(69));
          assertEquals(68, whole.get(68));
          assertEquals(-1, whole.get(69));
        }
      }
    } finally {
      if (before == null) {
        System.clearProperty("pentrough.debug");
      } else {
        System.setProperty("pentrough.debug", before);
      }
    }
  }
}
