package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.CU_STREAM_LEGACY;
import static jcuda.driver.JCudaDriver.CU_STREAM_PER_THREAD;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
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
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
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
 * <pre>{@code
 * try (CudaDevice cuda = CudaDevice.open(0)) { // its context is now current on this thread
 *   CUstream cuStream = new CUstream();
 *   JCudaDriver.cuStreamCreate(cuStream, CUstream_flags.CU_STREAM_NON_BLOCKING);
 *   try (DeviceStream stream = cuda.wrap(cuStream);
 *       BackgroundLoader loader =
 *           BackgroundLoader.builder(cuda, spec, target).consumerStream(stream).start();
 *       DeviceBatch batch = loader.getQueued()) {
 *     CUdeviceptr image = CudaDevice.pointer(batch.array("image").buffer());
 *     train(image, cuStream); // queues kernels on your stream
 *   }
 *   JCudaDriver.cuStreamDestroy(cuStream);
 * }
 * }</pre>
 *
 * <p><b>Contexts.</b> {@link #open(int)} uses the device's primary context. CUDA's runtime API,
 * cuBLAS and other libraries in the process share it. It stays current on the thread that opened
 * the device, so that JCuda's own calls work there; {@link Builder#makeCurrent} turns that off.
 * {@link #attach(CUcontext)} uses a context of the application and never destroys it. That context
 * must outlive everything made here.
 *
 * <p>If another context is current on a thread, or none, a call makes this device's context current
 * until it returns, and then restores the thread's own. Threads of the loader bind the context
 * once. They relax their stream capture mode, so that they cannot break a running capture.
 *
 * <p><b>Streams.</b> {@link #newStream()} makes a non-blocking stream. {@link #wrap(CUstream)}
 * makes the application's stream usable here, and {@link #stream(DeviceStream)} returns any
 * stream's handle.
 *
 * <p>{@link #defaultStream()} is CUDA's legacy default stream. It synchronises with the
 * <em>blocking</em> streams of this context, which are made with flag 0. It does not synchronise
 * with non-blocking streams, nor with CUDA's per-thread default stream. A loop that works on one of
 * those must name it to the loader.
 *
 * <p><b>JCuda.</b> This library does not change JCuda's log level, nor its switch for exceptions.
 * Leave the switch off: otherwise each poll of a pending event throws an exception inside JCuda.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class CudaDevice implements Device {

  private final CudaContext context;
  private final CudaHandles handles;
  private final Info info;
  private final int driverVersion;
  private final int eventFlags;
  private final boolean timing;
  private final boolean allowPageable;
  private final CudaStream defaultStream;
  private final CudaArguments arguments;
  private final CudaStaging staging;
  private final @Nullable CudaWords words;

  /** A description of a device. Immutable; equal if all of it is equal. */
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
     * The device's number, for {@link #open(int)}.
     *
     * @return the number, from 0
     */
    public int ordinal() {
      return ordinal;
    }

    /**
     * The device's model.
     *
     * @return the name that the driver gives
     */
    public String name() {
      return name;
    }

    /**
     * The size of the device's memory.
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
     * The compute capability, after the dot.
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
      return CudaDevices.nameOf(ordinal) + " (" + details() + ")";
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
   * What a device has handed out that is not closed yet. The default stream does not count.
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
     * The number of open buffers, streams (including wrapped ones), events, modules and kernels.
     *
     * @return the number
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
      return CudaContext.inWords(handles);
    }
  }

  /** Options for opening a device. Not thread safe. */
  public static final class Builder {

    private boolean timing;
    private boolean allowPageable;
    private boolean makeCurrent = true;

    private Builder() {}

    /**
     * Sets whether {@link #open} leaves the device's context current on the calling thread, so that
     * JCuda's own calls work there. On by default. If a thread opens several devices, the last one
     * is current. This library's own calls never need it.
     *
     * @param current false to leave the thread's current context unchanged
     * @return this
     */
    public Builder makeCurrent(boolean current) {
      makeCurrent = current;
      return this;
    }

    /**
     * Sets whether events measure time, see {@link CudaDevice#elapsedMillis}. Off by default, as
     * such events cost the device a little time.
     *
     * @param measure true to measure
     * @return this
     */
    public Builder timing(boolean measure) {
      timing = measure;
      return this;
    }

    /**
     * Sets whether ordinary memory is used if the driver refuses pinned memory. Off by default: a
     * refusal is an error, also in {@code open} and {@code attach}.
     *
     * <p>The driver stages copies from ordinary memory, and they block the thread that queues them.
     * {@link PinnedBuffer#isPageable()} and the loader's statistics report such memory. The
     * arguments of kernels always need pinned memory.
     *
     * @param allow true to use it
     * @return this
     */
    public Builder allowPageable(boolean allow) {
      allowPageable = allow;
      return this;
    }

    /**
     * Opens the device with this number. Retains its primary context, and makes it current on the
     * calling thread unless {@link #makeCurrent makeCurrent(false)} was called. Blocks while the
     * driver makes the context, if the process has none yet.
     *
     * @param ordinal the number, from 0
     * @return an open device, to be closed by the caller
     * @throws IllegalArgumentException if this machine has no device with this number
     * @throws DeviceException if CUDA cannot be used here; the message says why
     */
    public CudaDevice open(int ordinal) {
      int version = CudaNatives.start();
      Info info = CudaDevices.info(ordinal);
      CUdevice device = CudaDevices.device(ordinal);
      CUcontext primary = new CUcontext();
      String name = CudaDevices.nameOf(ordinal);
      CudaDriver.call(
          name,
          "cuDevicePrimaryCtxRetain",
          (c, d) -> cuDevicePrimaryCtxRetain(c, d),
          primary,
          device);
      return make(new CudaContext(name, primary, device), makeCurrent, info, version, this);
    }

    /**
     * Uses a context of the application. The calling thread's current context does not change.
     *
     * @param context a context that the application has made. The application must not destroy it
     *     before this device and everything made here is closed
     * @return an open device, to be closed by the caller; closing it does not destroy the context
     * @throws DeviceException if CUDA or the context cannot be used; the message says why
     */
    public CudaDevice attach(CUcontext context) {
      Objects.requireNonNull(context, "context");
      int version = CudaNatives.start();
      Info info = CudaDevices.of(context);
      String name = CudaDevices.nameOf(info.ordinal());
      return make(new CudaContext(name, context, null), false, info, version, this);
    }
  }

  private CudaDevice(CudaContext context, Info info, int driverVersion, Builder options) {
    this.context = context;
    handles = new CudaHandles(context);
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
   * Opens the device with this number. Retains its primary context, and makes it current on the
   * calling thread. Blocks while the driver makes the context, if the process has none yet.
   *
   * @param ordinal the number, from 0
   * @return an open device, to be closed by the caller
   * @throws IllegalArgumentException if this machine has no device with this number
   * @throws DeviceException if CUDA cannot be used here; the message says why
   */
  public static CudaDevice open(int ordinal) {
    return builder().open(ordinal);
  }

  /**
   * Uses a context of the application, see {@link Builder#attach}.
   *
   * @param context a context that the application has made. The application must not destroy it
   *     before this device and everything made here is closed
   * @return an open device, to be closed by the caller; closing it does not destroy the context
   * @throws DeviceException if CUDA or the context cannot be used; the message says why
   */
  public static CudaDevice attach(CUcontext context) {
    return builder().attach(context);
  }

  /**
   * Lists the CUDA devices of this machine.
   *
   * @return all devices, in the order of their numbers
   * @throws DeviceException if CUDA cannot be used here; the message says why
   */
  public static List<Info> list() {
    CudaNatives.start();
    return CudaDevices.list();
  }

  /**
   * Why CUDA cannot be used here, in plain words. For example, there is no driver, it is too old,
   * another process holds the device exclusively, or JCuda's libraries are missing.
   *
   * <p>Each call tries again, and a failed try breaks nothing that would work later. The call makes
   * a context on device 0 and releases it. That takes as long as {@link #open}, unless the process
   * has a context already.
   *
   * @return empty if CUDA can be used
   */
  public static Optional<String> whyUnavailable() {
    return CudaNatives.whyUnavailable();
  }

  /**
   * Loads the native library of one of JCuda's other classes, such as {@code JCublas2}. Call this
   * before the first use of the class:
   *
   * <pre>{@code
   * CudaDevice.loadLibrary(JCublas2.class); // a class literal initialises nothing
   * }</pre>
   *
   * <p>Without this call, such a class unpacks its library to a fixed name in the shared folder for
   * temporary files, and trusts a file that it finds there. If CUDA's library is not installed, its
   * static initialiser fails, and the class cannot be used any more.
   *
   * <p>On Linux a refusal breaks nothing: once the library is installed, the next call finds it. On
   * Windows a refusal is final. It is also final if the class failed before this call. If the class
   * works already, nothing happens.
   *
   * <p>The first call takes some 0.1 s. During that time the property {@code java.io.tmpdir} names
   * another folder. May be called from any thread. Calls wait for each other and for a running
   * {@link #open}, also in other class loaders.
   *
   * @param binding the class, such as {@code jcuda.jcublas.JCublas2.class}; this call initialises
   *     it
   * @throws IllegalArgumentException if it is not a class of JCuda
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

  CudaContext context() {
    return context;
  }

  CudaHandles handles() {
    return handles;
  }

  /** For open kernels. */
  CudaArguments arguments() {
    return arguments;
  }

  /** For running reads. */
  CudaStaging staging() {
    return staging;
  }

  /**
   * Describes this device.
   *
   * @return its number, model, memory and compute capability
   */
  public Info info() {
    return info;
  }

  /**
   * Where this device is plugged in. Tools that know the machine's parts take it: {@code
   * /sys/bus/pci/devices/<id>/numa_node} says which NUMA node is near, on Linux with the id in
   * lower case. May be called after {@link #close}, too.
   *
   * @return domain, bus, device and function, for example {@code 0000:65:00.0}
   * @throws DeviceException if the driver refuses to say
   */
  public String pciBusId() {
    return CudaDevices.pciBusId(info.ordinal());
  }

  /**
   * Identifies this GPU among all others, on any machine, whatever its number is in this process.
   * {@code nvidia-smi -L} shows it, and {@code CUDA_VISIBLE_DEVICES} takes it, with {@code GPU-} in
   * front. For a MIG instance it is that of the GPU. May be called after {@link #close}, too.
   *
   * @return the identifier
   * @throws DeviceException if the driver refuses to say
   */
  public UUID uuid() {
    return CudaDevices.uuid(info.ordinal());
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
   * Wraps a stream of the application, so that it can be named to a loader. Closing the result does
   * not destroy the stream.
   *
   * @param stream a stream made in this device's context. Do not destroy it before all batches that
   *     name it are closed and no wrapper is used any more. The driver need not notice a destroyed
   *     stream, and its behaviour is undefined
   * @return the wrapped stream; equal to any other wrapper of the same stream
   * @throws IllegalArgumentException if the stream belongs to another context, or is CUDA's
   *     per-thread default stream, which is a different stream on each thread
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
    return handles.make(
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
              + ": make it while this device's context is current, which bindThread() makes it, or"
              + " attach the device to the stream's context");
    }
  }

  /**
   * The address of a buffer, for kernels and libraries. The call asks the guards of a slice once;
   * the pointer itself is not guarded. Do not use it after the batch is closed.
   *
   * @param buffer memory of a CUDA device, or a slice of it
   * @return the address of the first byte; a new object of 40 bytes
   * @throws IllegalArgumentException if the buffer belongs to another kind of device
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
   * The driver's handle of a stream, for JCuda and other libraries. For libraries on the runtime
   * API, use {@code new cudaStream_t(CudaDevice.stream(stream))}. Work that is queued through the
   * handle runs in the order of the stream.
   *
   * @param stream a stream of a CUDA device; do not close it while the handle is used
   * @return the handle, which must not be destroyed; {@code CU_STREAM_LEGACY} for the default
   *     stream
   * @throws IllegalArgumentException if the stream belongs to another kind of device
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
   * The time between two recorded events, as the device measured it.
   *
   * @param from a complete event
   * @param to a complete event that was recorded later
   * @return the time in milliseconds, accurate to about half a microsecond
   * @throws IllegalStateException if the device was not opened with {@code timing(true)}, or an
   *     event was never recorded or is closed
   * @throws IllegalArgumentException if an event belongs to another device
   * @throws DeviceException if an event is not complete yet, or the work before it failed
   */
  public float elapsedMillis(DeviceEvent from, DeviceEvent to) {
    Objects.requireNonNull(from, "from");
    Objects.requireNonNull(to, "to");
    if (!timing) {
      throw new IllegalStateException(
          name() + " does not measure time: open it with CudaDevice.builder().timing(true)");
    }
    return own(from).elapsedMillis(own(to));
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
    return handles.make(() -> CudaPinned.allocate(this, (int) bytes, allowPageable));
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(
          "a device buffer has at least 1 byte, not " + bytes + ": ask for what it shall hold");
    }
    return handles.make(() -> CudaMemory.allocate(this, bytes));
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
    return handles.make(
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
    return handles.make(() -> CudaEvent.create(context, eventFlags, words));
  }

  @Override
  public DeviceModule load(KernelSource source) {
    Objects.requireNonNull(source, "source");
    return handles.make(() -> CudaModule.load(this, source));
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
   * What this device has handed out that is not closed yet.
   *
   * @return a consistent snapshot; 0 handles when everything is closed
   */
  public Usage liveResources() {
    return new Usage(context.handles());
  }

  /**
   * {@inheritDoc}
   *
   * <p>The device then frees its own memory (1.25 MiB of pinned memory, for the arguments of
   * kernels and the bytes of reads) and releases the primary context. In both the driver may block
   * until all work queued in the context has run, including the work of others. The context stays
   * current on threads where it was. The driver refuses to use it from then on, unless it is
   * retained elsewhere.
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
