package io.pentrough.device.host;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.DirectMemory;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The host as a device: direct memory, and streams with a thread each.
 *
 * <pre>{@code
 * try (Device device = HostDevice.open();
 *     BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start();
 *     DeviceBatch batch = loader.get()) {
 *   ByteBuffer image = HostDevice.bytes(batch.array("image").buffer()); // no copy
 *   ...
 * }
 * }</pre>
 *
 * <p>It behaves like a GPU where behaviour matters. The operations of a stream run in order, and in
 * parallel with other streams. Only events order one stream behind another. {@linkplain #launch
 * Launched work} runs on the stream's thread. A copy on an idle stream runs on the thread that
 * queues it, before the call returns; behind other operations it runs later, on the stream's
 * thread.
 *
 * <p><b>Memory</b> is direct and counts against {@code -XX:MaxDirectMemorySize}. A pinned buffer
 * holds at most 1 GiB. A device buffer holds at most 2,147,483,392 bytes, which is the largest
 * aligned {@link ByteBuffer}. A closed buffer throws. Its memory is freed when the garbage
 * collector finds that no view of it is left.
 *
 * <p><b>Threads.</b> Any thread may call any method. A stream starts a daemon thread for its first
 * operation that cannot complete at once.
 */
public final class HostDevice implements Device {

  private static final Logger LOG = System.getLogger("io.pentrough");

  static final int ALIGNMENT = 256;
  private static final int MAX_PINNED_BYTES = 1 << 30;

  /** The largest multiple of the alignment that leaves room for aligning it. */
  private static final int MAX_BYTES = (Integer.MAX_VALUE - (ALIGNMENT - 1)) & -ALIGNMENT;

  /** Counts the streams of all devices, so that the names of their threads differ. */
  private static final AtomicInteger STREAMS_MADE = new AtomicInteger();

  private final String description;
  private final IntFunction<ByteBuffer> allocator;
  private final HostStream defaultStream = new HostStream(this, "pentrough-host-default-stream");

  /** Guards what follows. No other lock is taken while it is held. */
  private final Object lock = new Object();

  private boolean closed;
  private int liveBuffers;
  private long liveBytes;
  private int liveStreams;
  private int liveEvents;
  private int liveModules;

  /**
   * What a device has handed out that is not closed yet. The default stream does not count, as it
   * cannot be closed. Immutable; equal if all numbers are equal.
   */
  public static final class Usage {

    /** Nothing at all. */
    public static final Usage NONE = new Usage(0, 0, 0, 0, 0);

    private final int buffers;
    private final long bytes;
    private final int streams;
    private final int events;
    private final int modules;

    Usage(int buffers, long bytes, int streams, int events, int modules) {
      this.buffers = buffers;
      this.bytes = bytes;
      this.streams = streams;
      this.events = events;
      this.modules = modules;
    }

    /**
     * The number of open buffers, pinned and device memory together.
     *
     * @return the number
     */
    public int buffers() {
      return buffers;
    }

    /**
     * The requested size of the open buffers.
     *
     * @return the number of bytes
     */
    public long bytes() {
      return bytes;
    }

    /**
     * The number of open streams.
     *
     * @return the number
     */
    public int streams() {
      return streams;
    }

    /**
     * The number of open events.
     *
     * @return the number
     */
    public int events() {
      return events;
    }

    /**
     * The number of open modules and kernels together.
     *
     * @return the number
     */
    public int modules() {
      return modules;
    }

    private long[] numbers() {
      return new long[] {buffers, bytes, streams, events, modules};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Usage that && Arrays.equals(numbers(), that.numbers());
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(numbers());
    }

    /** The numbers, for messages. */
    @Override
    public String toString() {
      return "%d buffers of %d bytes together, %d streams, %d events, %d modules and kernels"
          .formatted(buffers, bytes, streams, events, modules);
    }
  }

  HostDevice(String whyNoBetter, IntFunction<ByteBuffer> allocator) {
    this.description = whyNoBetter.isEmpty() ? "host" : "host (" + whyNoBetter + ")";
    this.allocator = allocator;
  }

  /**
   * Opens the host as a device. Each call opens another device.
   *
   * @return an open device, to be closed by the caller
   */
  public static HostDevice open() {
    return open("");
  }

  static HostDevice open(String whyNoBetter) {
    return new HostDevice(whyNoBetter, ByteBuffer::allocateDirect);
  }

  /**
   * Shows the bytes of a buffer of a host device.
   *
   * <p>The call asks the guards of a slice once. The result stays readable after that. It is valid
   * only while the slice may be used, and after the work that writes the slice has run.
   *
   * @param buffer memory of a host device, or a slice of it
   * @return a new read-only buffer over exactly these bytes, in native byte order, at position 0
   * @throws IllegalArgumentException if the buffer belongs to another kind of device
   * @throws IllegalStateException if the buffer is closed, or a guard of the slice refuses
   */
  public static ByteBuffer bytes(DeviceBuffer buffer) {
    if (!(Objects.requireNonNull(buffer, "buffer") instanceof HostBuffer own)) {
      throw new IllegalArgumentException(
          "bytes() reads host devices only, and this buffer belongs to "
              + buffer.device().name()
              + ": copy it with DeviceArray.copyTo, or with read of its device's stream");
    }
    return own.memory()
        .bytes()
        .slice(own.start(), (int) own.bytes())
        .asReadOnlyBuffer()
        .order(ByteOrder.nativeOrder());
  }

  /**
   * Queues work on a stream of a host device, like a kernel launch on a GPU. The work runs on the
   * stream's thread, after everything queued before it. If it blocks, it blocks the stream. It must
   * not wait for its own stream.
   *
   * <p>If the work throws anything, the stream fails. Nothing queued behind it runs, and events
   * recorded behind it throw a {@link DeviceException} with the cause.
   *
   * @param stream a stream of a host device
   * @param work runs once, later, on another thread
   * @throws IllegalArgumentException if the stream belongs to another kind of device
   * @throws IllegalStateException if the stream is closed
   */
  public static void launch(DeviceStream stream, Runnable work) {
    Objects.requireNonNull(work, "work");
    if (!(Objects.requireNonNull(stream, "stream") instanceof HostStream own)) {
      throw new IllegalArgumentException(
          "launch() works on host devices only, and this stream belongs to "
              + stream.device().name()
              + ": launch a kernel of Device.load there");
    }
    own.launch(work);
  }

  @Override
  public String name() {
    return "host";
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public PinnedBuffer allocatePinned(long bytes) {
    return new HostPinned(allocate(bytes, MAX_PINNED_BYTES, "pinned buffer"));
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    return new HostBlock(allocate(bytes, MAX_BYTES, "device buffer on the host"), true);
  }

  private HostMemory allocate(long bytes, int max, String what) {
    if (bytes < 1 || bytes > max) {
      throw new IllegalArgumentException(
          "a "
              + what
              + " has 1 to "
              + max
              + " bytes, not "
              + bytes
              + "; split it, or make a loader's batches smaller");
    }
    int size = (int) bytes;
    synchronized (lock) {
      checkOpen();
      liveBuffers++;
      liveBytes += size;
    }
    try {
      return new HostMemory(this, alignedBytes(size));
    } catch (OutOfMemoryError e) {
      Usage left = release(size);
      throw new DeviceException(
          ("host: no direct memory for %d bytes: this device holds %d bytes in %d buffers;"
                  + " allow more with -XX:MaxDirectMemorySize, or ask for less")
              .formatted(bytes, left.bytes(), left.buffers()),
          e);
    }
  }

  /** Rounds up first, because {@link ByteBuffer#alignedSlice} also aligns the end, downwards. */
  private ByteBuffer alignedBytes(int size) {
    int rounded = (size + ALIGNMENT - 1) & -ALIGNMENT;
    return allocator
        .apply(rounded + ALIGNMENT - 1)
        .alignedSlice(ALIGNMENT)
        .slice(0, size)
        .order(ByteOrder.nativeOrder());
  }

  /** Counts a closed buffer. */
  Usage release(int bytes) {
    synchronized (lock) {
      liveBuffers--;
      liveBytes -= bytes;
      return usage();
    }
  }

  @Override
  public DeviceBuffer map(PinnedBuffer pinned) {
    return new HostBlock(own(pinned, "pinned").memory(), false);
  }

  @Override
  public Optional<String> whyNotAllocate(long pinnedBytes, long deviceBytes) {
    return DirectMemory.whyNot(pinnedBytes + deviceBytes) // both are the JVM's own
        .map(why -> why + " (-XX:MaxDirectMemorySize)");
  }

  @Override
  public DeviceStream newStream() {
    synchronized (lock) {
      checkOpen();
      liveStreams++;
    }
    return new HostStream(this, "pentrough-host-stream-" + STREAMS_MADE.incrementAndGet());
  }

  void streamClosed() {
    synchronized (lock) {
      liveStreams--;
    }
  }

  @Override
  public boolean copiesInCaller() {
    return true;
  }

  /**
   * {@inheritDoc}
   *
   * <p>On the host it does not synchronise with any other stream.
   */
  @Override
  public DeviceStream defaultStream() {
    return defaultStream;
  }

  @Override
  public DeviceEvent newEvent() {
    synchronized (lock) {
      checkOpen();
      liveEvents++;
    }
    return new HostEvent(this);
  }

  void eventClosed() {
    synchronized (lock) {
      liveEvents--;
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>The host runs the kernels' host implementations. A kernel without one cannot be looked up.
   */
  @Override
  public DeviceModule load(KernelSource source) {
    Objects.requireNonNull(source, "source");
    synchronized (lock) {
      checkOpen();
      liveModules++;
    }
    return new HostModule(this, source);
  }

  /** Counts a kernel of an existing module, also on a closed device. */
  void moduleComes() {
    synchronized (lock) {
      liveModules++;
    }
  }

  void moduleGoes() {
    synchronized (lock) {
      liveModules--;
    }
  }

  /** Does nothing, as the host has no context to bind. */
  @Override
  public void bindThread() {}

  /**
   * What this device has handed out that is not closed yet.
   *
   * @return a consistent snapshot; equal to {@link Usage#NONE} when everything is closed
   */
  public Usage liveResources() {
    synchronized (lock) {
      return usage();
    }
  }

  private Usage usage() {
    return new Usage(liveBuffers, liveBytes, liveStreams, liveEvents, liveModules);
  }

  @Override
  public void close() {
    Usage open;
    synchronized (lock) {
      open = closed ? Usage.NONE : usage();
      closed = true;
    }
    defaultStream.retire();
    if (!open.equals(Usage.NONE)) {
      LOG.log(
          Level.WARNING,
          "the host device was closed before what it has handed out, such as the memory of a loader"
              + " that is open ("
              + open
              + "): all that goes on working, and is freed when it is closed; close loaders before"
              + " their device");
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(
          "this host device is closed and hands out nothing new: close it only after everything that"
              + " uses it, or open another");
    }
  }

  HostPinned own(PinnedBuffer pinned, String what) {
    if (Objects.requireNonNull(pinned, what) instanceof HostPinned own && own.device() == this) {
      return own;
    }
    throw foreign("pinned buffer");
  }

  HostBuffer own(DeviceBuffer buffer, String what) {
    if (Objects.requireNonNull(buffer, what) instanceof HostBuffer own && own.device() == this) {
      return own;
    }
    throw foreign("device buffer");
  }

  HostStream own(DeviceStream stream) {
    if (Objects.requireNonNull(stream, "stream") instanceof HostStream own
        && own.device() == this) {
      return own;
    }
    throw foreign("stream");
  }

  HostEvent own(DeviceEvent event) {
    if (Objects.requireNonNull(event, "event") instanceof HostEvent own && own.device() == this) {
      return own;
    }
    throw foreign("event");
  }

  private static IllegalArgumentException foreign(String what) {
    return new IllegalArgumentException(
        "the " + what + " belongs to another device; use one made by the same host device");
  }
}
