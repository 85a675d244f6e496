package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.TestDevice.Gate;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/**
 * What every {@link Device} must do. An implementation joins by extending this class; the hooks are
 * what the interface leaves to it. What a device may allocate on the Java heap is in {@link
 * DeviceHeapContract}.
 *
 * <p>After each test everything it made is closed, and nothing may be left alive.
 */
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
public abstract class DeviceContract {

  static final long AN_HOUR = TimeUnit.HOURS.toNanos(1);

  @SuppressWarnings("UnnecessaryLambda") // no guard, by a name
  static final Runnable OPEN = () -> {};

  private final Deque<Runnable> cleanUp = new ConcurrentLinkedDeque<>(); // fuzz adds from threads
  private final Queue<Gate> gates = new ConcurrentLinkedQueue<>(); // fuzz adds from threads
  protected Device device;

  /** Opens a device of its own for a test. */
  protected abstract Device openDevice();

  /** Queues work that holds up the stream until the gate is opened. */
  protected abstract Gate queueGate(DeviceStream stream);

  /** Queues a kernel that adds 1 to each byte. */
  protected abstract void increment(DeviceStream stream, DeviceBuffer buffer);

  /**
   * Whether the host may look at pinned memory that a queued copy is going to write: what it sees
   * is undefined on a GPU.
   */
  protected boolean mayLookTooEarly() {
    return true;
  }

  /** Less work for devices that take their time over it. */
  protected int effort(int usual) {
    return usual;
  }

  /** Returns when the stream cannot go on by itself: it is idle, held up, or waits for another. */
  protected abstract void settle(DeviceStream stream);

  /** Whether everything the device handed out has come back. */
  protected abstract boolean nothingLive(Device device);

  @BeforeEach
  void open() {
    device = openDevice();
  }

  @AfterEach
  void closeEverything() {
    gates.forEach(Gate::open);
    gates.forEach(Gate::close);
    cleanUp.forEach(Runnable::run);
    device.close();
    assertTrue(nothingLive(device), "something is left alive");
  }

  @Test
  void closedBeforeWhatItHasHandedOutItSaysSoOnceAndAllOfThatGoesOn() {
    String early = "was closed before what it has handed out";
    try (LogCapture log = new LogCapture()) {
      DeviceBuffer buffer = device.allocate(8);
      device.close();
      device.close();
      assertEquals(1, log.containing(early).size());
      device.defaultStream().read(buffer, ByteBuffer.allocate(8));
      buffer.close();
      Device other = openDevice();
      other.allocate(8).close();
      other.close();
      assertEquals(1, log.containing(early).size(), "closed in the right order");
    }
  }

  /**
   * Holds up a stream. From then on nothing is allocated, loaded or freed before the gate is open:
   * a driver may wait for the held stream.
   */
  protected final Gate hold(DeviceStream stream) {
    Gate gate = queueGate(stream);
    gates.add(gate);
    return gate;
  }

  /** Runs when the gates are open, before what was made earlier is closed. */
  protected final void atTheEnd(Runnable action) {
    cleanUp.push(action);
  }

  /** Spins until a thread waits in a device's synchronise; the test's timeout bounds it. */
  protected void awaitHeldUp(Thread thread) {
    awaitWaiting(thread);
  }

  protected final DeviceStream stream() {
    DeviceStream made = device.newStream();
    cleanUp.push(made::close);
    return made;
  }

  protected final DeviceEvent event() {
    DeviceEvent made = device.newEvent();
    cleanUp.push(made::close);
    return made;
  }

  protected final DeviceBuffer buffer(long bytes) {
    DeviceBuffer made = device.allocate(bytes);
    cleanUp.push(made::close);
    return made;
  }

  protected final PinnedBuffer pinned(int... bytes) {
    PinnedBuffer made = device.allocatePinned(bytes.length);
    cleanUp.push(made::close);
    ByteBuffer content = made.unsafeBuffer();
    for (int b : bytes) {
      content.put((byte) b);
    }
    return made;
  }

  protected static byte[] content(PinnedBuffer pinned) {
    byte[] bytes = new byte[(int) pinned.bytes()];
    pinned.unsafeBuffer().get(bytes);
    return bytes;
  }

  protected final byte[] content(DeviceBuffer buffer) {
    DeviceStream reader = stream();
    ByteBuffer bytes = ByteBuffer.allocate((int) buffer.bytes());
    reader.read(buffer, bytes);
    return bytes.array();
  }

  protected static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  protected static <X extends Throwable> String messageOf(Class<X> type, Executable misuse) {
    return String.valueOf(assertThrows(type, misuse).getMessage());
  }

  /** Until a thread is parked or waiting. */
  protected static void awaitWaiting(Thread thread) {
    Threads.untilWaiting(thread);
  }

  // Streams

  @Test
  void operationsReturnBeforeTheyRunAndRunInOrder() {
    DeviceStream stream = stream();
    DeviceEvent done = event();
    PinnedBuffer source = pinned(1, 2, 3, 4);
    PinnedBuffer target = pinned(0, 0, 0, 0, 9);
    DeviceBuffer buffer = buffer(16);

    Gate gate = hold(stream);
    stream.copyToDevice(source, 1, buffer, 8, 3);
    increment(stream, buffer.slice(8, 3, OPEN));
    stream.copyToHost(buffer, 8, target, 1, 3);
    stream.record(done);
    settle(stream);
    assertFalse(done.isComplete());
    if (mayLookTooEarly()) {
      assertArrayEquals(bytes(0, 0, 0, 0, 9), content(target));
    }

    gate.open();
    done.synchronize();
    assertTrue(done.isComplete());
    assertArrayEquals(bytes(0, 3, 4, 5, 9), content(target));
  }

  @Test
  void zerosAreWrittenInOrderAndNowhereElse() {
    DeviceStream stream = stream();
    int count = 20_000;
    int[] ones = new int[count];
    Arrays.fill(ones, 1);
    DeviceBuffer buffer = buffer(count);
    stream.copyToDevice(pinned(ones), 0, buffer, 0, count);
    Gate gate = hold(stream);
    increment(stream, buffer);
    stream.fillZero(buffer.slice(1, count - 1, OPEN), 2, count - 4);
    increment(stream, buffer);
    gate.open();
    stream.synchronize();
    byte[] expected = new byte[count];
    Arrays.fill(expected, (byte) 1);
    for (int i : new int[] {0, 1, 2, count - 1}) {
      expected[i] = 3;
    }
    assertArrayEquals(expected, content(buffer));
  }

  @Test
  void streamsDoNotWaitForEachOther() {
    DeviceStream held = stream();
    DeviceStream free = stream();
    DeviceBuffer buffer = buffer(1);
    hold(held);
    increment(free, buffer);
    free.synchronize(); // would not return
  }

  @Test
  void manyOperationsMayBeQueued() {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    DeviceBuffer buffer = buffer(4);
    stream.copyToDevice(pinned(0, 1, 2, 3), 0, buffer, 0, 4);
    Gate gate = hold(stream);
    for (int i = 0; i < 515; i++) { // a GPU takes about a thousand, and increment() may be three
      if (i % 172 == 0) {
        increment(stream, buffer);
      } else {
        stream.record(event);
      }
    }
    gate.open();
    stream.synchronize();
    assertArrayEquals(bytes(3, 4, 5, 6), content(buffer));
  }

  @Test
  void theDefaultStreamIsOneAndCannotBeClosed() {
    DeviceStream stream = device.defaultStream();
    stream.close();
    assertSame(stream, device.defaultStream());
    DeviceBuffer buffer = buffer(1);
    stream.copyToDevice(pinned(7), 0, buffer, 0, 1);
    stream.synchronize();
    assertArrayEquals(bytes(7), content(buffer));
    PinnedBuffer pinned = pinned(8);
    device.close();
    stream.copyToDevice(pinned, 0, buffer, 0, 1); // as long as the buffers are open
    ByteBuffer read = ByteBuffer.allocate(1);
    stream.read(buffer, read);
    assertEquals(8, read.get(0));
  }

  @Test
  void aClosedStreamRunsWhatIsQueuedAndTakesNoMore() {
    DeviceStream stream = stream();
    DeviceEvent done = event();
    PinnedBuffer pinned = pinned(5);
    DeviceBuffer buffer = buffer(1);
    Gate gate = hold(stream);
    stream.copyToDevice(pinned, 0, buffer, 0, 1);
    stream.record(done);
    stream.close();
    stream.close();

    assertThrows(IllegalStateException.class, () -> stream.copyToDevice(pinned, 0, buffer, 0, 1));
    assertThrows(IllegalStateException.class, () -> stream.copyToHost(buffer, 0, pinned, 0, 1));
    assertThrows(IllegalStateException.class, () -> stream.read(buffer, ByteBuffer.allocate(1)));
    assertThrows(IllegalStateException.class, () -> stream.record(done));
    assertThrows(IllegalStateException.class, () -> stream.waitFor(done));
    assertThrows(IllegalStateException.class, stream::synchronize);
    assertFalse(done.isComplete());

    gate.open();
    done.synchronize();
    assertArrayEquals(bytes(5), content(buffer));
  }

  @Test
  void synchronizeAndReadKeepAnInterruptForLater() throws Exception {
    DeviceStream stream = stream();
    DeviceEvent done = event();
    DeviceBuffer buffer = buffer(1);
    for (Runnable wait :
        List.<Runnable>of(
            stream::synchronize,
            done::synchronize,
            () -> stream.read(buffer, ByteBuffer.allocate(1)))) {
      Gate gate = hold(stream);
      stream.record(done);
      Caller<Boolean> waiting =
          Caller.start(
              () -> {
                Thread.currentThread().interrupt();
                wait.run();
                assertTrue(done.isComplete());
                return Thread.interrupted();
              });
      awaitHeldUp(waiting.thread);
      gate.open();
      assertTrue(waiting.result(), "the interrupt was swallowed");
    }
  }

  @Test
  void readIsOrderedBehindTheStreamAndMovesThePosition() {
    DeviceStream stream = stream();
    DeviceBuffer buffer = buffer(3);
    stream.copyToDevice(pinned(1, 2, 3), 0, buffer, 0, 3);
    increment(stream, buffer);
    for (ByteBuffer target : List.of(ByteBuffer.allocate(8), ByteBuffer.allocateDirect(8))) {
      target.position(2);
      stream.read(buffer, target);
      assertEquals(5, target.position());
      byte[] all = new byte[8];
      target.get(0, all);
      assertArrayEquals(bytes(0, 0, 2, 3, 4, 0, 0, 0), all);
      assertThrows(BufferOverflowException.class, () -> stream.read(buffer, target.limit(7)));
      assertThrows(
          ReadOnlyBufferException.class,
          () -> stream.read(buffer, target.clear().asReadOnlyBuffer()));
    }
    stream.synchronize(); // a refused read leaves the stream as it was
  }

  // Events

  @Test
  void anEventNeverRecordedSaysSoAndHoldsUpNothing() {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    assertThrows(IllegalStateException.class, event::isComplete);
    assertThrows(IllegalStateException.class, event::synchronize);
    event.park(AN_HOUR); // would not return
    stream.waitFor(event);
    increment(stream, buffer(1));
    stream.synchronize();
  }

  @Test
  void aClosedEventCanNotBeUsedButItsMarkStillCounts() {
    DeviceStream stream = stream();
    DeviceStream other = stream();
    DeviceEvent event = event();
    DeviceBuffer buffer = buffer(1);
    stream.copyToDevice(pinned(0), 0, buffer, 0, 1);
    Gate gate = hold(stream);
    increment(stream, buffer);
    stream.record(event);
    other.waitFor(event);
    increment(other, buffer);
    event.close();
    event.close();
    assertThrows(IllegalStateException.class, event::isComplete);
    assertThrows(IllegalStateException.class, event::synchronize);
    event.park(AN_HOUR); // would not return: the gate is closed
    assertThrows(IllegalStateException.class, () -> stream.record(event));
    assertThrows(IllegalStateException.class, () -> stream.waitFor(event));
    settle(other);
    gate.open();
    other.synchronize();
    assertArrayEquals(bytes(2), content(buffer));
  }

  @Test
  void anEventAnswersForItsLatestMark() {
    DeviceStream held = stream();
    DeviceStream free = stream();
    DeviceEvent event = event();
    Gate gate = hold(held);
    held.record(event);
    assertFalse(event.isComplete());
    free.record(event);
    event.synchronize();
    assertTrue(event.isComplete());
    held.record(event);
    assertFalse(event.isComplete());
    gate.open();
    event.synchronize();
    assertTrue(event.isComplete());
  }

  @Test
  void aMarkCoversWhatWasQueuedBeforeItAndNoMore() {
    DeviceStream stream = stream();
    DeviceEvent before = event();
    DeviceEvent after = event();
    Gate first = hold(stream);
    stream.record(before);
    Gate second = hold(stream);
    stream.record(after);
    assertFalse(before.isComplete());
    first.open();
    before.synchronize();
    settle(stream);
    assertFalse(after.isComplete());
    second.open();
    after.synchronize();
  }

  @Test
  void aStreamWaitsForAnother() {
    DeviceStream first = stream();
    DeviceStream second = stream();
    DeviceEvent event = event();
    DeviceEvent done = event();
    DeviceBuffer buffer = buffer(1);
    PinnedBuffer ten = pinned(10);
    first.copyToDevice(pinned(1), 0, buffer, 0, 1);
    Gate gate = hold(first);
    first.copyToDevice(ten, 0, buffer, 0, 1);
    first.record(event);
    second.waitFor(event);
    increment(second, buffer);
    second.record(done);
    settle(second);
    assertFalse(done.isComplete());
    gate.open();
    second.synchronize();
    assertArrayEquals(bytes(11), content(buffer));
  }

  @Test
  void aStreamWaitsForTheMarkAsItWasNotForALaterOne() {
    DeviceStream free = stream();
    DeviceStream held = stream();
    DeviceStream waiting = stream();
    DeviceEvent event = event();
    increment(free, buffer(1));
    free.record(event);
    waiting.waitFor(event);
    hold(held);
    held.record(event);
    waiting.synchronize(); // would not return
    assertFalse(event.isComplete());
  }

  @Test
  void aLaterMarkDoesNotLetAWaitingStreamGo() {
    DeviceStream held = stream();
    DeviceStream free = stream();
    DeviceStream waiting = stream();
    DeviceEvent event = event();
    DeviceBuffer buffer = buffer(1);
    PinnedBuffer ten = pinned(10);
    Gate gate = hold(held);
    held.copyToDevice(ten, 0, buffer, 0, 1);
    held.record(event);
    waiting.waitFor(event);
    increment(waiting, buffer);
    free.record(event);
    event.synchronize();
    settle(waiting);
    gate.open();
    waiting.synchronize();
    assertArrayEquals(bytes(11), content(buffer));
  }

  @Test
  void twoStreamsHandABufferToAndFro() {
    DeviceStream ping = stream();
    DeviceStream pong = stream();
    DeviceEvent pinged = event();
    DeviceEvent ponged = event();
    DeviceBuffer buffer = buffer(1000);
    ping.copyToDevice(pinned(new int[1000]), 0, buffer, 0, 1000);
    for (int i = 0; i < 100; i++) {
      ping.waitFor(ponged);
      increment(ping, buffer);
      ping.record(pinged);
      pong.waitFor(pinged);
      increment(pong, buffer);
      pong.record(ponged);
    }
    ponged.synchronize();
    byte[] expected = new byte[1000];
    Arrays.fill(expected, (byte) 200);
    assertArrayEquals(expected, content(buffer));
  }

  @Test
  void completionWakesAllParkedThreads() throws Exception {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    Gate gate = hold(stream);
    stream.record(event);
    List<Thread> parked = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      Thread thread =
          new Thread(
              () -> {
                while (!event.isComplete()) {
                  event.park(AN_HOUR);
                }
              });
      thread.start();
      parked.add(thread);
    }
    parked.forEach(DeviceContract::awaitWaiting);
    gate.open();
    for (Thread thread : parked) {
      Patience.join(thread); // would not return
    }
  }

  @Test
  void parkReturnsEarlyWhenInterruptedOrUnparked() throws Exception {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    hold(stream);
    stream.record(event);

    Caller<Boolean> interrupted =
        Caller.start(
            () -> {
              while (!Thread.currentThread().isInterrupted()) {
                event.park(AN_HOUR);
              }
              event.park(AN_HOUR); // does not park with the interrupt pending
              return Thread.interrupted();
            });
    awaitWaiting(interrupted.thread);
    interrupted.thread.interrupt();
    assertTrue(interrupted.result());

    AtomicBoolean enough = new AtomicBoolean();
    Thread second =
        new Thread(
            () -> {
              while (!enough.get()) {
                event.park(AN_HOUR);
              }
            });
    second.start();
    awaitWaiting(second);
    enough.set(true);
    LockSupport.unpark(second);
    Patience.join(second);

    event.park(0);
    event.park(-1);
    assertFalse(event.isComplete());
  }

  @Test
  void parkReturnsAtItsTimeLimit() {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    hold(stream);
    stream.record(event);
    event.park(1_000);
    assertFalse(event.isComplete());
  }

  // Memory

  @Test
  void memoryHasTheSizeAskedForAndIsAligned() {
    for (int size : new int[] {1, 255, 256, 257, 5000}) {
      DeviceBuffer buffer = buffer(size);
      assertEquals(size, buffer.bytes());
      assertSame(device, buffer.device());
      PinnedBuffer pinned = pinned(new int[size]);
      assertEquals(size, pinned.bytes());
      ByteBuffer bytes = pinned.unsafeBuffer();
      assertEquals(size, bytes.capacity());
      assertEquals(0, bytes.position());
      assertEquals(0, bytes.alignmentOffset(0, 256));
      assertEquals(ByteOrder.nativeOrder(), bytes.order());
      assertTrue(bytes.isDirect());
    }
  }

  @Test
  void impossibleSizesAreRefused() {
    for (long size : new long[] {0, -1, (1L << 30) + 1, Long.MAX_VALUE}) {
      String message = messageOf(IllegalArgumentException.class, () -> device.allocatePinned(size));
      assertTrue(message.contains(Long.toString(size)), message);
    }
    for (long size : new long[] {0, -1}) {
      String message = messageOf(IllegalArgumentException.class, () -> device.allocate(size));
      assertTrue(message.contains(Long.toString(size)), message);
    }
  }

  @Test
  void rangesThatLeaveABufferAreRefused() {
    DeviceStream stream = stream();
    PinnedBuffer pinned = pinned(1, 2, 3, 4);
    DeviceBuffer whole = buffer(16);
    DeviceBuffer buffer = whole.slice(4, 4, OPEN);
    long[][] ranges = {{-1, 1}, {0, -1}, {0, 5}, {3, 2}, {5, 0}, {Long.MAX_VALUE, 2}};
    for (long[] range : ranges) {
      long at = range[0];
      long count = range[1];
      for (Executable misuse :
          List.<Executable>of(
              () -> stream.copyToDevice(pinned, at, whole, 0, count),
              () -> stream.copyToDevice(pinned, 0, buffer, at, count),
              () -> stream.copyToHost(buffer, at, pinned, 0, count),
              () -> stream.copyToHost(whole, 0, pinned, at, count),
              () -> stream.fillZero(buffer, at, count),
              () -> buffer.slice(at, count, OPEN))) {
        String message = messageOf(IndexOutOfBoundsException.class, misuse);
        assertTrue(
            message.contains(Long.toString(at)) || message.contains(Long.toString(count)), message);
      }
    }
    stream.copyToDevice(pinned, 4, buffer, 4, 0); // empty, at the very end
    stream.fillZero(buffer, 4, 0);
    stream.synchronize();
  }

  @Test
  void aSliceIsAPartOfItsBuffer() {
    DeviceStream stream = stream();
    DeviceBuffer buffer = buffer(8);
    stream.copyToDevice(pinned(0, 1, 2, 3, 4, 5, 6, 7), 0, buffer, 0, 8);
    DeviceBuffer slice = buffer.slice(2, 5, OPEN);
    DeviceBuffer inner = slice.slice(1, 3, OPEN);
    assertEquals(3, inner.bytes());
    assertSame(device, inner.device());
    stream.copyToDevice(pinned(9, 10), 0, inner, 1, 2);
    PinnedBuffer target = pinned(0, 0);
    stream.copyToHost(slice, 2, target, 0, 2);
    stream.synchronize();
    assertArrayEquals(bytes(3, 9, 10), content(inner));
    assertArrayEquals(bytes(9, 10), content(target));
    inner.close();
    slice.close();
    assertArrayEquals(bytes(0, 1, 2, 3, 9, 10, 6, 7), content(buffer));
    assertEquals(0, buffer.slice(8, 0, OPEN).bytes());
  }

  @Test
  void everyUseOfASliceAsksAllItsGuards() {
    DeviceStream stream = stream();
    DeviceBuffer buffer = buffer(8);
    stream.copyToDevice(pinned(0, 0, 0, 0, 0, 0, 0, 0), 0, buffer, 0, 8);
    PinnedBuffer pinned = pinned(1, 1, 1, 1);
    AtomicInteger outerAsked = new AtomicInteger();
    AtomicInteger innerAsked = new AtomicInteger();
    AtomicBoolean outerRefuses = new AtomicBoolean();
    AtomicBoolean innerRefuses = new AtomicBoolean();
    DeviceBuffer inner =
        buffer
            .slice(0, 6, guard(outerAsked, outerRefuses, "the outer slice is over"))
            .slice(1, 4, guard(innerAsked, innerRefuses, "the inner slice is over"));
    List<Executable> uses =
        List.of(
            () -> stream.fillZero(inner, 0, 4),
            () -> stream.copyToDevice(pinned, 0, inner, 0, 4),
            () -> stream.copyToHost(inner, 0, pinned, 0, 4),
            () -> stream.read(inner, ByteBuffer.allocate(4)),
            () -> inner.slice(0, 1, OPEN));
    for (Executable use : uses) {
      outerAsked.set(0);
      innerAsked.set(0);
      assertDoesNotThrow(use);
      assertTrue(outerAsked.get() > 0 && innerAsked.get() > 0);

      outerRefuses.set(true);
      assertEquals("the outer slice is over", messageOf(IllegalStateException.class, use));
      outerRefuses.set(false);
      innerRefuses.set(true);
      assertEquals("the inner slice is over", messageOf(IllegalStateException.class, use));
      innerRefuses.set(false);
    }

    stream.synchronize();
    pinned.unsafeBuffer().put(bytes(7, 7, 7, 7));
    outerRefuses.set(true);
    assertThrows(IllegalStateException.class, uses.get(0));
    assertThrows(IllegalStateException.class, uses.get(1));
    stream.synchronize();
    assertArrayEquals(bytes(0, 1, 1, 1, 1, 0, 0, 0), content(buffer)); // and nothing was queued
  }

  private static Runnable guard(AtomicInteger asked, AtomicBoolean refuses, String message) {
    return () -> {
      asked.incrementAndGet();
      if (refuses.get()) {
        throw new IllegalStateException(message);
      }
    };
  }

  @Test
  void aMappedBufferIsTheSameMemory() {
    DeviceStream stream = stream();
    PinnedBuffer pinned = pinned(1, 2, 3);
    DeviceBuffer mapped = device.map(pinned);
    assertEquals(3, mapped.bytes());
    increment(stream, mapped);
    stream.synchronize();
    assertArrayEquals(bytes(2, 3, 4), content(pinned));
    mapped.close();
    increment(stream, mapped);
    stream.synchronize();
    assertArrayEquals(bytes(3, 4, 5), content(pinned));
    pinned.close();
    assertThrows(IllegalStateException.class, () -> stream.read(mapped, ByteBuffer.allocate(3)));
    assertThrows(IllegalStateException.class, () -> device.map(pinned));
  }

  @Test
  void aClosedBufferCannotBeUsed() {
    DeviceStream stream = stream();
    PinnedBuffer pinned = pinned(1);
    PinnedBuffer closedPinned = pinned(1);
    closedPinned.close();
    closedPinned.close();
    DeviceBuffer buffer = buffer(1);
    DeviceBuffer closed = buffer(1);
    DeviceBuffer slice = closed.slice(0, 1, OPEN);
    closed.close();
    closed.close();
    for (Executable misuse :
        List.<Executable>of(
            () -> stream.copyToDevice(closedPinned, 0, buffer, 0, 1),
            () -> stream.copyToHost(buffer, 0, closedPinned, 0, 1),
            () -> stream.copyToDevice(pinned, 0, closed, 0, 1),
            () -> stream.copyToHost(closed, 0, pinned, 0, 1),
            () -> stream.fillZero(closed, 0, 1),
            () -> stream.fillZero(slice, 0, 1),
            () -> stream.read(closed, ByteBuffer.allocate(1)),
            () -> stream.read(slice, ByteBuffer.allocate(1)),
            () -> closed.slice(0, 1, OPEN),
            closedPinned::unsafeBuffer)) {
      assertThrows(IllegalStateException.class, misuse);
    }
    stream.synchronize(); // the stream has not failed
  }

  // The device

  @Test
  void thingsOfAnotherDeviceAreRefused() {
    DeviceStream stream = stream();
    PinnedBuffer pinned = pinned(1);
    DeviceBuffer buffer = buffer(1);
    Device other = openDevice();
    PinnedBuffer foreignPinned = other.allocatePinned(1);
    DeviceBuffer foreign = other.allocate(1);
    DeviceEvent foreignEvent = other.newEvent();
    for (Executable misuse :
        List.<Executable>of(
            () -> stream.copyToDevice(foreignPinned, 0, buffer, 0, 1),
            () -> stream.copyToDevice(pinned, 0, foreign, 0, 1),
            () -> stream.copyToHost(foreign, 0, pinned, 0, 1),
            () -> stream.copyToHost(buffer, 0, foreignPinned, 0, 1),
            () -> stream.fillZero(foreign, 0, 1),
            () -> stream.read(foreign, ByteBuffer.allocate(1)),
            () -> stream.record(foreignEvent),
            () -> stream.waitFor(foreignEvent),
            () -> device.map(foreignPinned))) {
      assertThrows(IllegalArgumentException.class, misuse);
    }
    foreignPinned.close();
    foreign.close();
    foreignEvent.close();
    other.close();
    assertTrue(nothingLive(other));
  }

  @Test
  void aClosedDeviceHandsOutNothingNewAndTakesNothingBack() {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    DeviceBuffer buffer = buffer(1);
    PinnedBuffer pinned = pinned(41);
    device.close();
    device.close();
    assertThrows(IllegalStateException.class, () -> device.allocate(1));
    assertThrows(IllegalStateException.class, () -> device.allocatePinned(1));
    assertThrows(IllegalStateException.class, device::newStream);
    assertThrows(IllegalStateException.class, device::newEvent);

    stream.copyToDevice(pinned, 0, buffer, 0, 1);
    increment(stream, buffer);
    stream.copyToHost(buffer, 0, pinned, 0, 1);
    stream.record(event);
    event.synchronize();
    assertArrayEquals(bytes(42), content(pinned));
  }

  // Everything at once

  @Test
  void randomProgramsOfOneThreadDoWhatASequentialModelDoes() {
    long seed = StreamFuzz.printedSeed();
    for (int program = 0; program < effort(20); program++) {
      DeviceStream[] streams = {stream(), stream(), stream(), device.defaultStream()};
      new StreamFuzz(this, streams, seed + program).run(400);
    }
  }

  @Test
  void randomProgramsOfSeveralThreadsOnTheSameStreamsDoToo() throws Exception {
    DeviceStream[] streams = {stream(), stream(), stream()};
    List<StreamFuzz> programs = new ArrayList<>();
    long seed = StreamFuzz.printedSeed();
    for (int program = 0; program < 4; program++) {
      programs.add(new StreamFuzz(this, streams, seed + program));
    }
    // None starts before all have their memory: a driver may let an allocation wait for streams.
    List<Caller<Boolean>> tasks =
        programs.stream().map(fuzz -> Caller.run(() -> fuzz.run(effort(2000)))).toList();
    for (Caller<Boolean> task : tasks) {
      task.result();
    }
  }
}
