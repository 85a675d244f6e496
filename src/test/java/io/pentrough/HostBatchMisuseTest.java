package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A target's {@link HostBatch} in the wrong hands, or at the wrong time: found, and harmless. */
@OnEveryDevice
class HostBatchMisuseTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target);
  }

  @Test
  @DisplayName("another thread may not use it during the fill, but through shared() it may")
  void anotherThread() throws Exception {
    BatchTarget target =
        (out, context) -> {
          Numbered.fill(out, context);
          HostArray mine = out.array(0);
          IllegalStateException batchRefused =
              Caller.start(() -> out.array(0)).failure(IllegalStateException.class);
          IllegalStateException arrayRefused =
              Caller.start(() -> setLong(mine, 99)).failure(IllegalStateException.class);
          IllegalStateException shareRefused =
              Caller.start(out::concurrentView).failure(IllegalStateException.class);
          assertSays(
              arrayRefused,
              "'number'",
              "thread caller",
              Thread.currentThread().getName(),
              "HostBatch.concurrentView()");
          assertSays(batchRefused, "thread caller");
          assertSays(shareRefused, "thread caller");
          if (context.index() == 1) {
            HostBatch shared = out.concurrentView();
            Caller.start(() -> setLong(shared.array(0), 77)).result();
          }
        };
    try (BackgroundLoader loader = loader(target).start()) {
      check(0, loader.get());
      try (DeviceBatch batch = loader.get()) {
        assertEquals(77, Numbered.number(batch));
      }
    }
  }

  private static boolean setLong(HostArray array, long value) {
    array.setLong(0, value);
    return true;
  }

  @Test
  @DisplayName("the worker itself may not use the batch of an earlier fill")
  void betweenFills() throws Exception {
    List<HostBatch> batches = new ArrayList<>(); // one worker
    BatchTarget target =
        (out, context) -> {
          Numbered.fill(out, context);
          batches.add(out);
          if (context.index() == 2) {
            // The only device slot is leased, so batch 1 lies filled in the other host slot.
            HostBatch earlier = batches.get(1);
            assertNotSame(out, earlier);
            earlier.array(0).setLong(0, 99);
          }
        };
    try (BackgroundLoader loader = loader(target).hostSlots(2).deviceSlots(1).start()) {
      DeviceBatch first = loader.get();
      Patience.until("the second fill", () -> loader.stats().fillTime().count() >= 2);
      check(0, first);
      check(1, loader.get()); // not 99
      TargetException e = assertThrows(TargetException.class, loader::get);
      assertSays(e, "between fills");
      check(3, loader.get());
    }
  }

  @Test
  @DisplayName("a thread that outlives its fill is found, also while a later fill has the slot")
  void outlivesItsFill() throws Exception {
    AtomicReference<HostArray> kept = new AtomicReference<>();
    AtomicReference<HostBatch> shared = new AtomicReference<>();
    CountDownLatch third = new CountDownLatch(1);
    CountDownLatch tried = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          Numbered.fill(out, context);
          if (context.index() == 0) {
            kept.set(out.array(0));
            shared.set(out.concurrentView());
          } else if (context.index() == 2) {
            third.countDown(); // one host slot: this fill has the slot of the first
            await(tried);
          }
        };
    try (BackgroundLoader loader = loader(target).hostSlots(1).start()) {
      check(0, loader.get());
      check(1, loader.get());
      await(third);
      HostBatch view = Objects.requireNonNull(shared.get());
      IllegalStateException e = assertThrows(IllegalStateException.class, () -> view.array(0));
      assertSays(e, "whose fill has returned");
      HostArray array = Objects.requireNonNull(kept.get());
      assertThrows(IllegalStateException.class, () -> array.setLong(0, 99));
      assertThrows(IllegalStateException.class, array::unsafeBuffer);
      tried.countDown();
      check(2, loader.get());
    }
    assertThrows(IllegalStateException.class, () -> Objects.requireNonNull(kept.get()).getLong(0));
  }

  @Test
  @DisplayName("I8: a target may fill its batch from threads of its own, done before it returns")
  void ownThreads() throws Exception {
    int rows = 6;
    BatchSpec spec = BatchSpec.builder().array("rows", DType.INT64, rows, 100).build();
    BatchTarget target =
        (out, context) -> {
          HostBatch shared = out.concurrentView();
          long index = context.index();
          List<Caller<Integer>> helpers = new ArrayList<>();
          for (int row = 0; row < rows; row++) {
            int from = row * 100;
            helpers.add(
                Caller.start(
                    () -> {
                      HostArray array = shared.array("rows");
                      for (int i = from; i < from + 100; i++) {
                        array.setLong(i, index * 1000 + i);
                      }
                      return from;
                    }));
          }
          for (Caller<Integer> helper : helpers) {
            helper.result();
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, target).workers(2).start()) {
      for (int b = 0; b < 20; b++) {
        try (DeviceBatch batch = loader.get()) {
          var numbers = TestDevice.bytes(batch.array(0).buffer()).asLongBuffer();
          for (int i = 0; i < rows * 100; i++) {
            assertEquals(b * 1000L + i, numbers.get(i));
          }
        }
      }
    }
  }
}
