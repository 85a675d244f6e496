package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a target throws, and what it leaves behind. */
@OnEveryDevice
class TargetFailureTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target);
  }

  /** A throwable that cannot even say what it is. */
  private static final class Mute extends RuntimeException {

    private static final long serialVersionUID = 1L;

    @Override
    public String getMessage() {
      throw new UnsupportedOperationException("mute");
    }
  }

  @SuppressWarnings("InfiniteRecursion") // to its end
  private static int recurse(int depth) {
    return recurse(depth + 1) + 1;
  }

  static Stream<Throwable> failures() {
    return Stream.of(
        new IOException("the disk"),
        new IllegalStateException(),
        new AssertionError("an error"),
        new OutOfMemoryError("not really"),
        new InterruptedException("by itself"),
        new Mute());
  }

  private static void sneak(Throwable t) throws Exception {
    if (t instanceof Error e) {
      throw e;
    }
    throw (Exception) t;
  }

  @ParameterizedTest
  @MethodSource("failures")
  @DisplayName("I3, I5: what a target throws is told once, at its place, as it is; then it goes on")
  void toldOnceAtItsPlace(Throwable failure) throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1 || context.index() == 4) {
            sneak(failure);
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).workers(3).start()) {
      for (int i = 0; i < 8; i++) {
        if (i == 1 || i == 4) {
          TargetException e = assertThrows(TargetException.class, loader::get);
          assertSame(failure, e.getCause());
          assertEquals(i, e.index());
          assertEquals(0, e.epoch());
          assertSays(e, "index " + i);
        } else {
          check(i, loader.get());
        }
      }
      assertEquals(2, loader.stats().failures());
      assertEquals(6, loader.stats().batches());
    }
  }

  @Test
  @DisplayName("I5: a failure ends the wait of a consumer, though nothing else happens")
  void endsAWait() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    IOException failure = new IOException("the only one");
    BatchTarget target =
        (out, context) -> {
          await(gate);
          throw failure;
        };
    try (BackgroundLoader loader = loader(target).hostSlots(1).start()) {
      Caller<DeviceBatch> caller = Caller.start(() -> loader.get()).untilWaiting();
      gate.countDown();
      assertSame(failure, caller.failure(TargetException.class).getCause());
    }
  }

  @Test
  @DisplayName("I5: a target that overflows its stack fails its batch, not its worker")
  void stackOverflow() throws Exception {
    BatchTarget target =
        (out, context) -> {
          Numbered.fill(out, context);
          if (context.index() % 2 == 1) {
            out.array(0).setLong(0, recurse(0));
          }
        };
    try (BackgroundLoader loader = loader(target).start()) {
      for (int i = 0; i < 6; i += 2) {
        check(i, loader.get());
        TargetException e = assertThrows(TargetException.class, loader::get);
        assertInstanceOf(StackOverflowError.class, e.getCause());
      }
    }
  }

  @Test
  @DisplayName("I5: a failure's words are asked for with no lock held")
  void slowWords() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch gate = new CountDownLatch(1);
    class Slow extends Exception {

      private static final long serialVersionUID = 1L;

      @Override
      public String getMessage() {
        asked.countDown();
        try {
          await(gate);
        } catch (InterruptedException e) {
          return "interrupted";
        }
        return "slow";
      }
    }

    Slow slow = new Slow();
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0) {
            throw slow;
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).start()) {
      Caller<DeviceBatch> caller = Caller.start(loader::get);
      await(asked);
      check(1, Caller.start(() -> loader.get()).result());
      gate.countDown();
      assertSame(slow, caller.failure(TargetException.class).getCause());
    }
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I3: a target that always fails fills its host slots and then waits to be heard")
  void alwaysFailing(boolean ordered) throws Exception {
    AtomicInteger fills = new AtomicInteger();
    BatchTarget target =
        (out, context) -> {
          throw new IOException("fill " + fills.incrementAndGet());
        };
    BackgroundLoader.Builder builder =
        loader(target).name("failing").workers(2).hostSlots(5).deviceSlots(2);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      for (int told = 0; told < 200; told++) {
        assertTrue(fills.get() <= told + 5, fills + " fills, " + told + " told");
        if (told % 50 == 0) {
          int full = told + 5;
          until("every host slot to hold a failure", () -> fills.get() >= full);
          untilWorkersRest("failing", 2);
          assertEquals(full, fills.get());
        }
        TargetException e = assertThrows(TargetException.class, loader::get);
        if (ordered) {
          assertEquals(told, e.index());
        }
      }
    }
  }

  private static void untilWorkersRest(String loader, int workers) {
    for (int i = 0; i < workers; i++) {
      Thread worker = Threads.worker(loader, i);
      until("a worker to rest", () -> Threads.isWaiting(worker));
    }
  }

  @Test
  @DisplayName(
      "I5: a flag that a target leaves up does not reach the next fill, nor spin the worker")
  void leavesInterruptFlag() throws Exception {
    List<Boolean> flags = new ArrayList<>(); // one worker, and read after the last get
    BatchTarget target =
        (out, context) -> {
          flags.add(Thread.currentThread().isInterrupted());
          Thread.currentThread().interrupt();
          if (context.index() % 2 == 1) {
            throw new InterruptedException();
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).name("flags").start()) {
      for (int i = 0; i < 6; i += 2) {
        check(i, loader.get());
        assertThrows(TargetException.class, loader::get);
      }
      untilWorkersRest("flags", 1);
    }
    assertTrue(flags.size() >= 6 && !flags.contains(true), flags.toString());
  }

  @Test
  @DisplayName("a write past an array fails its batch; the arrays beside it stay whole")
  void writesPastItsArray() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("left", DType.UINT8, 256)
            .variableArray("middle", DType.UINT8, 256)
            .array("right", DType.UINT8, 256)
            .build();
    List<String> refusals = new ArrayList<>(); // of the first fill, read behind its get
    BatchTarget target =
        (out, context) -> {
          for (int i = 0; i < 256; i++) {
            out.array("left").setByte(i, (byte) 1);
            out.array("right").setByte(i, (byte) 3);
          }
          HostArray middle = out.array("middle");
          middle.resize(100);
          middle.set(0, new byte[100], 0, 100);
          if (context.index() == 0) {
            for (Runnable write :
                List.<Runnable>of(
                    () -> middle.setByte(-1, (byte) 9),
                    () -> middle.setByte(100, (byte) 9),
                    () -> middle.set(99, new byte[] {9, 9}, 0, 2),
                    () -> middle.set(-1, new byte[] {9, 9}, 0, 2),
                    () -> middle.set(90, ByteBuffer.wrap(new byte[11])))) {
              refusals.add(assertThrows(IndexOutOfBoundsException.class, write::run).getMessage());
            }
          }
          if (context.index() == 1) {
            out.array("right").setByte(256, (byte) 9);
          }
        };
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start()) {
      try (DeviceBatch batch = loader.get()) {
        assertFilled(batch.array("left"), 256, 1);
        assertFilled(batch.array("middle"), 100, 0);
        assertFilled(batch.array("right"), 256, 3);
      }
      assertEquals(5, refusals.size());
      for (String refusal : refusals) {
        assertTrue(refusal.contains("'middle'") && refusal.contains("100"), refusal);
      }
      TargetException e = assertThrows(TargetException.class, loader::get);
      assertInstanceOf(IndexOutOfBoundsException.class, e.getCause());
      assertSays(e, "'right'");
      try (DeviceBatch batch = loader.get()) {
        assertFilled(batch.array("left"), 256, 1);
      }
    }
  }

  private static void assertFilled(DeviceArray array, int elements, int value) {
    var bytes = TestDevice.bytes(array.buffer());
    assertEquals(elements, bytes.remaining());
    while (bytes.hasRemaining()) {
      assertEquals(value, bytes.get());
    }
  }

  @Test
  @DisplayName("I5: a failure is told to a bounded get too, and takes no device slot")
  void toldWhileSlotsAreHeld() throws Exception {
    CountDownLatch failed = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            failed.countDown();
            throw new IOException("the second");
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).name("held").deviceSlots(2).start();
        DeviceBatch mine = Caller.start(() -> loader.get()).result()) {
      await(failed);
      Caller<DeviceBatch> waiting = Caller.start(() -> loader.get(patience()));
      waiting.failure(TargetException.class);
      check(2, loader.get());
      assertEquals(0, mine.index());
    }
  }
}
