package io.pentrough.device.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.JCudaDriver.CU_STREAM_LEGACY;
import static jcuda.driver.JCudaDriver.CU_STREAM_PER_THREAD;
import static jcuda.driver.JCudaDriver.cuCtxGetDevice;
import static jcuda.driver.JCudaDriver.cuCtxPopCurrent;
import static jcuda.driver.JCudaDriver.cuCtxPushCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuDeviceTotalMem;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamGetCtx;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import org.jspecify.annotations.Nullable;

/**
 * An NVIDIA GPU, through the CUDA <em>driver</em> API and JCuda.
 *
 * <p><b>Contexts.</b> {@link #open(int)} uses the device's primary context, which CUDA's runtime
 * API, cuBLAS and other libraries in the process share; it stays current on the thread that opened
 * the device, so that JCuda's own calls work there, unless {@link Builder#makeCurrent} says
 * otherwise. {@link #attach(CUcontext)} uses a context of the application, and never destroys it:
 * it must outlive everything made here. Threads of the loader bind the context once and relax their
 * stream capture mode, so that they cannot break a capture under way. A call from a thread on which
 * another context is current, or none, makes this device's context current for its own length, and
 * leaves the thread's current context as it found it.
 *
 * <p><b>Streams.</b> {@link #newStream()} makes a non-blocking stream. {@link #wrap(CUstream)}
 * makes the application's stream known to the loader, and {@link #stream(DeviceStream)} returns any
 * stream's handle. {@link #defaultStream()} is CUDA's legacy default stream: work queued on it
 * waits for, and is waited for by, <em>blocking</em> streams of this context (those made with flag
 * 0). It does not cover non-blocking streams, nor CUDA's per-thread default stream: a loop that
 * works on one of those must name it to the loader.
 *
 * <p><b>JCuda.</b> Its switch for exceptions and its log level are the application's and are not
 * touched. The switch should stay off: with it, each poll of a pending event makes an exception.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class CudaDevice implements Device {

  private final CudaContext context;
  private final Info info;
  private final int driverVersion;
  private final int eventFlags;
  private final boolean timing;
  private final boolean allowPageable;
  private final CudaStream defaultStream;
  private final CudaArguments arguments;
  private final CudaStaging staging;
  private final @Nullable CudaWords words;

  /** What a device is. Immutable; equal if all of it is equal. */
  public static final class Info {

    private final int ordinal;
    private final String name;
    private final long memoryBytes;
    private final int computeMajor;
    private final int computeMinor;

    Info(int ordinal, String name, long memoryBytes, int computeMajor, int computeMinor) {
      this.ordinal = ordinal;
      this.name = name;
      this.memoryBytes = memoryBytes;
      this.computeMajor = computeMajor;
      this.computeMinor = computeMinor;
    }

    /**
     * Its number, for {@link #open(int)}.
     *
     * @return the number, from 0
     */
    public int ordinal() {
      return ordinal;
    }

    /**
     * Its model.
     *
     * @return as the driver calls it
     */
    public String name() {
      return name;
    }

    /**
     * All its memory.
     *
     * @return the number of bytes
     */
    public long memoryBytes() {
      return memoryBytes;
    }

    /**
     * The compute capability, before the dot.
     *
     * @return the major number
     */
    public int computeMajor() {
      return computeMajor;
    }

    /**
     * The compute capability, behind the dot.
     *
     * @return the minor number
     */
    public int computeMinor() {
      return computeMinor;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Info that
          && ordinal == that.ordinal
          && name.equals(that.name)
          && memoryBytes == that.memoryBytes
          && computeMajor == that.computeMajor
          && computeMinor == that.computeMinor;
    }

    @Override
    public int hashCode() {
      return Objects.hash(ordinal, name, memoryBytes, computeMajor, computeMinor);
    }

    /** Number, model, memory and compute capability, for people. */
    @Override
    public String toString() {
      return nameOf(ordinal) + " (" + details() + ")";
    }

    private String details() {
      return String.format(
          Locale.ROOT,
          "%s, %.1f GiB, compute capability %d.%d",
          name,
          memoryBytes / (double) (1 << 30),
          computeMajor,
          computeMinor);
    }
  }

  /**
   * What a device has handed out and not got back yet. The default stream does not count.
   * Immutable; equal if the numbers are equal.
   */
  public static final class Usage {

    /** Nothing at all. */
    public static final Usage NONE = new Usage(0);

    private final int handles;

    Usage(int handles) {
      this.handles = handles;
    }

    /**
     * Open buffers, streams (wrapped ones too), events, modules and kernels.
     *
     * @return how many
     */
    public int handles() {
      return handles;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Usage that && handles == that.handles;
    }

    @Override
    public int hashCode() {
      return Integer.hashCode(handles);
    }

    /** The number, for messages. */
    @Override
    public String toString() {
      return handles + " handles";
    }
  }

  /** Options for opening a device. Not thread-safe. */
  public static final class Builder {

    private boolean timing;
    private boolean allowPageable;
    private boolean makeCurrent = true;

    private Builder() {}

    /**
     * Whether {@link #open} leaves the device's context current on the calling thread, so that
     * JCuda's own calls work there. On by default. If several devices are opened this way, the last
     * one is current. Calls of this library never need it.
     *
     * @param current false to leave the thread's current context as it is
     * @return this
     */
    public Builder makeCurrent(boolean current) {
      makeCurrent = current;
      return this;
    }

    /**
     * Makes events that measure time, see {@link CudaDevice#elapsedMillis}. Off by default, as such
     * events cost the device a little.
     *
     * @param measure whether they do
     * @return this
     */
    public Builder timing(boolean measure) {
      timing = measure;
      return this;
    }

    /**
     * Whether ordinary memory is used where the driver refuses pinned memory. Copies from it are
     * staged by the driver and hold up the thread that queues them; {@link
     * PinnedBuffer#isPageable()} and the loader's statistics say so. Off by default: a refusal is
     * an error, in {@code open} and {@code attach} too. Kernels always need pinned memory for their
     * arguments.
     *
     * @param allow whether it may be used
     * @return this
     */
    public Builder allowPageable(boolean allow) {
      allowPageable = allow;
      return this;
    }

    /**
     * Opens a device by its number: retains its primary context and makes it current on the calling
     * thread, unless {@link #makeCurrent makeCurrent(false)} was called.
     *
     * @param ordinal the number, from 0
     * @return an open device, to be closed by the caller
     * @throws IllegalArgumentException if there is no device of this number
     * @throws DeviceException if CUDA cannot be used here; the message says why
     */
    public CudaDevice open(int ordinal) {
      int version = CudaNatives.start();
      Info info = info(ordinal);
      CUdevice device = device(ordinal);
      CUcontext primary = new CUcontext();
      String name = nameOf(ordinal);
      CudaDriver.call(
          name,
          "cuDevicePrimaryCtxRetain",
          (c, d) -> cuDevicePrimaryCtxRetain(c, d),
          primary,
          device);
      return make(new CudaContext(name, primary, device), makeCurrent, info, version, this);
    }

    /**
     * Uses a context of the application.
     *
     * @param context made by the application, and destroyed by it, after this device and everything
     *     made here is closed; the calling thread's current context stays what it is
     * @return an open device, to be closed by the caller, which leaves the context alone
     * @throws DeviceException if CUDA cannot be used here, or the context not; the message says why
     */
    public CudaDevice attach(CUcontext context) {
      Objects.requireNonNull(context, "context");
      int version = CudaNatives.start();
      CUdevice device = new CUdevice();
      CudaDriver.call("cuda", "cuCtxPushCurrent", c -> cuCtxPushCurrent(c), context);
      try {
        CudaDriver.call("cuda", "cuCtxGetDevice", d -> cuCtxGetDevice(d), device);
      } finally {
        CudaDriver.call("cuda", "cuCtxPopCurrent", c -> cuCtxPopCurrent(c), new CUcontext());
      }
      Info info = ordinalOf(device);
      return make(
          new CudaContext(nameOf(info.ordinal()), context, null), false, info, version, this);
    }
  }

  private CudaDevice(CudaContext context, Info info, int driverVersion, Builder options) {
    this.context = context;
    this.info = info;
    this.driverVersion = driverVersion;
    timing = options.timing;
    allowPageable = options.allowPageable;
    // A thread that synchronises sleeps instead of spinning.
    eventFlags =
        CUevent_flags.CU_EVENT_BLOCKING_SYNC
            | (timing ? CUevent_flags.CU_EVENT_DEFAULT : CUevent_flags.CU_EVENT_DISABLE_TIMING);
    defaultStream = new CudaStream(this, CU_STREAM_LEGACY, CudaStream.Owner.DRIVER);
    boolean pushed = context.enter();
    try {
      arguments = CudaArguments.allocate(name(), allowPageable);
      context.freesInTheEnd(arguments::free);
      staging = CudaStaging.allocate(name(), allowPageable);
      context.freesInTheEnd(staging::free);
      words = CudaWords.allocateIfAsked(name());
      if (words != null) {
        context.freesInTheEnd(words::free);
      }
    } finally {
      context.exit(pushed);
    }
  }

  /** Makes the device of a context, or gives the context back. */
  private static CudaDevice make(
      CudaContext context, boolean current, Info info, int driverVersion, Builder options) {
    try {
      if (current) {
        context.makeCurrent();
      }
      return new CudaDevice(context, info, driverVersion, options);
    } catch (Throwable t) {
      try {
        context.close();
      } catch (Throwable refused) {
        t.addSuppressed(refused);
      }
      throw t;
    }
  }

  /**
   * Options for opening a device.
   *
   * @return a builder with the defaults
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Opens a device by its number: retains its primary context and makes it current on the calling
   * thread.
   *
   * @param ordinal the number, from 0
   * @return an open device, to be closed by the caller
   * @throws IllegalArgumentException if there is no device of this number
   * @throws DeviceException if CUDA cannot be used here; the message says why
   */
  public static CudaDevice open(int ordinal) {
    return builder().open(ordinal);
  }

  /**
   * Uses a context of the application, see {@link Builder#attach}.
   *
   * @param context made by the application, and destroyed by it, after this device and everything
   *     made here is closed
   * @return an open device, to be closed by the caller, which leaves the context alone
   * @throws DeviceException if CUDA cannot be used here, or the context not; the message says why
   */
  public static CudaDevice attach(CUcontext context) {
    return builder().attach(context);
  }

  /**
   * The CUDA devices of this machine.
   *
   * @return all of them, in the order of their numbers
   * @throws DeviceException if CUDA cannot be used here; the message says why
   */
  public static List<Info> list() {
    CudaNatives.start();
    List<Info> devices = new ArrayList<>();
    for (int i = 0; i < CudaNatives.deviceCount(); i++) {
      devices.add(info(i));
    }
    return List.copyOf(devices);
  }

  /**
   * Why CUDA cannot be used here, in plain words: no driver, one that is too old, no device, one
   * that another process holds exclusively, or JCuda's libraries missing. The answer is found anew
   * at each call, and asking breaks nothing that would work later. It makes a context on device 0
   * and gives it back, which takes as long as {@link #open} unless the process has one already.
   *
   * @return empty if it can be used
   */
  public static Optional<String> whyUnavailable() {
    return CudaNatives.whyUnavailable();
  }

  /**
   * Loads the native library of one of JCuda's other classes, such as {@code JCublas2}, with the
   * same care as JCuda's own. Left to itself such a class unpacks its library to a fixed name in
   * the shared folder for temporary files, trusts what it finds there, and fails in its static
   * initialiser, for good, if CUDA's library is not installed. Call this before its first use:
   *
   * <pre>{@code
   * CudaDevice.loadLibrary(JCublas2.class); // a class literal initialises nothing
   * }</pre>
   *
   * <p>A refusal breaks nothing on Linux: once the library is there, the next call finds it. On
   * Windows it is final, as it is if the class failed before this was called. If the class works
   * already, nothing happens. The first call takes some 0.1 s. For this time the property {@code
   * java.io.tmpdir} names another folder. May be called from any thread; calls wait for each other
   * and for an {@link #open} under way, those in other class loaders too.
   *
   * @param binding the class, such as {@code jcuda.jcublas.JCublas2.class}; initialised by this
   * @throws IllegalArgumentException if it is no class of JCuda's
   * @throws DeviceException if CUDA cannot be used here, or the library is missing or does not
   *     load; the message says what to install
   */
  public static void loadLibrary(Class<?> binding) {
    if (!Objects.requireNonNull(binding, "binding").getName().startsWith("jcuda.")) {
      throw new IllegalArgumentException(
          binding.getName() + " is no class of JCuda's: pass one such as JCublas2.class");
    }
    CudaNatives.loadLibrary(binding);
  }

  private static Info info(int ordinal) {
    CUdevice device = device(ordinal);
    String where = nameOf(ordinal);
    byte[] name = new byte[256];
    CudaDriver.call(
        where, "cuDeviceGetName", (n, d) -> cuDeviceGetName(n, n.length, d), name, device);
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    long[] bytes = {0};
    CudaDriver.call(where, "cuDeviceTotalMem", (b, d) -> cuDeviceTotalMem(b, d), bytes, device);
    return new Info(
        ordinal,
        new String(name, 0, length, StandardCharsets.UTF_8),
        bytes[0],
        attribute(where, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
        attribute(where, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device));
  }

  private static int attribute(String where, int attribute, CUdevice device) {
    int[] value = {0};
    CudaDriver.call(
        where,
        "cuDeviceGetAttribute",
        (v, d) -> cuDeviceGetAttribute(v, attribute, d),
        value,
        device);
    return value[0];
  }

  private static CUdevice device(int ordinal) {
    int count = CudaNatives.deviceCount();
    if (ordinal < 0 || ordinal >= count) {
      throw new IllegalArgumentException(
          "there is no CUDA device "
              + ordinal
              + ": this machine has "
              + (count == 1 ? "one, number 0" : count + ", numbers 0 to " + (count - 1)));
    }
    CUdevice device = new CUdevice();
    CudaDriver.call(nameOf(ordinal), "cuDeviceGet", (d, i) -> cuDeviceGet(d, i), device, ordinal);
    return device;
  }

  /** The driver gives a context's device as a handle only. */
  private static Info ordinalOf(CUdevice device) {
    for (int i = 0; i < CudaNatives.deviceCount(); i++) {
      if (device(i).equals(device)) {
        return info(i);
      }
    }
    throw new DeviceException(
        "cuda: the context belongs to a device that is not listed; attach to one of the devices of"
            + " CudaDevice.list()");
  }

  private static String nameOf(int ordinal) {
    return "cuda:" + ordinal;
  }

  CudaContext context() {
    return context;
  }

  /** For kernels; as long as one is open. */
  CudaArguments arguments() {
    return arguments;
  }

  /** For reads; as long as one is under way. */
  CudaStaging staging() {
    return staging;
  }

  /**
   * What this device is.
   *
   * @return number, model, memory and compute capability
   */
  public Info info() {
    return info;
  }

  @Override
  public String name() {
    return context.name;
  }

  @Override
  public String description() {
    return "%s (%s, CUDA driver %s)"
        .formatted(name(), info.details(), CudaNatives.versionText(driverVersion));
  }

  /**
   * Makes a stream of the application known here, so that it can be named to a loader. The result
   * stands for the stream and does not own it: closing the result leaves the stream as it is.
   *
   * @param stream made in this device's context, and not destroyed before every batch got for it is
   *     closed and every wrapper out of use: a driver need not notice (undefined behaviour)
   * @return the stream; equal to any other wrapper of the same one
   * @throws IllegalArgumentException if the stream belongs to another context; or is CUDA's
   *     per-thread default stream, which is another one on each thread
   * @throws DeviceException if the driver does not know the stream
   * @throws IllegalStateException if this device is closed
   */
  public DeviceStream wrap(CUstream stream) {
    Objects.requireNonNull(
        stream, "stream: for the default stream call defaultStream(), or pass new CUstream()");
    if (stream.equals(CU_STREAM_PER_THREAD)) {
      throw new IllegalArgumentException(
          "the per-thread default stream is another stream on each thread, so the loader cannot"
              + " follow it: make a stream with cuStreamCreate and wrap that");
    }
    if (stream.equals(CU_STREAM_LEGACY) || stream.equals(new CUstream())) {
      return defaultStream;
    }
    return make(
        () -> {
          requireOwn(stream);
          return new CudaStream(this, stream, CudaStream.Owner.APPLICATION);
        });
  }

  private void requireOwn(CUstream stream) {
    CUcontext owner = new CUcontext();
    CudaDriver.call(name(), "cuStreamGetCtx", (s, c) -> cuStreamGetCtx(s, c), stream, owner);
    if (!owner.equals(context.handle)) {
      throw new IllegalArgumentException(
          "the stream belongs to another context than "
              + name()
              + ": make it while this device's context is current, or attach the device to the"
              + " stream's context");
    }
  }

  /**
   * Where a buffer lies, for kernels and libraries. Asks the guards of a slice now, and never again
   * for the pointer: it must not be used behind the close of the batch.
   *
   * @param buffer memory of a CUDA device, or a slice of it
   * @return the address of its first byte; a new object of 40 bytes
   * @throws IllegalArgumentException if the buffer belongs to no CUDA device
   * @throws IllegalStateException if the buffer is closed, or a guard of the slice refuses
   */
  public static CUdeviceptr pointer(DeviceBuffer buffer) {
    if (!(Objects.requireNonNull(buffer, "buffer") instanceof CudaBuffer own)) {
      throw new IllegalArgumentException(
          "pointer() works on CUDA devices only, and this buffer belongs to "
              + buffer.device().name()
              + ": HostDevice.bytes shows it");
    }
    own.useMemory().done();
    return own.base().withByteOffset(own.start());
  }

  /**
   * The driver's handle of a stream, for JCuda and other libraries. Those on the runtime API take
   * {@code new cudaStream_t(CudaDevice.stream(stream))}. Work queued there runs after what is
   * queued already, as on {@code stream} itself.
   *
   * @param stream a stream of a CUDA device, of whatever origin; must outlive the use of the handle
   * @return the handle, which is not to be destroyed; {@code CU_STREAM_LEGACY} for the default
   *     stream
   * @throws IllegalArgumentException if the stream belongs to no CUDA device
   * @throws IllegalStateException if the stream is closed
   */
  public static CUstream stream(DeviceStream stream) {
    if (!(Objects.requireNonNull(stream, "stream") instanceof CudaStream own)) {
      throw new IllegalArgumentException(
          "stream() works on CUDA devices only, and this stream belongs to "
              + stream.device().name()
              + ": open a CUDA device and make the stream there");
    }
    own.use();
    own.done();
    return own.handle;
  }

  /**
   * The time between two marks, as the device measured it.
   *
   * @param from recorded first, complete
   * @param to recorded later, complete
   * @return milliseconds, to about half a microsecond
   * @throws IllegalStateException if the device was not opened with {@code timing(true)}, or an
   *     event was never recorded or is closed
   * @throws IllegalArgumentException if an event belongs to another device
   * @throws DeviceException if a mark is not complete yet, or the work before it failed
   */
  public float elapsedMillis(DeviceEvent from, DeviceEvent to) {
    Objects.requireNonNull(from, "from");
    Objects.requireNonNull(to, "to");
    if (!timing) {
      throw new IllegalStateException(
          name() + " does not measure time: open it with CudaDevice.builder().timing(true)");
    }
    CudaEvent first = own(from);
    CudaEvent second = own(to);
    if (!first.isCompleteByDriver() || !second.isCompleteByDriver()) {
      throw new DeviceException(name() + ": the marks are not complete yet: synchronise first");
    }
    boolean pushed = first.begin();
    try {
      second.use();
      try {
        float[] millis = {0};
        CudaDriver.call(
            name(),
            "cuEventElapsedTime",
            (ms, end) -> cuEventElapsedTime(ms, first.handle, end),
            millis,
            second.handle);
        return millis[0];
      } finally {
        second.done();
      }
    } finally {
      first.end(pushed);
    }
  }

  @Override
  public PinnedBuffer allocatePinned(long bytes) {
    if (bytes < 1 || bytes > CudaPinned.MAX_BYTES) {
      throw new IllegalArgumentException(
          "a pinned buffer has 1 to "
              + CudaPinned.MAX_BYTES
              + " bytes, not "
              + bytes
              + "; split it");
    }
    return make(() -> CudaPinned.allocate(this, (int) bytes, allowPageable));
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(
          "a device buffer has at least 1 byte, not " + bytes + ": ask for what it shall hold");
    }
    return make(() -> CudaMemory.allocate(this, bytes));
  }

  @Override
  public DeviceBuffer map(PinnedBuffer pinned) {
    CudaPinned own = own(pinned, "pinned");
    boolean pushed = own.begin();
    try {
      return new CudaMapped(own, own.devicePointer());
    } finally {
      own.end(pushed);
    }
  }

  @Override
  public DeviceStream newStream() {
    return make(
        () -> {
          CUstream stream = new CUstream();
          CudaDriver.call(
              name(),
              "cuStreamCreate",
              (s, flags) -> cuStreamCreate(s, flags),
              stream,
              CUstream_flags.CU_STREAM_NON_BLOCKING);
          return new CudaStream(this, stream, CudaStream.Owner.PENTROUGH);
        });
  }

  /** {@inheritDoc} */
  @Override
  public DeviceStream defaultStream() {
    return defaultStream;
  }

  @Override
  public DeviceEvent newEvent() {
    return make(() -> CudaEvent.create(context, eventFlags, words));
  }

  @Override
  public DeviceModule load(KernelSource source) {
    Objects.requireNonNull(source, "source");
    return make(() -> CudaModule.load(this, source));
  }

  private <T extends AutoCloseable> T make(Supplier<T> maker) {
    return makeCounted(context::handleComes, maker);
  }

  /** Makes a handle on behalf of one that exists: also on a device that is closed. */
  <T extends AutoCloseable> T makeLate(Supplier<T> maker) {
    return makeCounted(context::handleComesLate, maker);
  }

  /** Counts a handle before it is made, so that the context cannot go meanwhile. */
  private <T extends AutoCloseable> T makeCounted(Runnable count, Supplier<T> maker) {
    count.run();
    @Nullable T made = null;
    try {
      boolean pushed = context.enter();
      try {
        made = maker.get();
      } finally {
        context.exit(pushed);
      }
      return Objects.requireNonNull(made);
    } catch (Throwable t) {
      giveUp(made, t);
      throw t;
    }
  }

  private void giveUp(@Nullable AutoCloseable made, Throwable why) {
    try {
      if (made == null) {
        context.handleGone();
      } else {
        made.close();
      }
    } catch (Exception e) {
      why.addSuppressed(e);
    }
  }

  @Override
  public void bindThread() {
    context.bindThread();
  }

  @Override
  public boolean beginCalls() {
    return context.beginCalls();
  }

  @Override
  public void endCalls(boolean begun) {
    context.endCalls(begun);
  }

  /**
   * What this device has handed out and not got back: zero when everything is closed.
   *
   * @return a consistent snapshot
   */
  public Usage liveResources() {
    return new Usage(context.handles());
  }

  /**
   * {@inheritDoc}
   *
   * <p>Then the memory that the device keeps for itself is freed (1.25 MiB of pinned memory, for
   * the arguments of kernels and the bytes of reads), and the primary context is released. In both
   * a driver may wait until all work queued in the context has run, including that of others. A
   * thread on which the context is current keeps it. From then on the driver refuses that context,
   * unless somebody else retains it.
   *
   * @throws DeviceException if the driver refuses to release the context
   */
  @Override
  public void close() {
    context.close();
  }

  CudaPinned own(PinnedBuffer pinned, String what) {
    if (Objects.requireNonNull(pinned, what) instanceof CudaPinned own && own.device == this) {
      return own;
    }
    throw foreign("pinned buffer");
  }

  CudaBuffer own(DeviceBuffer buffer, String what) {
    if (Objects.requireNonNull(buffer, what) instanceof CudaBuffer own && own.device() == this) {
      return own;
    }
    throw foreign("device buffer");
  }

  CudaStream own(DeviceStream stream) {
    if (Objects.requireNonNull(stream, "stream") instanceof CudaStream own
        && own.device() == this) {
      return own;
    }
    throw foreign("stream");
  }

  CudaEvent own(DeviceEvent event) {
    if (Objects.requireNonNull(event, "event") instanceof CudaEvent own && own.context == context) {
      return own;
    }
    throw foreign("event");
  }

  private IllegalArgumentException foreign(String what) {
    return new IllegalArgumentException(
        "the " + what + " belongs to another device; use one made by the same " + name());
  }
}
