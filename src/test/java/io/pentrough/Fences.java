package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Bench.LateReader;
import io.pentrough.Bench.Numbers;
import io.pentrough.device.DeviceException;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * The checks of the fences, apart from their tests: {@link FencesTest} wants them to pass, and to
 * fail on a device that breaks the fence.
 */
final class Fences {

  /** After so many answers "not yet" the copy thread has gone round with every slot's state. */
  private static final int ROUNDS = 3;

  private Fences() {}

  /** I1: a copy that has not run keeps its host slot from the worker, whatever else is free. */
  static void checkStaging(ScriptedDevice device) throws Exception {
    Numbers target = new Numbers();
    device.holdNewStreams();
    try (BackgroundLoader loader =
        Bench.loader(device, target).hostSlots(1).deviceSlots(3).start()) {
      try {
        ScriptedDevice.Stream copies = device.newestStream();
        for (int i = 0; i < 3; i++) {
          int fills = i + 1;
          Patience.until("the copy is queued", () -> device.queuedOn(copies) > 0);
          assertHeldBack(device, loader, target, fills);
          assertTrue(device.step(copies));
          Patience.until("the slot is filled again", () -> target.fills() == fills + 1);
        }
        for (int i = 0; i < 3; i++) {
          try (DeviceBatch batch = Bench.get(loader)) {
            assertEquals(i, Bench.read(batch));
          }
        }
      } finally {
        device.runAll();
      }
    }
  }

  /** I2: a copy into a slot runs behind what its last consumer has queued. */
  static void checkDevice(ScriptedDevice device) throws Exception {
    ScriptedDevice.Stream consumer = device.heldStream("consumer");
    try (BackgroundLoader loader =
        Bench.loader(device, new Numbers()).deviceSlots(1).consumerStream(consumer).start()) {
      ScriptedDevice.Stream copies = device.newestStream();
      try {
        for (int i = 0; i < 3; i++) {
          DeviceBatch batch = Bench.get(loader);
          LateReader reader = Bench.lateReader(device, batch);
          batch.close();
          int given = i + 2;
          Patience.until("the next copy is queued", () -> device.copiesGiven(copies) >= given);
          assertEquals(1, device.queuedOn(copies), "the overwriting copy is held up");
          assertNothingThere(() -> loader.get(Duration.ZERO));
          assertTrue(device.step(consumer));
          assertEquals(i, reader.seen, "what a late kernel reads");
        }
      } finally {
        device.runAll();
      }
    }
  }

  /**
   * The stream waits for the copy where the caller does not, and the slot is safe all the same:
   * given back before the copy has run, it is written again only behind the consumer's work (I2).
   */
  static void checkQueued(ScriptedDevice device) throws Exception {
    ScriptedDevice.Stream consumer = device.heldStream("consumer");
    device.holdNewStreams();
    try (BackgroundLoader loader =
        Bench.loader(device, new Numbers()).deviceSlots(2).consumerStream(consumer).start()) {
      ScriptedDevice.Stream copies = device.newestStream();
      try {
        for (int i = 0; i < 6; i += 2) {
          LateReader[] readers = new LateReader[2];
          for (int j = 0; j < 2; j++) {
            DeviceBatch batch = loader.getQueued(consumer, patience());
            readers[j] = Bench.lateReader(device, batch);
            batch.close();
          }
          assertNothingThere(() -> loader.getQueued(consumer, Duration.ZERO));
          assertFalse(device.step(consumer), "a kernel runs before the copy it waits for");
          assertTrue(device.step(copies));
          assertTrue(device.step(copies));
          Patience.until("the next copy is queued", () -> device.queuedOn(copies) > 0);
          assertFalse(device.step(copies), "a copy runs before the kernels that read its target");
          for (int j = 0; j < 2; j++) {
            assertTrue(device.step(consumer));
            assertEquals(i + j, readers[j].seen, "what a late kernel reads");
          }
        }
      } finally {
        device.runAll();
      }
    }
  }

  /**
   * I7: a copy that waits for one consumer's work has failed, and so has the work of the next
   * consumer, who took that batch early: the first one's work still uses the memory.
   */
  static void checkFailedCopy(ScriptedDevice device) throws Exception {
    ScriptedDevice.Stream first = device.heldStream("first");
    ScriptedDevice.Stream second = device.stream("second");
    LateReader reader;
    BackgroundLoader loader =
        Bench.loader(device.holdNewStreams(), new Numbers())
            .deviceSlots(2)
            .closeTimeout(Duration.ZERO)
            .start();
    try {
      ScriptedDevice.Stream copies = device.newestStream();
      Patience.until("the first copies are queued", () -> device.queuedOn(copies) == 2);
      assertTrue(device.step(copies));
      DeviceBatch batch = Bench.get(loader, first);
      reader = Bench.lateReader(device, batch);
      batch.close();
      Patience.until("the next copy is queued", () -> device.queuedOn(copies) == 2);
      loader.getQueued(second, patience()).close();
      loader.getQueued(second, patience()).close(); // behind the work on the first stream
      device.failNextCopyWhenItRuns(new DeviceException("misaligned address"));
      assertTrue(device.step(copies));
    } finally {
      loader.close();
    }
    assertStillUsable(device, first, reader);
  }

  /**
   * I7: the loader broke before it saw a copy end, which had nothing to wait for; the consumer who
   * took that batch early, and has closed it, still works on it.
   */
  static void checkEarlyRelease(ScriptedDevice device) throws Exception {
    ScriptedDevice.Stream consumer = device.heldStream("consumer");
    LateReader reader;
    BackgroundLoader loader =
        Bench.loader(device.holdNewStreams(), new Numbers())
            .deviceSlots(1)
            .closeTimeout(Duration.ZERO)
            .start();
    try {
      ScriptedDevice.Stream copies = device.newestStream();
      DeviceBatch batch = loader.getQueued(consumer, patience());
      reader = Bench.lateReader(device, batch);
      batch.close();
      device.on(
          "isComplete",
          1,
          () -> {
            throw new DeviceException("no answer");
          });
      Patience.until("the copy thread has broken down", () -> isBroken(loader));
      assertTrue(device.step(copies));
    } finally {
      loader.close();
    }
    assertStillUsable(device, consumer, reader);
  }

  /**
   * I7: the work of the last consumer is known to be over, as its stream has failed; but the copy
   * it came with waits for another consumer's work, which is not.
   */
  static void checkLostRelease(ScriptedDevice device) throws Exception {
    ScriptedDevice.Stream first = device.heldStream("first");
    ScriptedDevice.Stream second = device.stream("second");
    LateReader reader;
    BackgroundLoader loader =
        Bench.loader(device.holdNewStreams(), new Numbers())
            .deviceSlots(2)
            .closeTimeout(Duration.ZERO)
            .start();
    try {
      ScriptedDevice.Stream copies = device.newestStream();
      Patience.until("the first copies are queued", () -> device.queuedOn(copies) == 2);
      assertTrue(device.step(copies));
      DeviceBatch batch = Bench.get(loader, first);
      reader = Bench.lateReader(device, batch);
      batch.close();
      Patience.until("the next copy is queued", () -> device.queuedOn(copies) == 2);
      loader.getQueued(second, patience()).close();
      DeviceBatch lost = loader.getQueued(second, patience());
      device.on(
          "record on second",
          1,
          () -> {
            throw new DeviceException("no mark");
          });
      assertThrows(DeviceException.class, lost::close);
      device.failNextCopyWhenItRuns(new DeviceException("misaligned address"));
      assertTrue(device.step(copies));
    } finally {
      loader.close();
    }
    assertStillUsable(device, first, reader);
  }

  /** The closed loader has kept batch 0 for the kernel that reads it; lets all run then. */
  private static void assertStillUsable(
      ScriptedDevice device, ScriptedDevice.Stream consumer, LateReader reader) {
    try {
      untilAwaited(device);
      assertTrue(device.step(consumer), "the memory is freed, and its kernel gone with it");
      assertEquals(0, reader.seen, "what a late kernel reads");
      assertEquals(List.of(), device.violations());
    } finally {
      device.runAll();
    }
  }

  /** Until the loader waits for the consumer's work; or has ended, as no other work is left. */
  private static void untilAwaited(ScriptedDevice device) {
    int before = device.pendingAnswers();
    Patience.until(
        "the loader waits for the consumer's work",
        () ->
            device.pendingAnswers() >= before + ROUNDS
                || Bench.threads().isEmpty()
                || device.synchronizing() > 0);
  }

  private static boolean isBroken(BackgroundLoader loader) {
    try {
      loader.reset();
      return false;
    } catch (DeviceException e) {
      return true;
    }
  }

  /** I1 where there is no copy: the host writes a slot only behind the consumer's work. */
  static void checkZeroCopy(ScriptedDevice device) throws Exception {
    ScriptedDevice.Stream consumer = device.heldStream("consumer");
    Numbers target = new Numbers();
    try (BackgroundLoader loader =
        Bench.loader(device, target)
            .hostSlots(1)
            .deviceSlots(1)
            .zeroCopy(true)
            .consumerStream(consumer)
            .start()) {
      try {
        LateReader[] readers = new LateReader[2];
        for (int i = 0; i < 2; i++) {
          DeviceBatch batch = Bench.get(loader);
          readers[i] = Bench.lateReader(device, batch);
          batch.close();
        }
        for (int i = 0; i < 2; i++) {
          int fills = 2 + i;
          assertHeldBack(device, loader, target, fills);
          assertTrue(device.step(consumer));
          assertEquals(i, readers[i].seen, "what a late kernel reads");
          Patience.until("the slot is filled again", () -> target.fills() == fills + 1);
        }
      } finally {
        device.runAll();
      }
    }
  }

  /** Gives back what should not be there: an open lease would keep the loader's threads. */
  private static void assertNothingThere(Callable<DeviceBatch> get) throws Exception {
    try (DeviceBatch batch = get.call()) {
      throw new AssertionError(batch + " is there already");
    } catch (BatchTimeoutException e) {
      // As it should be.
    }
  }

  private static void assertHeldBack(
      ScriptedDevice device, BackgroundLoader loader, Numbers target, int fills) {
    int before = device.pendingAnswers();
    Patience.until(
        "the host has asked for the event in vain",
        () ->
            target.fills() > fills
                || (device.pendingAnswers() >= before + ROUNDS && Bench.workersWait(loader)));
    assertEquals(fills, target.fills(), "batches filled while no slot is free");
  }
}
