package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Bench.LateReader;
import io.pentrough.Bench.Numbers;
import io.pentrough.ScriptedDevice.Sabotage;
import io.pentrough.ScriptedDevice.Stream;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The fences between host, copies and kernels, on a device that runs everything too late. */
class FencesTest {

  private final ScriptedDevice device = new ScriptedDevice();

  @Test
  @DisplayName("I1: no worker gets a host slot before its copy has run, as the host sees it")
  void stagingFence() throws Exception {
    Fences.checkStaging(device);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I2: no copy overwrites a device slot before its consumer's queued work has run")
  void deviceFence() throws Exception {
    Fences.checkDevice(device);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I1: no worker gets a mapped slot before its consumer's queued work has run")
  void zeroCopyFence() throws Exception {
    Fences.checkZeroCopy(device);
    assertEquals(List.of(), device.calls("copyToDevice"), "copies");
    assertEquals(List.of(), device.calls("allocate"), "device memory");
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName(
      "I2: a batch got before its copy has run: the stream waits, and so does the next copy")
  void queuedFence() throws Exception {
    Fences.checkQueued(device);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I7: a failed copy frees nothing that the consumer it waited for still uses")
  void failedCopy() throws Exception {
    Fences.checkFailedCopy(device);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I7: memory waits for an early consumer, whose copy was never seen to end")
  void earlyRelease() throws Exception {
    Fences.checkEarlyRelease(device);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I7: a slot whose last release is lost waits for the one before, too")
  void lostRelease() throws Exception {
    Fences.checkLostRelease(device);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I5: getQueued is woken when the copy is queued, which need not run for that")
  void wokenByAQueuedCopy() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    try (BackgroundLoader loader =
        Bench.loader(device.holdNewStreams(), (out, context) -> go.await()).start()) {
      Stream consumer = device.stream("consumer");
      Caller<DeviceBatch> caller =
          Caller.start(() -> loader.getQueued(consumer, Duration.ofHours(1))).untilWaiting();
      go.countDown();
      caller.result().close();
      device.runAll();
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I5: a loop over one epoch that waits ends when its last batch is taken in flight")
  void epochTakenInFlight() throws Exception {
    try (BackgroundLoader loader =
        Bench.loader(device.holdNewStreams(), Bench::write).batchesPerEpoch(1).start()) {
      Caller<Boolean> loop = Caller.start(() -> loader.epoch().iterator().hasNext()).untilWaiting();
      Stream consumer = device.stream("consumer");
      loader.getQueued(consumer, Patience.patience()).close();
      assertFalse(loop.result());
      device.runAll();
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I2: each slot waits for the stream its own lease was for")
  void twoConsumers() throws Exception {
    Stream a = device.heldStream("a");
    Stream b = device.heldStream("b");
    try (BackgroundLoader loader = Bench.loader(device, new Numbers()).deviceSlots(2).start()) {
      DeviceBatch first = Bench.get(loader, a);
      DeviceBatch second = Bench.get(loader, b);
      LateReader readsFirst = Bench.lateReader(device, first);
      LateReader readsSecond = Bench.lateReader(device, second);
      second.close();
      Stream copies = device.newestStream();
      Patience.until("batch 2 is queued behind b", () -> device.copiesGiven(copies) == 3);
      first.close();

      assertTrue(device.step(a));
      assertEquals(0, readsFirst.seen);
      assertTrue(device.step(b));
      assertEquals(1, readsSecond.seen);
      device.runAll();
      for (int i = 2; i < 6; i++) {
        try (DeviceBatch batch = Bench.get(loader, i % 2 == 0 ? a : b)) {
          assertEquals(i, Bench.read(batch));
        }
      }
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName(
      "I2: whatever the stream of a lease, the next copy into its slot waits for it; no get makes an event")
  void everyLeaseIsWaitedFor() throws Exception {
    List<Stream> streams =
        List.of(device.heldStream("a"), device.heldStream("b"), device.heldStream("c"));
    int slots = 2;
    int batches = 24;
    List<LateReader> readers = new ArrayList<>();
    try (BackgroundLoader loader = Bench.loader(device, new Numbers()).deviceSlots(slots).start()) {
      Stream copies = device.newestStream();
      long events = device.live("event");
      try {
        for (int i = 0; i < batches; i++) {
          if (i >= slots) {
            int before = i - slots; // the lease of the slot before
            assertTrue(device.step(streams.get(before % 3)), "its work waits for nothing");
            assertEquals(before, readers.get(before).seen, "what a late kernel reads");
          }
          DeviceBatch batch = Bench.get(loader, streams.get(i % 3));
          readers.add(Bench.lateReader(device, batch));
          int given = i + slots;
          Patience.until("the other slots are taken", () -> device.copiesGiven(copies) >= given);
          batch.close();
          batch.close(); // does nothing
          assertEquals(events, device.live("event"), "events");
        }
      } finally {
        device.runAll();
      }
    }
    assertEquals(batches - 1, readers.get(batches - 1).seen);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("a zero-copy batch lies where the target wrote it, and costs no copy")
  void zeroCopyIsInPlace() throws Exception {
    try (BackgroundLoader loader = Bench.loader(device, new Numbers()).zeroCopy(true).start()) {
      for (int i = 0; i < 20; i++) {
        try (DeviceBatch batch = Bench.get(loader)) {
          assertTrue(batch.array(0).buffer().toString().startsWith("pinned"));
          assertEquals(i, Bench.read(batch));
        }
      }
    }
    assertEquals(List.of(), device.calls("copyToDevice"));
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("a copy does not wait for the last step's kernels while another slot is idle")
  void copiesOverlapKernels() throws Exception {
    List<CountDownLatch> may = List.of(new CountDownLatch(0), new CountDownLatch(1));
    BatchTarget slow =
        (out, context) -> {
          if (context.index() < 2) {
            may.get((int) context.index()).await();
          }
          Bench.write(out, context);
        };
    Stream kernels = device.heldStream("kernels");
    try (BackgroundLoader loader = Bench.loader(device, slow).workers(1).deviceSlots(2).start()) {
      try {
        LateReader reader;
        try (DeviceBatch first = Bench.get(loader, kernels)) {
          reader = Bench.lateReader(device, first);
        }
        may.get(1).countDown(); // the next copy finds both slots free
        try (DeviceBatch second = Bench.get(loader)) {
          assertEquals(1, Bench.read(second));
          assertEquals(-1, reader.seen, "the kernels have not run");
        }
      } finally {
        device.runAll();
      }
    }
    Bench.assertAllGone(device);
  }

  // ---- would the tests see it?

  @ParameterizedTest
  @EnumSource(names = {"ALWAYS_COMPLETE", "MARKED_TOO_EARLY"})
  @DisplayName("the check of I1 finds a missing staging fence")
  void stagingFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkStaging(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @EnumSource(names = {"WAITS_IGNORED", "MARKED_TOO_EARLY", "RELEASES_IGNORED"})
  @DisplayName("the check of I2 finds a missing device fence")
  void deviceFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkDevice(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @EnumSource(names = {"WAITS_IGNORED", "MARKED_TOO_EARLY", "RELEASES_IGNORED"})
  @DisplayName("the check of early batches finds a missing fence")
  void queuedFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkQueued(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @EnumSource(names = {"ALWAYS_COMPLETE", "MARKED_TOO_EARLY", "EARLIER_RELEASE_COMPLETE"})
  @DisplayName("the check of a failed copy finds memory that does not wait for the earlier release")
  void failedCopyFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkFailedCopy(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @EnumSource(names = "LATEST_RELEASE_COMPLETE")
  @DisplayName("the check of an early lease finds memory that does not wait for the latest release")
  void earlyReleaseFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkEarlyRelease(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @EnumSource(names = {"ALWAYS_COMPLETE", "MARKED_TOO_EARLY", "EARLIER_RELEASE_COMPLETE"})
  @DisplayName("the check of a lost release finds memory that does not wait for the one before")
  void lostReleaseFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkLostRelease(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @EnumSource(names = {"ALWAYS_COMPLETE", "MARKED_TOO_EARLY"})
  @DisplayName("the check of I1 finds a missing fence behind a mapped slot")
  void zeroCopyFenceBroken(Sabotage broken) {
    assertThrows(AssertionError.class, () -> Fences.checkZeroCopy(ScriptedDevice.with(broken)));
    Bench.assertNoThreads();
  }

  @Test
  @DisplayName("the device notices memory that is freed in use, freed twice, or used when freed")
  void violations() {
    Stream stream = device.heldStream("s");
    PinnedBuffer source = device.allocatePinned(16);
    DeviceBuffer target = device.allocate(16);
    stream.copyToDevice(source, 0, target, 0, 16);
    source.close();
    target.close();
    target.close();
    assertThrows(IllegalStateException.class, source::unsafeBuffer);
    assertFalse(device.newEvent().toString().isEmpty());

    assertEquals(
        List.of(
            "pinned-0 is closed while queued: a copy from pinned-0 to memory-1",
            "memory-1 is closed while queued: a copy from pinned-0 to memory-1",
            "memory-1 is closed twice",
            "pinned-0 is used after it was closed: unsafeBuffer"),
        device.violations());
    assertEquals(List.of("event-2"), device.live());
  }
}
