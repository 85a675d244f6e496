package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.CudaWork.check;
import static jcuda.driver.JCudaDriver.cuCtxPopCurrent;
import static jcuda.driver.JCudaDriver.cuCtxPushCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemHostGetDevicePointer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import org.jspecify.annotations.Nullable;

/**
 * Memory for what tests do while they hold a stream: the words that hold it, and room for copies. A
 * driver that allocates or frees may wait for the held stream, so all of it is made beforehand and
 * given back at the end.
 *
 * <p>On the software driver each test has its own, on a real one there is one for all. May be used
 * by any thread.
 */
final class CudaReserve {

  private static final int PINNED_BYTES = 2 << 20;

  /** At the beginning, and nothing else there: in the race schedule a page is one thing. */
  private static final int WORDS_BYTES = 1 << 16;

  private static final int DEVICE_BYTES = 1 << 20;
  private static final int ALIGNMENT = 64;

  private static @Nullable CudaReserve current;

  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final Pointer pinned = new Pointer();
  private final CUdeviceptr mapped = new CUdeviceptr();
  private final CUdeviceptr memory = new CUdeviceptr();
  private int wordsUsed;
  private int pinnedUsed = WORDS_BYTES;
  private int memoryUsed;

  /** A piece of pinned memory, as the host and as the device call it. */
  record Piece(Pointer pointer, CUdeviceptr address, ByteBuffer content) {}

  private CudaReserve() {
    CudaNatives.start();
    check(cuDeviceGet(device, 0));
    check(cuDevicePrimaryCtxRetain(context, device));
    check(cuCtxPushCurrent(context));
    check(cuMemHostAlloc(pinned, PINNED_BYTES, 3)); // portable and mapped
    check(cuMemHostGetDevicePointer(mapped, pinned, 0));
    check(cuMemAlloc(memory, DEVICE_BYTES));
    check(cuCtxPopCurrent(new CUcontext()));
  }

  /** Makes it, unless there is one. */
  static synchronized void make() {
    if (current == null) {
      current = new CudaReserve();
    }
  }

  /** Of the test that runs. */
  static synchronized CudaReserve current() {
    if (current == null) {
      throw new IllegalStateException(
          "open the device with TestDevice.openForGates(): a stream is held, or will be");
    }
    return current;
  }

  /** The software driver only; behind a reset there is nothing to be given back. */
  static synchronized void forget() {
    current = null;
  }

  static synchronized void giveBack() {
    CudaReserve reserve = current;
    if (reserve == null) {
      return;
    }
    current = null;
    cuCtxPushCurrent(reserve.context);
    cuMemFreeHost(reserve.pinned);
    cuMemFree(reserve.memory);
    cuCtxPopCurrent(new CUcontext());
    cuDevicePrimaryCtxRelease(reserve.device);
  }

  /** For the host to write; no copy comes near it. What is in it, nobody knows. */
  synchronized Piece word() {
    int at = wordsUsed;
    wordsUsed = next(at, Integer.BYTES, WORDS_BYTES);
    return piece(at, Integer.BYTES);
  }

  /** For copies, and host functions between them. What is in it, nobody knows. */
  synchronized Piece scratch(int bytes) {
    int at = pinnedUsed;
    pinnedUsed = next(at, bytes, PINNED_BYTES);
    return piece(at, bytes);
  }

  private Piece piece(int at, int bytes) {
    return new Piece(
        pinned.withByteOffset(at),
        mapped.withByteOffset(at),
        pinned.getByteBuffer(at, bytes).order(ByteOrder.nativeOrder()));
  }

  /** What is in it, nobody knows. */
  synchronized CUdeviceptr memory(int bytes) {
    int at = memoryUsed;
    memoryUsed = next(at, bytes, DEVICE_BYTES);
    return memory.withByteOffset(at);
  }

  private static int next(int at, int bytes, int all) {
    int next = (at + bytes + ALIGNMENT - 1) & -ALIGNMENT;
    if (next > all) {
      throw new IllegalStateException("the reserve is used up: make it larger, or use less");
    }
    return next;
  }
}
