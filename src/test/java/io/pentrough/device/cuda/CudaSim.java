package io.pentrough.device.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Controls the software CUDA driver (src/test/c): how it schedules, what fails, what has happened.
 *
 * <p>All methods may be called from any thread. The driver is one per JVM, so are its settings.
 */
public final class CudaSim {

  /** When the operations of streams run. */
  public enum Schedule {
    /** On a thread for each stream, as fast as they can. */
    THREADS,
    /** Inside calls of the driver, by choices that the seed fixes for a given order of calls. */
    SEEDED,
    /** On threads, each at least {@link #lag} after it was queued unless somebody waits for it. */
    LAG,
    /** As {@link #LAG}, and host touches of pinned memory in use are caught. */
    RACE,
    /**
     * As {@link #THREADS}, and all that a real driver may do against a caller: calls that wait for
     * the whole context, streams that are full, streams that share a hardware queue, and more, see
     * src/test/c/README.md.
     */
    STRICT
  }

  /** What the application has and has not given back, in numbers. */
  public record Live(
      long deviceBuffers,
      long deviceBytes,
      long pinnedBuffers,
      long pinnedBytes,
      long streams,
      long events,
      long contexts,
      long modules,
      long cublasHandles) {

    /** Nothing at all. */
    public static final Live NONE = new Live(0, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  /**
   * How much of a kernel has run.
   *
   * @param executed how many of its instructions were; one with a predicate that never held was not
   * @param total how many it has
   * @param missing the PTX lines of those that were not
   */
  public record Coverage(String kernel, int executed, int total, List<Integer> missing) {}

  private static final int DRIVER_VERSION = 12060;

  private static String configuration = "schedule THREADS, seed 0";

  private CudaSim() {}

  private static final class Loaded {

    static {
      Path driver =
          Path.of(
              System.getProperty(
                  "pentrough.softwareCuda.library", "target/software-cuda/libcuda.so.1"));
      load(driver);
      load(driver.resolveSibling("libcublas.so.12")); // looks for the driver by its name
    }

    private static void load(Path library) {
      if (!Files.isRegularFile(library)) {
        throw new IllegalStateException(
            "%s is not there; build it: mvn test-compile, or src/test/c/build.sh"
                .formatted(library.toAbsolutePath()));
      }
      System.load(library.toAbsolutePath().toString());
    }

    static void touch() {}
  }

  /**
   * Loads the software driver and the software cuBLAS in the place of the real ones; before the
   * first use of JCuda and of JCublas.
   */
  public static void load() {
    Loaded.touch();
  }

  /**
   * Ends all contexts and puts back what was set but the schedule and the seed: no faults, default
   * sizes and speeds, zero counters, no leaks, no violations. The choices of the seed start anew.
   */
  public static void reset() {
    reset0();
  }

  /**
   * Sets the schedule; the choices of the seed start anew.
   *
   * @throws IllegalStateException if streams are live or busy
   */
  public static synchronized void configure(Schedule schedule, long seed) {
    if (!configure0(schedule.name(), seed)) {
      throw new IllegalStateException("streams are live or busy: %s".formatted(live()));
    }
    configuration = "schedule %s, seed %d".formatted(schedule, seed);
  }

  /** The schedule and the seed, for messages. */
  public static synchronized String configuration() {
    return configuration;
  }

  /**
   * Makes an occurrence of a call or of an operation fail.
   *
   * @param call the symbol of the driver or of cuBLAS, such as {@code cuMemAlloc_v2}, {@code
   *     cublasSgemm_v2}; or {@code exec:} and {@code copyHtoD}, {@code copyDtoH}, {@code copyDtoD},
   *     {@code memset}, {@code record}, {@code wait}, {@code waitValue}, {@code writeValue}, {@code
   *     hostFunction}, {@code callback}, {@code kernel} (cuBLAS's products too): an operation that
   *     fails when it runs, which its context does not survive
   * @param nth which one from now on, the next is 1
   * @param code what it answers: a {@code CUresult}, or a {@code cublasStatus} from cuBLAS
   */
  public static void fault(String call, long nth, int code) {
    if (!fault0(call, nth, code)) {
      throw new IllegalArgumentException(
          "no call or operation is named %s; mind the suffix, as in cuMemAlloc_v2".formatted(call));
    }
  }

  public static void clearFaults() {
    clearFaults0();
  }

  /** How often each call was made since the last reset, by the driver's symbol. */
  public static Map<String, Long> calls() {
    Map<String, Long> calls = new TreeMap<>();
    for (String line : lines(calls0())) {
      int space = line.indexOf(' ');
      calls.put(line.substring(0, space), Long.valueOf(line.substring(space + 1)));
    }
    return calls;
  }

  public static Live live() {
    long[] n = live0();
    return new Live(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]);
  }

  /** What was done that must not be done, in words; each is told once. */
  public static List<String> violations() {
    return lines(violations0());
  }

  /** What was not given back and which call made it; also what was lost with its context. */
  public static List<String> leaks() {
    return lines(leaks0());
  }

  /** Asynchronous copies from or to memory that is not pinned, since the last reset. */
  public static long pageableAsyncCopies() {
    return pageableAsyncCopies0();
  }

  /** The calls and choices of the seeded schedule since this was last asked. */
  public static List<String> log() {
    return lines(log0());
  }

  /** The newest PTX that the driver takes, such as 8.0, which it is after each reset. */
  public static void newestPtx(int major, int minor) {
    newestPtx0(10 * major + minor);
  }

  /** How long a kernel may run before it fails as one that never ends, with code 702. */
  public static void kernelLimit(long micros) {
    kernelLimit0(1000 * micros);
  }

  /**
   * How long a call of the strict schedule waits, with nothing going on, for what may never come,
   * before that is a violation and the call goes on; 5 s after each reset.
   */
  public static void patience(long micros) {
    patience0(1000 * micros);
  }

  /**
   * How many hardware queues a context has for the streams made from now on, in the strict
   * schedule: 8 after each reset, as a driver has by default. With CUDA_DEVICE_MAX_CONNECTIONS it
   * has up to 32, which tests need that hold streams up.
   */
  public static void hardwareQueues(int queues) {
    hardwareQueues0(queues);
  }

  /**
   * What of each kernel of a PTX text has run in this JVM since {@link #clearCoverage}; resets do
   * not touch it. Empty if the text was never loaded.
   */
  public static List<Coverage> coverage(String ptx) {
    List<Coverage> kernels = new ArrayList<>();
    for (String line : lines(coverage0(ptx))) {
      String[] words = line.split(" ");
      kernels.add(
          new Coverage(
              words[0],
              Integer.parseInt(words[1]),
              Integer.parseInt(words[2]),
              Arrays.stream(words).skip(3).map(Integer::valueOf).toList()));
    }
    return kernels;
  }

  public static void clearCoverage() {
    clearCoverage0();
  }

  /** How many devices there are, at most 8; none makes {@code cuInit} refuse. */
  public static void devices(int devices) {
    devices0(devices, DRIVER_VERSION);
  }

  /** The driver's version, such as 12060, and two devices. */
  public static void driverVersion(int version) {
    devices0(2, version);
  }

  public static void deviceMemory(long bytes) {
    memory0(bytes, -1);
  }

  public static void pinnedMemory(long bytes) {
    memory0(-1, bytes);
  }

  /** The speed of copies, except in the seeded schedule, where time does not exist. */
  public static void bandwidth(double gigabytesPerSecond, long latencyMicros) {
    speed0(gigabytesPerSecond, 1000 * latencyMicros);
  }

  public static void lag(long micros) {
    lag0(1000 * micros);
  }

  /**
   * Returns when the stream cannot go on by itself: it is idle, waits for a word that has not been
   * written, or waits for a stream that does. A default stream needs a current context.
   *
   * @param stream the native handle
   */
  public static void settle(long stream) {
    if (!settle0(stream)) {
      throw new IllegalArgumentException("0x%x is no live stream".formatted(stream));
    }
  }

  /** How many threads wait, inside a call of theirs, for a stream or an event. */
  public static int waiting() {
    return waiting0();
  }

  /** Reads a byte anywhere in the process, as a stray pointer would; may end the JVM. */
  public static byte peek(long address) {
    return peek0(address);
  }

  /** Writes a byte anywhere in the process, as a stray pointer would; may end the JVM. */
  public static void poke(long address, int value) {
    poke0(address, (byte) value);
  }

  /** Makes the device fail now: all its contexts answer this code from now on. */
  public static void killContext(int device, int code) {
    killContext0(device, code);
  }

  private static List<String> lines(String text) {
    return text.lines().toList();
  }

  private static native void reset0();

  private static native boolean configure0(String schedule, long seed);

  private static native boolean fault0(String call, long nth, int code);

  private static native void clearFaults0();

  private static native String calls0();

  private static native long[] live0();

  private static native String violations0();

  private static native String leaks0();

  private static native long pageableAsyncCopies0();

  private static native String log0();

  private static native void devices0(int devices, int driverVersion);

  private static native void memory0(long deviceBytes, long pinnedBytes);

  private static native void speed0(double bytesPerNano, long latencyNanos);

  private static native void lag0(long nanos);

  private static native boolean settle0(long stream);

  private static native int waiting0();

  private static native byte peek0(long address);

  private static native void poke0(long address, byte value);

  private static native void newestPtx0(int version);

  private static native void kernelLimit0(long nanos);

  private static native void patience0(long nanos);

  private static native void hardwareQueues0(int queues);

  private static native String coverage0(String ptx);

  private static native void clearCoverage0();

  private static native void killContext0(int device, int code);
}
