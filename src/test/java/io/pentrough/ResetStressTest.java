package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.Patience;
import java.nio.IntBuffer;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The stress that Pentrough's ancestor did not stand: in ELEKTRONN2 a {@code
 * BackgroundProc.reset()} that fell on unread batches let old and new calls of the target write the
 * same memory, and tore 20 to 53 of 400 batches.
 *
 * <p>Here every element of a batch carries the number of the call that wrote it.
 */
@OnEveryDevice
class ResetStressTest {

  private static final int RESETS =
      TestDevice.IS_CUDA ? TestDevice.effort(420) : Exhaustive.count(140, 420);

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("first", DType.INT32, 3_000)
          .array("second", DType.INT32, 1_000)
          .build();

  private final AtomicInteger calls = new AtomicInteger();

  /** The last call that came to its end, by index. */
  private final Map<Long, Integer> finished = new ConcurrentHashMap<>();

  /** Which call made which index. */
  private final AtomicIntegerArray indexOf = new AtomicIntegerArray(200_000);

  /** Calls stop here, half done, as long as it is not null. */
  private volatile @Nullable CountDownLatch gate;

  private final Semaphore halfDone = new Semaphore(0);

  private void fill(HostBatch out, BatchContext context) throws InterruptedException {
    int call = calls.incrementAndGet();
    indexOf.set(call, (int) context.index());
    for (int i = 0; i < SPEC.arrays().size(); i++) {
      HostArray array = out.array(i);
      CountDownLatch closed = gate;
      if (i == 1 && closed != null) {
        halfDone.release();
        closed.await();
      }
      for (int element = 0; element < array.elements(); element++) {
        array.setInt(element, call);
      }
    }
    finished.put(context.index(), call);
    if (context.index() % 11 == 10) {
      throw new IllegalStateException("seeded");
    }
  }

  @ParameterizedTest(name = "{0} workers, ordered: {1}")
  @CsvSource({"1, true", "2, true", "4, true", "1, false", "2, false", "4, false"})
  @DisplayName(
      "I4: resets on unread batches and running calls tear none and let no old one through")
  void resets(int workers, boolean ordered) throws Exception {
    Random random = new Random(workers);
    try (Device host = TestDevice.open();
        SlowDevice device = new SlowDevice(host, workers, true, false);
        DeviceStream stream = device.newStream()) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, SPEC, this::fill)
              .workers(workers)
              .consumerStream(stream);
      if (!ordered) {
        builder.ordered(false);
      }
      try (BackgroundLoader loader = builder.start()) {
        Set<Long> told = new HashSet<>();
        int callsBeforeReset = 0;
        int delivered = 0;
        int interrupts = 0;
        for (int reset = 0; reset < RESETS; reset++) {
          for (int i = random.nextInt(4); i > 0; i--) {
            long index;
            try (DeviceBatch batch = loader.get(patience())) {
              index = batch.index();
              delivered++;
              int call = wholeCall(batch);
              assertEquals(index, indexOf.get(call), "the call made another index");
              assertTrue(call > callsBeforeReset, "call " + call + " is from before the reset");
            } catch (TargetException e) {
              index = e.index();
            }
            assertTrue(told.add(index), "I3: told twice");
            assertTrue(!ordered || index == told.size() - 1, "I3: one is missing");
          }
          awaitUnread(told, callsBeforeReset);
          if (random.nextInt(3) == 0) {
            interrupts++;
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, () -> loader.get(patience()));
          }
          callsBeforeReset = calls.get();
          loader.reset();
          if (reset % 2 == 0) {
            callsBeforeReset = resetOnRunningCall(loader);
          }
        }
        assertTrue(delivered >= RESETS && interrupts > 0, delivered + " batches");
        assertTrue(calls.get() - told.size() >= RESETS, "each reset dropped one at least");
      }
    }
  }

  /** Until a batch was made since the last reset that nobody has read: the next falls on it. */
  private void awaitUnread(Set<Long> told, int callsBeforeReset) {
    Patience.until(
        "the workers run ahead",
        () ->
            finished.entrySet().stream()
                .anyMatch(
                    made -> made.getValue() > callsBeforeReset && !told.contains(made.getKey())));
    finished.keySet().removeAll(told);
  }

  /** Returns how many calls had begun by then. */
  private int resetOnRunningCall(BackgroundLoader loader) throws InterruptedException {
    CountDownLatch closed = new CountDownLatch(1);
    gate = closed;
    loader.reset(); // frees the slots that a call needs to begin
    assertTrue(halfDone.tryAcquire(patience().toSeconds(), SECONDS), "no call begins");
    int callsBefore = calls.get();
    loader.reset();
    gate = null;
    closed.countDown();
    halfDone.drainPermits();
    return callsBefore;
  }

  /** The call that wrote every element of the batch. */
  private static int wholeCall(DeviceBatch batch) {
    int call = TestDevice.bytes(batch.array(0).buffer()).getInt(0);
    for (int i = 0; i < SPEC.arrays().size(); i++) {
      IntBuffer elements = TestDevice.bytes(batch.array(i).buffer()).asIntBuffer();
      while (elements.hasRemaining()) {
        assertEquals(call, elements.get(), "torn: two calls in batch " + batch.index());
      }
    }
    return call;
  }
}
