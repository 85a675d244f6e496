package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaRuns;
import io.pentrough.device.cuda.CudaWork;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

/**
 * The device that a run of the tests is about, and what the tests do with it that the interfaces of
 * devices do not offer. For classes that are {@link OnEveryDevice}.
 */
public final class TestDevice {

  /** Whether it is CUDA: Maven's execution "cuda" says so by this property. */
  public static final boolean IS_CUDA =
      System.getProperty("pentrough.softwareCuda.library") != null;

  private static final Queue<Device> OPENED = new ConcurrentLinkedQueue<>();

  private TestDevice() {}

  /**
   * How often to do what a test repeats: less on the software driver, where there are many runs,
   * and streams take their time.
   */
  public static int effort(int usual) {
    return IS_CUDA && !CudaRuns.REAL ? usual / 10 : usual;
  }

  /** Opens the device. Behind the test it is closed, and the test fails if something is left. */
  public static Device open() {
    Device device = IS_CUDA ? CudaDevice.open(0) : HostDevice.open();
    OPENED.add(device);
    return device;
  }

  /**
   * Opens several devices, each with its own memory and streams. On CUDA the test is skipped if the
   * machine has not so many; the software driver has two.
   */
  public static List<Device> open(int devices) {
    assumeTrue(!IS_CUDA || CudaDevice.list().size() >= devices);
    List<Device> opened = new ArrayList<>();
    for (int i = 0; i < devices; i++) {
      opened.add(IS_CUDA ? CudaDevice.open(i) : HostDevice.open());
    }
    OPENED.addAll(opened);
    return List.copyOf(opened);
  }

  /**
   * Closes what the test has opened; for extensions. Throws if a device is not given everything.
   */
  public static void closeOpened() {
    List<Device> opened = new ArrayList<>();
    for (Device device = OPENED.poll(); device != null; device = OPENED.poll()) {
      opened.add(device);
    }
    assertAll(
        opened.stream()
            .map(
                device ->
                    () -> {
                      assertNothingLive(device);
                      device.close();
                    }));
  }

  /**
   * Opens the device for tests that use gates or late readers. What those need is made now: a
   * driver may wait for held streams when it allocates.
   */
  public static Device openForGates() {
    if (IS_CUDA) {
      CudaWork.prepareGates();
    }
    return open();
  }

  /**
   * What a buffer holds now, in native byte order: on the host the bytes themselves, on CUDA a copy
   * made behind the work of the default stream.
   */
  public static ByteBuffer bytes(DeviceBuffer buffer) {
    if (!IS_CUDA) {
      return HostDevice.bytes(buffer);
    }
    ByteBuffer copy = ByteBuffer.allocate((int) buffer.bytes());
    buffer.device().defaultStream().read(buffer, copy);
    return copy.flip().order(ByteOrder.nativeOrder());
  }

  /**
   * Runs work on a thread of the device, behind what is queued on the stream. It must neither throw
   * nor call the device nor wait: under the seeded schedule it runs inside somebody's call. What
   * has to wait waits at a {@link #gate}.
   */
  public static void launch(DeviceStream stream, Runnable work) {
    if (IS_CUDA) {
      CudaWork.launch(stream, work);
    } else {
      HostDevice.launch(stream, work);
    }
  }

  /** Holds a stream up. */
  public interface Gate extends AutoCloseable {

    /** Lets the stream go on. Idempotent. */
    void open();

    /** Opens it, and gives it back once the device has gone through. */
    @Override
    void close();
  }

  /**
   * Holds what is queued on the stream from now on, until the gate is opened. The test has opened
   * its device with {@link #openForGates()}.
   */
  public static Gate gate(DeviceStream stream) {
    return stream.device() instanceof CudaDevice ? CudaWork.gate(stream) : new HostGate(stream);
  }

  private static final class HostGate implements Gate {
    private final CountDownLatch opened = new CountDownLatch(1);

    HostGate(DeviceStream stream) {
      HostDevice.launch(stream, this::await);
    }

    private void await() {
      try {
        Patience.await(opened);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void open() {
      opened.countDown();
    }

    @Override
    public void close() {
      open();
    }
  }

  /** Looks at a buffer like a kernel that comes late. */
  public interface LateReader extends Gate {

    /** What it saw, in native byte order; once the gate is open and the stream has gone through. */
    ByteBuffer seen();
  }

  /**
   * Queues a gate and, behind it, work that reads all of a buffer, whoever may have written it by
   * then.
   */
  public static LateReader lateReader(DeviceStream stream, DeviceBuffer buffer) {
    return IS_CUDA ? new CopiedLate(stream, buffer) : new ReadLate(stream, buffer);
  }

  private static final class ReadLate implements LateReader {
    private final Gate gate;
    private final ByteBuffer seen;

    ReadLate(DeviceStream stream, DeviceBuffer buffer) {
      ByteBuffer bytes = HostDevice.bytes(buffer);
      seen = ByteBuffer.allocate(bytes.remaining()).order(ByteOrder.nativeOrder());
      gate = gate(stream);
      HostDevice.launch(stream, () -> seen.put(bytes));
    }

    @Override
    public void open() {
      gate.open();
    }

    @Override
    public ByteBuffer seen() {
      return seen.duplicate().flip().order(ByteOrder.nativeOrder());
    }

    @Override
    public void close() {
      gate.close();
    }
  }

  private static final class CopiedLate implements LateReader {
    private final Gate gate;
    private final CudaWork.LateCopy copy;

    CopiedLate(DeviceStream stream, DeviceBuffer buffer) {
      gate = gate(stream);
      copy = new CudaWork.LateCopy(stream, buffer);
    }

    @Override
    public void open() {
      gate.open();
    }

    @Override
    public ByteBuffer seen() {
      return copy.seen();
    }

    @Override
    public void close() {
      gate.close();
    }
  }

  /** Whether threads wait for the device; no others may. */
  public static boolean areHeldUp(Thread... threads) {
    return IS_CUDA
        ? CudaWork.areWaiting(threads)
        : Arrays.stream(threads).allMatch(Threads::isWaiting);
  }

  /**
   * How many buffers, streams, events, modules and kernels the device has handed out and not got
   * back.
   */
  public static int handles(Device device) {
    if (device instanceof CudaDevice cuda) {
      return cuda.liveResources().handles();
    }
    HostDevice.Usage usage = ((HostDevice) device).liveResources();
    return usage.buffers() + usage.streams() + usage.events() + usage.modules();
  }

  /** Whether {@link #liveBytes} says anything: a real driver does not count. */
  public static final boolean COUNTS_BYTES = !IS_CUDA || !CudaRuns.REAL;

  /** The size of all buffers handed out and not got back, or 0 if nobody {@link #COUNTS_BYTES}. */
  public static long liveBytes(Device device) {
    if (!COUNTS_BYTES) {
      return 0;
    }
    return IS_CUDA ? CudaWork.liveBytes() : ((HostDevice) device).liveResources().bytes();
  }

  /** Whether everything is given back. */
  public static boolean nothingLive(Device device) {
    return device instanceof HostDevice host
        ? host.liveResources().equals(HostDevice.Usage.NONE)
        : handles(device) == 0;
  }

  /** Throws unless everything is given back. */
  public static void assertNothingLive(Device device) {
    assertTrue(nothingLive(device), () -> "left: " + live(device));
  }

  /** What is not given back, in words. */
  public static String live(Device device) {
    return device instanceof CudaDevice cuda
        ? cuda.liveResources().toString()
        : ((HostDevice) device).liveResources().toString();
  }
}
