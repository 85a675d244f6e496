package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Loops over a loader's batches that are left early: nothing is left behind. */
@OnEveryDevice
@ResourceLock("io.pentrough's log")
class LoopTest {

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  @AfterEach
  void untilGivenBack() {
    until("everything to be given back", () -> TestDevice.nothingLive(device));
  }

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).name("loop");
  }

  private void assertNothingToReport() {
    assertEquals(List.of(), log.containing("still in use"));
    TestDevice.assertNothingLive(device);
  }

  @Test
  @DisplayName("a batch kept beyond its step of a loop: that the loop has closed it is said")
  void keptBeyondItsStep() {
    try (BackgroundLoader loader = loader().start()) {
      List<DeviceBatch> kept = new ArrayList<>();
      for (DeviceBatch batch : loader.batches()) {
        kept.add(batch);
        if (batch.index() == 1) {
          batch.close();
          break;
        }
      }
      assertSays(
          assertThrows(IllegalStateException.class, () -> kept.get(0).array(0)),
          "batch 0 is closed",
          "a loop's batch is closed when the loop takes the next one",
          "copy out what you keep");
      assertSays(
          assertThrows(IllegalStateException.class, () -> kept.get(1).array(0)),
          "batch 1 is closed",
          "use it before close()");
    }
    assertNothingToReport();
  }

  @Test
  @DisplayName("break: closing the loader closes the batch of the loop")
  void leftByBreak() {
    for (int i = 0; i < 50; i++) {
      DeviceBatch last = null;
      try (BackgroundLoader loader = loader().start()) {
        for (DeviceBatch batch : loader.batches()) {
          last = batch;
          if (batch.index() == i % 3) {
            break;
          }
        }
      }
      assertNothingToReport();
      DeviceBatch closed = Objects.requireNonNull(last);
      assertThrows(IllegalStateException.class, () -> closed.array(0));
      closed.close(); // harmless
    }
  }

  @Test
  @DisplayName("an exception in the body: the same, and it is the exception that comes out")
  void leftByAnException() {
    ArithmeticException thrown = new ArithmeticException("a loss that is not a number");
    ArithmeticException caught =
        assertThrows(
            ArithmeticException.class,
            () -> {
              try (BackgroundLoader loader = loader().start()) {
                for (DeviceBatch batch : loader.batches()) {
                  if (batch.index() == 2) {
                    throw thrown;
                  }
                }
              }
            });
    assertEquals(thrown, caught);
    assertEquals(0, caught.getSuppressed().length);
    assertNothingToReport();
  }

  @Test
  @DisplayName("iterators that are never finished, one of which has looked ahead")
  void neverFinished() {
    try (BackgroundLoader loader = loader().deviceSlots(3).start()) {
      Iterator<DeviceBatch> first = loader.batches().iterator();
      Iterator<DeviceBatch> second = loader.batches().iterator();
      assertEquals(0, first.next().index());
      assertEquals(1, second.next().index());
      assertEquals(2, loader.batches().iterator().hasNext() ? 2 : -1);
      IllegalStateException full =
          assertThrows(IllegalStateException.class, () -> loader.batches().iterator().next());
      assertTrue(String.valueOf(full.getMessage()).contains("left early"), full::getMessage);
    }
    assertNothingToReport();
  }

  @Test
  @DisplayName("threads that share an iterator do not close each other's batches")
  void sharedIterator() throws Exception {
    try (BackgroundLoader loader = loader().start()) {
      Iterator<DeviceBatch> shared = loader.batches().iterator();
      DeviceBatch mine = shared.next();
      Caller<DeviceBatch> caller = Caller.start(shared::next);
      DeviceBatch other = caller.result();
      assertEquals(List.of(0L, 1L), List.of(mine.index(), other.index()));
      mine.array(0); // still open
      other.array(0);
      Patience.join(caller.thread);
      assertEquals(2, shared.next().index()); // closes mine, and that of the thread that has ended
      assertThrows(IllegalStateException.class, () -> mine.array(0));
      assertThrows(IllegalStateException.class, () -> other.array(0));
    }
    assertNothingToReport();
  }

  @Test
  @DisplayName("what one thread has looked for ahead is given to the one that asks")
  void lookedForByAnother() throws Exception {
    try (BackgroundLoader loader = loader().start()) {
      Iterator<DeviceBatch> shared = loader.batches().iterator();
      Caller<Boolean> ahead = Caller.start(shared::hasNext);
      assertTrue(ahead.result());
      Patience.join(ahead.thread);
      DeviceBatch batch = shared.next();
      assertEquals(0, batch.index());
      assertEquals(1, shared.next().index());
      assertThrows(IllegalStateException.class, () -> batch.array(0));
    }
    assertNothingToReport();
  }

  @Test
  @DisplayName("closing again closes what a loop on that thread still holds")
  void closedAgain() throws Exception {
    BackgroundLoader loader = loader().closeTimeout(Duration.ofMillis(1)).start();
    loader.batches().iterator().next();
    Caller.start(
            () -> {
              loader.close(); // waits for the other thread's batch, and gives up
              return true;
            })
        .result();
    assertFalse(TestDevice.nothingLive(device));
    loader.close();
  }

  @Test
  @DisplayName("the batch of a thread that has ended is closed with the loader")
  void endedThread() throws Exception {
    try (BackgroundLoader loader = loader().start()) {
      Caller<DeviceBatch> looper = Caller.start(() -> loader.batches().iterator().next());
      looper.result();
      Patience.join(looper.thread);
    }
    assertNothingToReport();
  }

  @Test
  @DisplayName("the batch of a living thread is waited for, reported, and given back when it ends")
  void livingThread() throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    CountDownLatch got = new CountDownLatch(1);
    Caller<DeviceBatch> looper;
    try (BackgroundLoader loader = loader().closeTimeout(Duration.ofMillis(1)).start()) {
      looper =
          Caller.start(
              () -> {
                DeviceBatch batch = loader.batches().iterator().next();
                got.countDown();
                Patience.await(closed);
                batch.array(0); // nobody has closed it
                return batch;
              });
      Patience.await(got);
    }
    assertEquals(1, log.containing("leases held by {caller=1}").size());
    assertFalse(TestDevice.nothingLive(device));
    closed.countDown();
    assertEquals(0, looper.result().index());
  }

  @Test
  @DisplayName("a thread that ends while the loader is being closed holds nothing up")
  void threadEndsMeanwhile() throws Exception {
    CountDownLatch closing = new CountDownLatch(1);
    CountDownLatch got = new CountDownLatch(1);
    BackgroundLoader loader = loader().closeTimeout(Duration.ofHours(1)).start();
    Caller.start(
        () -> {
          DeviceBatch batch = loader.batches().iterator().next();
          got.countDown();
          Patience.await(closing);
          return batch;
        });
    Patience.await(got);
    Caller<Boolean> closer =
        Caller.start(
            () -> {
              loader.close();
              return true;
            });
    closer.untilWaiting();
    closing.countDown();
    assertTrue(closer.result());
    assertNothingToReport();
  }
}
