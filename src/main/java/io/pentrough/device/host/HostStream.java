package io.pentrough.device.host;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.WorkFailedException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A first-in-first-out queue of operations, run by a thread of its own.
 *
 * <p>Operations are numbered from 0 as they are queued. Two counters say everything about a stream:
 * how many were {@link #queued}, how many have {@link #finished}. A mark (see {@link HostEvent}) is
 * the number queued when it was set, its <em>ticket</em>: it is complete when that many have
 * finished. If an operation fails, {@code finished} stands still for ever, so the marks behind it
 * can tell that they never will be. A ticket covers only what was queued before it was taken, so
 * streams that wait for each other's marks cannot wait in a circle.
 *
 * <p><b>Who runs what.</b> The stream's thread runs everything, but for a copy that is queued on an
 * idle stream: its caller runs that, and the thread does not touch the queue meanwhile.
 *
 * <p><b>Who writes what.</b> Queueing threads write {@code queued} and the free places of the ring,
 * whoever runs the head writes {@code finished}, {@code failure} and the place at the head, all
 * under {@link #lock}; without it a place would be filled while it is run, or a thread would park
 * just after its wake-up call. The counters and the failure are volatile, so that asking takes no
 * lock; the write of {@code finished} is also what makes the memory written by an operation visible
 * to whoever sees its mark complete. Operations run, and threads park, outside the lock, and nobody
 * takes another lock while holding it. Only the stream's thread waits on the lock's monitor; all
 * others wait in {@link #parked}. Monitors and parking, because the locks and queues of {@code
 * java.util.concurrent} allocate when they wait (I6).
 */
final class HostStream implements DeviceStream {

  private final HostDevice device;
  private final String name;
  private final Object lock = new Object();

  /** A place per operation, the one numbered n at n modulo the length, which is a power of two. */
  private HostOperation[] ring = filled(new @Nullable HostOperation[32]);

  private final ParkedThreads parked = new ParkedThreads();
  private volatile long queued;
  private volatile long finished;

  /** The operation that failed; written before {@link #failure}, and never again. */
  private @Nullable HostOperation failedOperation;

  /** What the failed operation threw; null as long as none has failed. */
  private volatile @Nullable Throwable failure;

  /** The running thread, if there is one. */
  private @Nullable Thread thread;

  /** Whether the operation at the head is run by the thread that queued it. */
  private boolean callerRuns;

  /** Whether the thread ends when there is nothing to do. */
  private boolean retired;

  private volatile boolean closed;

  HostStream(HostDevice device, String name) {
    this.device = device;
    this.name = name;
  }

  @Override
  public HostDevice device() {
    return device;
  }

  @Override
  public void copyToDevice(
      PinnedBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) {
    HostPinned in = device.own(source, "source");
    HostBuffer out = device.own(target, "target");
    HostMemory.checkRange("source", sourceOffset, bytes, in.bytes());
    HostMemory.checkRange("target", targetOffset, bytes, out.bytes());
    copy(in.memory(), sourceOffset, out.memory(), out.start() + targetOffset, bytes);
  }

  @Override
  public void copyToHost(
      DeviceBuffer source, long sourceOffset, PinnedBuffer target, long targetOffset, long bytes) {
    HostBuffer in = device.own(source, "source");
    HostPinned out = device.own(target, "target");
    HostMemory.checkRange("source", sourceOffset, bytes, in.bytes());
    HostMemory.checkRange("target", targetOffset, bytes, out.bytes());
    copy(in.memory(), in.start() + sourceOffset, out.memory(), targetOffset, bytes);
  }

  /**
   * Behind other work it is queued; on an idle stream the caller copies, as waking the stream's
   * thread takes longer than most copies.
   */
  private void copy(HostMemory source, long from, HostMemory target, long to, long bytes) {
    HostOperation place;
    synchronized (lock) {
      boolean idle = finished == queued;
      place = idle ? reserve() : claim();
      if (place == null) {
        return;
      }
      place.copy(source, (int) from, target, (int) to, (int) bytes);
      if (!idle) {
        return;
      }
      callerRuns = true;
    }
    run(place);
  }

  @Override
  public void fillZero(DeviceBuffer target, long offset, long bytes) {
    HostBuffer out = device.own(target, "target");
    HostMemory.checkRange("target", offset, bytes, out.bytes());
    HostMemory memory = out.memory();
    synchronized (lock) {
      HostOperation place = claim();
      if (place != null) {
        place.fillZero(memory, out.start() + (int) offset, (int) bytes);
      }
    }
  }

  /** See {@link HostDevice#launch}. */
  void launch(Runnable work) {
    synchronized (lock) {
      HostOperation place = claim();
      if (place != null) {
        place.launch(work);
      }
    }
  }

  /** See {@link HostDeviceKernel#launch}. */
  void launch(HostDeviceKernel kernel) {
    synchronized (lock) {
      HostOperation place = claim();
      if (place != null) {
        place.launch(kernel, name);
      }
    }
  }

  @Override
  public void read(DeviceBuffer source, ByteBuffer target) {
    HostBuffer in = device.own(source, "source");
    int count = (int) in.bytes();
    ReadTarget.require(target, count);
    int position = target.position();
    ByteBuffer bytes = in.memory().bytes();
    long ticket;
    synchronized (lock) {
      launch(() -> target.put(position, bytes, in.start(), count));
      ticket = queued;
    }
    synchronize(ticket);
    target.position(position + count);
  }

  @Override
  public void record(DeviceEvent event) {
    HostEvent own = device.own(event);
    checkOpen();
    own.mark(this);
  }

  @Override
  public void waitFor(DeviceEvent event) {
    HostEvent own = device.own(event);
    checkOpen();
    own.holdUp(this);
  }

  /** Lets what is queued from now on wait for a mark. */
  void waitFor(HostStream awaited, long ticket) {
    if (awaited == this || awaited.finished >= ticket) {
      return; // ordered already
    }
    synchronized (lock) {
      HostOperation place = claim();
      if (place != null) {
        place.waitFor(awaited, ticket);
      }
    }
  }

  /** There is no capture on the host. */
  @Override
  public boolean isCapturing() {
    checkOpen();
    return false;
  }

  @Override
  public void synchronize() {
    checkOpen();
    synchronize(queued);
  }

  /** Closes it, unless it is the default stream, which nobody can close. */
  @Override
  public void close() {
    if (this == device.defaultStream()) {
      return;
    }
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
    }
    retire();
    device.streamClosed();
  }

  /** Lets the thread end when nothing is queued; whatever is queued later starts another. */
  void retire() {
    synchronized (lock) {
      retired = true;
      lock.notify();
    }
  }

  /** The ticket of a mark set now. */
  long queued() {
    return queued;
  }

  /** Whether a mark is complete; throws if it never will be. */
  boolean isComplete(long ticket) {
    // The failure first: by then the counter stands still. The other way round, the operations up
    // to the mark could finish, and one behind it fail, between the two looks.
    Throwable failed = failure;
    if (finished >= ticket) {
      return true;
    }
    if (failed != null) {
      throw exception(failed);
    }
    return false;
  }

  private boolean isPending(long ticket) {
    return failure == null && finished < ticket;
  }

  /** Parks the calling thread until a mark is not pending any more, or for less. */
  void park(long ticket, long maxNanos) {
    Thread caller = Thread.currentThread();
    synchronized (lock) {
      if (!isPending(ticket)) {
        return;
      }
      parked.add(caller, ticket);
    }
    LockSupport.parkNanos(this, maxNanos);
    synchronized (lock) {
      parked.remove(caller);
    }
  }

  /**
   * Waits until a mark is not pending any more; keeps an interrupt for later.
   *
   * @return null if it is complete, else what stopped it
   */
  @Nullable Throwable await(long ticket) {
    boolean interrupted = false;
    while (isPending(ticket)) {
      park(ticket, Long.MAX_VALUE);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    Throwable failed = failure;
    return finished >= ticket ? null : failed;
  }

  /** Waits for a mark; throws if it never completes. */
  void synchronize(long ticket) {
    synchronized (lock) {
      if (Thread.currentThread() == thread && isPending(ticket)) {
        throw new IllegalStateException(
            "work launched on "
                + name
                + " waits for its own stream, and would for ever: wait elsewhere");
      }
    }
    Throwable failed = await(ticket);
    if (failed != null) {
      throw exception(failed);
    }
  }

  private DeviceException exception(Throwable failed) {
    return new WorkFailedException("host: " + describeFailure(failed), failed);
  }

  /** What happened to this stream, once {@link #failure} has been seen. */
  String describeFailure(Throwable failed) {
    return Objects.requireNonNull(failedOperation).describeFailure(name, failed);
  }

  /**
   * The place of a new operation, counted as queued: fill it before leaving the lock. Null if the
   * stream has failed and the operation will never run.
   */
  private @Nullable HostOperation claim() {
    checkOpen();
    if (thread == null && failure == null) {
      thread = startThread();
    }
    lock.notify();
    return reserve();
  }

  /** The same, of an operation that the stream's thread shall not run. */
  private @Nullable HostOperation reserve() {
    checkOpen();
    if (failure != null) {
      return null;
    }
    long number = queued;
    if (number - finished == ring.length) {
      grow();
    }
    queued = number + 1;
    return ring[(int) number & (ring.length - 1)];
  }

  private Thread startThread() {
    Thread made = new Thread(null, this::runQueue, name, 0, false);
    made.setDaemon(true);
    try {
      made.start();
    } catch (OutOfMemoryError e) {
      throw new DeviceException(
          "host: no thread to be had for " + name + "; allow this process more, or use fewer", e);
    }
    return made;
  }

  /** Moves every operation, also the one that is running, to its place in a ring twice as long. */
  private void grow() {
    @Nullable HostOperation[] longer = new @Nullable HostOperation[2 * ring.length];
    for (long n = finished; n < queued; n++) {
      longer[(int) n & (longer.length - 1)] = ring[(int) n & (ring.length - 1)];
    }
    ring = filled(longer);
  }

  private static HostOperation[] filled(@Nullable HostOperation[] places) {
    HostOperation[] ring = new HostOperation[places.length];
    for (int i = 0; i < ring.length; i++) {
      HostOperation place = places[i];
      ring[i] = place == null ? new HostOperation() : place;
    }
    return ring;
  }

  private void runQueue() {
    for (HostOperation head = next(); head != null; head = next()) {
      run(head);
    }
  }

  /** Runs the operation at the head, which nobody else runs. */
  private void run(HostOperation head) {
    Throwable thrown = head.run();
    if (thrown == null) {
      finish(head);
    } else {
      fail(head, thrown);
    }
  }

  /** The operation to run, or null if the thread shall end. */
  private @Nullable HostOperation next() {
    synchronized (lock) {
      while (failure == null && (callerRuns || (finished == queued && !retired))) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          // Launched work interrupted its own thread: of no consequence for what comes next.
        }
      }
      if (failure != null || finished == queued) {
        thread = null;
        return null;
      }
      return ring[(int) finished & (ring.length - 1)];
    }
  }

  private void finish(HostOperation head) {
    synchronized (lock) {
      head.clear();
      finished++;
      parked.unpark(finished);
      letThreadGoOn();
    }
  }

  private void fail(HostOperation head, Throwable thrown) {
    synchronized (lock) {
      for (HostOperation place : ring) {
        if (place != head) {
          place.clear();
        }
      }
      failedOperation = head;
      failure = thrown;
      parked.unpark(Long.MAX_VALUE);
      letThreadGoOn();
    }
  }

  /** What has been queued meanwhile, or the news that all is over, is the thread's. */
  private void letThreadGoOn() {
    if (callerRuns) {
      callerRuns = false;
      lock.notify();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(
          name
              + " is closed: a stream must outlive what uses it, so close the loaders that were given"
              + " it, and their batches, first");
    }
  }

  /** The name of its thread. */
  @Override
  public String toString() {
    return name;
  }
}
