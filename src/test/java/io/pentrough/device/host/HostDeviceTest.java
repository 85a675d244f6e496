package io.pentrough.device.host;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Collected;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceHeapContract;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestDevice.Gate;
import io.pentrough.testkit.Threads;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The contract on the host, and what only the host promises. */
class HostDeviceTest extends DeviceHeapContract {

  @Override
  protected Device openDevice() {
    return HostDevice.open();
  }

  @Override
  protected Gate queueGate(DeviceStream stream) {
    return TestDevice.gate(stream);
  }

  @Override
  protected void increment(DeviceStream stream, DeviceBuffer buffer) {
    HostBuffer own = (HostBuffer) buffer;
    HostDevice.launch(
        stream,
        () -> {
          ByteBuffer bytes = own.memory().bytes();
          for (int i = own.start(); i < own.start() + own.bytes(); i++) {
            bytes.put(i, (byte) (bytes.get(i) + 1));
          }
        });
  }

  @Override
  protected void settle(DeviceStream stream) {
    Thread thread = threadOf(stream);
    if (thread != null) {
      awaitWaiting(thread);
    }
  }

  @Override
  protected boolean nothingLive(Device device) {
    return live(device).equals(HostDevice.Usage.NONE);
  }

  private static HostDevice.Usage live(Device device) {
    return ((HostDevice) device).liveResources();
  }

  private static @Nullable Thread threadOf(DeviceStream stream) {
    return Threads.of("host-").stream()
        .filter(thread -> thread.getName().equals(stream.toString()))
        .findAny()
        .orElse(null);
  }

  private static Thread threadThatRuns(DeviceStream stream) {
    CompletableFuture<Thread> thread = new CompletableFuture<>();
    HostDevice.launch(stream, () -> thread.complete(Thread.currentThread()));
    return thread.join();
  }

  // Streams and events

  @Test
  void onAnIdleStreamAMarkIsCompleteAtOnceWithoutAThread() {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    stream.record(event);
    assertTrue(event.isComplete());
    event.synchronize();
    stream.waitFor(event);
    stream().waitFor(event);
    stream.synchronize();
    assertNull(threadOf(stream));

    HostDevice.launch(stream, () -> {});
    stream.synchronize();
    stream.record(event);
    assertTrue(event.isComplete());
  }

  @Test
  void aStreamHasADaemonThreadOfItsOwnWhichEndsWithIt() throws Exception {
    DeviceStream stream = stream();
    Thread thread = threadThatRuns(stream);
    assertTrue(thread.isDaemon());
    assertTrue(thread.getName().startsWith("pentrough-host-stream-"), thread.getName());
    stream.close();
    thread.join(); // would not return
  }

  @Test
  void theDefaultStreamsThreadEndsWithTheDeviceAndComesBackForMore() throws Exception {
    DeviceStream stream = device.defaultStream();
    Thread thread = threadThatRuns(stream);
    device.close();
    thread.join(); // would not return
    threadThatRuns(stream).join();
  }

  @Test
  void theQueueKeepsItsOrderAsItGrows() {
    DeviceStream stream = stream();
    List<Integer> ran = new ArrayList<>();
    List<Integer> expected = IntStream.range(0, 1000).boxed().toList();
    for (int i = 0; i < 20; i++) { // so that the queue begins in the middle of the ring
      HostDevice.launch(stream, () -> {});
    }
    stream.synchronize();
    Gate gate = hold(stream);
    for (Integer i : expected) {
      HostDevice.launch(stream, () -> ran.add(i));
    }
    gate.open();
    stream.synchronize();
    assertEquals(expected, ran);
  }

  @Test
  void launchedWorkAllocatesNoHeap() {
    DeviceStream stream = stream();
    AtomicInteger ran = new AtomicInteger();
    Runnable work = ran::incrementAndGet;
    int rounds = 10_000;
    long bytes =
        allocatedBy(
            () -> {
              ran.set(0);
              for (int i = 0; i < rounds; i++) {
                HostDevice.launch(stream, work);
                HostDevice.launch(stream, work);
                stream.synchronize();
              }
            });
    assertEquals(2 * rounds, ran.get());
    assertTrue(bytes < rounds, bytes + " bytes in " + rounds + " rounds");
  }

  @Test
  void workThatWaitsForItsOwnStreamIsTold() {
    DeviceStream stream = stream();
    HostDevice.launch(stream, stream::synchronize);
    DeviceException e = assertThrows(DeviceException.class, stream::synchronize);
    assertTrue(String.valueOf(e.getMessage()).contains("waits for its own stream"), e::toString);
  }

  @Test
  void workThatInterruptsItsThreadDoesNoHarm() {
    DeviceStream stream = stream();
    DeviceStream other = stream();
    DeviceEvent event = event();
    Gate gate = hold(other);
    other.record(event);
    HostDevice.launch(stream, () -> Thread.currentThread().interrupt());
    stream.waitFor(event);
    AtomicBoolean ran = new AtomicBoolean();
    HostDevice.launch(stream, () -> ran.set(true));
    settle(stream);
    gate.open();
    stream.synchronize();
    assertTrue(ran.get());
  }

  // Failures

  @Test
  void aFailureStopsTheStreamAndTellsTheMarksBehindIt() throws Exception {
    DeviceStream stream = stream();
    DeviceEvent before = event();
    DeviceEvent behind = event();
    DeviceEvent later = event();
    AtomicBoolean ran = new AtomicBoolean();
    Error original = new StackOverflowError("too deep");
    Gate gate = hold(stream);
    stream.record(before);
    HostDevice.launch(
        stream,
        () -> {
          throw original;
        });
    HostDevice.launch(stream, () -> ran.set(true));
    stream.record(behind);
    Thread thread = threadOf(stream);
    gate.open();

    before.synchronize();
    for (Executable wait :
        List.<Executable>of(
            behind::synchronize,
            behind::isComplete,
            stream::synchronize,
            () -> stream.read(buffer(1), ByteBuffer.allocate(1)))) {
      DeviceException e = assertThrows(DeviceException.class, wait);
      assertSame(original, e.getCause());
      assertTrue(String.valueOf(e.getMessage()).contains(stream.toString()), e::toString);
      assertTrue(String.valueOf(e.getMessage()).contains("too deep"), e::toString);
    }
    behind.park(Long.MAX_VALUE); // nothing to wait for, and never throws
    HostDevice.launch(stream, () -> ran.set(true));
    stream.record(later);
    assertSame(original, assertThrows(DeviceException.class, later::isComplete).getCause());
    assertTrue(before.isComplete());
    assertFalse(ran.get());
    if (thread != null) {
      thread.join();
    }
  }

  @Test
  void aFailureReachesStreamsThatWaitForItAndNoOthers() {
    DeviceStream first = stream();
    DeviceStream second = stream();
    DeviceStream third = stream();
    DeviceStream bystander = stream();
    DeviceEvent beforeIt = event();
    DeviceEvent behindFirst = event();
    DeviceEvent behindSecond = event();
    AtomicBoolean ran = new AtomicBoolean();
    RuntimeException original = new IllegalStateException("boom");
    Gate gate = hold(first);
    first.record(beforeIt);
    HostDevice.launch(
        first,
        () -> {
          throw original;
        });
    first.record(behindFirst);
    bystander.waitFor(beforeIt);
    second.waitFor(behindFirst);
    second.record(behindSecond);
    third.waitFor(behindSecond);
    HostDevice.launch(third, () -> ran.set(true));
    settle(third);
    gate.open();

    DeviceException e = assertThrows(DeviceException.class, third::synchronize);
    assertSame(original, e.getCause());
    String message = String.valueOf(e.getMessage());
    for (DeviceStream stream : List.of(first, second, third)) {
      assertTrue(message.contains(stream.toString()), message);
    }
    assertFalse(ran.get());
    bystander.synchronize();

    bystander.waitFor(behindFirst); // a mark that has failed already
    assertThrows(DeviceException.class, bystander::synchronize);
  }

  @Test
  void aFailureWakesParkedThreads() throws Exception {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    Gate gate = hold(stream);
    HostDevice.launch(
        stream,
        () -> {
          throw new IllegalStateException("boom");
        });
    stream.record(event);
    Thread thread =
        new Thread(
            () -> {
              boolean pending = true;
              while (pending) {
                event.park(Long.MAX_VALUE);
                try {
                  pending = !event.isComplete();
                } catch (DeviceException e) {
                  pending = false;
                }
              }
            });
    thread.start();
    awaitWaiting(thread);
    gate.open();
    thread.join(); // would not return
  }

  @Test
  void aBufferClosedUnderAQueuedCopyFailsTheStream() {
    DeviceStream stream = stream();
    PinnedBuffer source = pinned(1, 2, 3);
    DeviceBuffer target = buffer(3);
    Gate gate = hold(stream);
    stream.copyToDevice(source, 0, target, 0, 3);
    target.close();
    gate.open();
    String message = messageOf(DeviceException.class, stream::synchronize);
    assertTrue(
        message.contains("target was closed while a queued copy of 3 bytes still needed it"),
        message);
  }

  @Test
  void aBufferClosedUnderQueuedZerosFailsTheStream() {
    DeviceStream stream = stream();
    DeviceBuffer target = buffer(3);
    Gate gate = hold(stream);
    stream.fillZero(target, 1, 2);
    target.close();
    gate.open();
    String message = messageOf(DeviceException.class, stream::synchronize);
    assertTrue(
        message.contains("closed while 2 bytes of it were queued to be filled with zeros"),
        message);
  }

  // Memory

  @Test
  void bytesShowsABufferReadOnlyAndAsksItsGuard() {
    DeviceStream stream = stream();
    DeviceBuffer buffer = buffer(4);
    stream.copyToDevice(pinned(1, 2, 3, 4), 0, buffer, 0, 4);
    stream.synchronize();
    AtomicBoolean over = new AtomicBoolean();
    DeviceBuffer slice =
        buffer.slice(
            1,
            2,
            () -> {
              if (over.get()) {
                throw new IllegalStateException("over");
              }
            });
    ByteBuffer view = HostDevice.bytes(slice);
    assertTrue(view.isReadOnly());
    assertEquals(ByteOrder.nativeOrder(), view.order());
    byte[] seen = new byte[view.remaining()];
    view.get(seen);
    assertArrayEquals(bytes(2, 3), seen);
    over.set(true);
    assertEquals("over", messageOf(IllegalStateException.class, () -> HostDevice.bytes(slice)));
    buffer.close();
    assertThrows(IllegalStateException.class, () -> HostDevice.bytes(buffer));
  }

  @Test
  void memoryThatIsNotThereIsExplained() {
    OutOfMemoryError original = new OutOfMemoryError("Cannot reserve");
    AtomicBoolean exhausted = new AtomicBoolean();
    HostDevice small =
        new HostDevice(
            "",
            bytes -> {
              if (exhausted.get()) {
                throw original;
              }
              return ByteBuffer.allocateDirect(bytes);
            });
    PinnedBuffer held = small.allocatePinned(1000);
    exhausted.set(true);
    for (Executable allocate :
        List.<Executable>of(() -> small.allocatePinned(77_777), () -> small.allocate(77_777))) {
      DeviceException e = assertThrows(DeviceException.class, allocate);
      assertSame(original, e.getCause());
      assertEquals(
          "host: no direct memory for 77777 bytes: this device holds 1000 bytes in 1 buffers;"
              + " allow more with -XX:MaxDirectMemorySize, or ask for less",
          e.getMessage());
    }
    held.close();
    assertTrue(nothingLive(small));
  }

  @Test
  void aDeviceBufferHoldsAtMostWhatAByteBufferCan() {
    HostDevice device = new HostDevice("", bytes -> ByteBuffer.allocateDirect(1));
    String message =
        messageOf(IllegalArgumentException.class, () -> device.allocate(2_147_483_393L));
    assertTrue(message.contains("1 to 2147483392 bytes, not 2147483393"), message);
  }

  /** A device that adds to the list what memory it makes, on the thread that asks for it. */
  static HostDevice remembering(List<WeakReference<ByteBuffer>> made) {
    return new HostDevice(
        "",
        bytes -> {
          ByteBuffer buffer = ByteBuffer.allocateDirect(bytes);
          made.add(new WeakReference<>(buffer));
          return buffer;
        });
  }

  @Test
  void closedMemoryIsCollectedEvenIfTheBufferIsKept() {
    List<WeakReference<ByteBuffer>> made = new ArrayList<>();
    HostDevice device = remembering(made);
    DeviceBuffer buffer = device.allocate(1);
    DeviceBuffer slice = buffer.slice(0, 1, () -> {});
    buffer.close();
    assertEquals(1, made.size());
    Collected.await(made);
    assertThrows(IllegalStateException.class, () -> HostDevice.bytes(slice));
  }

  @Test
  void liveResourcesCountsWhatIsHandedOut() {
    PinnedBuffer pinned = device.allocatePinned(100);
    DeviceBuffer buffer = device.allocate(1000);
    DeviceStream stream = device.newStream();
    DeviceEvent event = device.newEvent();
    DeviceEvent another = device.newEvent();
    device.map(pinned).close();
    buffer.slice(0, 1, () -> {}).close();
    device.defaultStream().close();
    assertEquals(new HostDevice.Usage(2, 1100, 1, 2, 0), live(device));
    pinned.close();
    pinned.close();
    assertEquals(new HostDevice.Usage(1, 1000, 1, 2, 0), live(device));
    event.close();
    event.close();
    assertEquals(new HostDevice.Usage(1, 1000, 1, 1, 0), live(device));
    stream.close();
    stream.close();
    assertEquals(new HostDevice.Usage(1, 1000, 0, 1, 0), live(device));
    another.close();
    buffer.close();
    assertTrue(nothingLive(device));
  }

  @Test
  void theDescriptionSaysWhyThereIsNothingBetter() {
    assertEquals("host", device.name());
    assertEquals("host", device.description());
    try (Device second = new HostDeviceProvider().open("no CUDA: no driver")) {
      assertEquals("host (no CUDA: no driver)", second.description());
    }
  }
}
