package io.pentrough;

import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.LoaderSnapshot.Slot;
import io.pentrough.LoaderSnapshot.SlotState;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What a snapshot says of a loader whose state the test knows. */
@OnEveryDevice
class LoaderSnapshotTest {

  private final Device device = TestDevice.open();
  private final CountDownLatch gate = new CountDownLatch(1);

  private BackgroundLoader.Builder heldAt(long index) {
    return BackgroundLoader.builder(
        device,
        Numbered.SPEC,
        (out, context) -> {
          if (context.index() == index) {
            await(gate);
          }
          Numbered.fill(out, context);
        });
  }

  private static List<SlotState> states(List<Slot> slots) {
    return slots.stream().map(Slot::state).sorted().toList();
  }

  @Test
  @DisplayName("each slot with its state, batch, age and holder; each worker with what it does")
  void picture() throws Exception {
    SteppedTime time = new SteppedTime();
    try (BackgroundLoader loader =
        heldAt(3)
            .name("pictured")
            .hostSlots(2)
            .deviceSlots(3)
            .warnAfter(Duration.ofDays(1))
            .time(time)
            .start()) {
      DeviceBatch first = loader.get(patience());
      until(
          "two to be ready and one to be filled",
          () ->
              states(loader.snapshot().deviceSlots())
                      .equals(List.of(SlotState.READY, SlotState.READY, SlotState.LEASED))
                  && states(loader.snapshot().hostSlots())
                      .equals(List.of(SlotState.FILLING, SlotState.FREE)));
      time.pass(Duration.ofSeconds(5).toNanos());
      LoaderSnapshot seen = loader.snapshot();
      assertEquals("pictured", seen.loader());
      assertEquals("index 1 of epoch 0", seen.waitingFor());
      Slot leased = one(seen.deviceSlots(), SlotState.LEASED);
      assertEquals(0, leased.index());
      assertEquals(0, leased.epoch());
      assertEquals(first.slot(), leased.number());
      assertEquals(Optional.of(Thread.currentThread().getName()), leased.holder());
      assertTrue(leased.since().toSeconds() >= 5, leased::toString);
      Slot filling = one(seen.hostSlots(), SlotState.FILLING);
      assertEquals(3, filling.index());
      assertEquals(Optional.empty(), filling.holder());
      Slot free = one(seen.hostSlots(), SlotState.FREE);
      assertFalse(free.hasBatch());
      assertEquals(-1, free.index());
      assertEquals(-1, free.epoch());
      assertEquals(1, seen.workers().size());
      LoaderSnapshot.Worker worker = seen.workers().get(0);
      assertEquals(LoaderSnapshot.Activity.FILLING, worker.activity());
      assertEquals(0, worker.number());
      assertEquals(3, worker.index());
      assertEquals(0, worker.epoch());
      assertTrue(worker.thread().startsWith("pentrough-pictured"), worker::thread);
      assertTrue(worker.since().toSeconds() >= 5, worker::toString);
      String text = seen.toString();
      for (String part :
          List.of(
              "pictured: next is index 1 of epoch 0",
              "host slots: 2 = 1 filling, 1 free",
              "device slots: 3 = 2 ready, 1 leased",
              "leases held by {" + Thread.currentThread().getName() + "=1}",
              "worker 0: in the target for index 3 of epoch 0 for 5.")) {
        assertTrue(text.contains(part), () -> part + " is not in\n" + text);
      }
      gate.countDown();
      check(0, first);
      for (int i = 1; i < 5; i++) {
        check(i, loader.get(patience()));
      }
      assertEquals("index 1 of epoch 0", seen.waitingFor(), "it does not change");
    }
  }

  private static Slot one(List<Slot> slots, SlotState state) {
    List<Slot> found = slots.stream().filter(slot -> slot.state() == state).toList();
    assertEquals(1, found.size(), slots::toString);
    return found.get(0);
  }

  @Test
  @DisplayName("of a closed loader: everything is out of use, and the workers have ended")
  void closed() throws Exception {
    gate.countDown();
    BackgroundLoader closed;
    try (BackgroundLoader loader = heldAt(-1).workers(2).start()) {
      check(0, loader.get(patience()));
      closed = loader;
    }
    LoaderSnapshot seen = closed.snapshot();
    assertEquals(
        List.of(SlotState.OUT_OF_USE), states(seen.hostSlots()).stream().distinct().toList());
    assertEquals(
        List.of(SlotState.OUT_OF_USE), states(seen.deviceSlots()).stream().distinct().toList());
    assertTrue(
        seen.workers().stream().allMatch(w -> w.activity() == LoaderSnapshot.Activity.ENDED));
    assertThrows(UnsupportedOperationException.class, () -> seen.hostSlots().clear());
    assertThrows(UnsupportedOperationException.class, () -> seen.deviceSlots().clear());
    assertThrows(UnsupportedOperationException.class, () -> seen.workers().clear());
  }
}
