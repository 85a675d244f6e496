package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuCtxCreate;
import static jcuda.driver.JCudaDriver.cuCtxPopCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuLaunchHostFunc;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemHostGetDevicePointer;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamWaitValue32;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestDevice.Gate;
import io.pentrough.device.cuda.CudaSim.Live;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamWaitValue_flags;

/**
 * Work for streams that needs no kernel, so that it runs on any driver: host functions, copies to
 * and fro, and a word in pinned memory that a stream waits for.
 */
public final class CudaWork {

  private CudaWork() {}

  /** Runs on a thread of the driver, behind what is queued; must not call the driver. */
  public static void launch(DeviceStream stream, Runnable work) {
    CudaStream own = (CudaStream) stream;
    inContext(
        own.device(),
        () ->
            CudaDriver.call(
                "test",
                "cuLaunchHostFunc",
                (s, w) -> cuLaunchHostFunc(s, ignored -> w.run(), null),
                own.handle,
                work));
  }

  /** Changes every byte, by way of pinned memory of the {@link CudaReserve}. */
  static void change(DeviceStream stream, DeviceBuffer buffer, UnaryOperator<Byte> kernel) {
    CudaStream own = (CudaStream) stream;
    int bytes = (int) buffer.bytes();
    CUdeviceptr address = CudaDevice.pointer(buffer);
    CudaReserve.Piece scratch = CudaReserve.current().scratch(bytes);
    ByteBuffer content = scratch.content();
    inContext(
        own.device(),
        () -> {
          check(cuMemcpyDtoHAsync(scratch.pointer(), address, bytes, own.handle));
          launch(
              stream,
              () -> {
                for (int i = 0; i < bytes; i++) {
                  content.put(i, kernel.apply(content.get(i)));
                }
              });
          check(cuMemcpyHtoDAsync(address, scratch.pointer(), bytes, own.handle));
        });
  }

  /** A word that a stream can wait for. */
  static final class Word {
    private final Pointer pointer;
    private final CUdeviceptr address;
    private final ByteBuffer content;
    private final CudaDevice device;

    /** Allocates, so no stream may be held; to be freed. */
    Word(CudaDevice device) {
      this.device = device;
      pointer = new Pointer();
      address = new CUdeviceptr();
      inContext(
          device,
          () -> {
            check(cuMemHostAlloc(pointer, Integer.BYTES, 3));
            check(cuMemHostGetDevicePointer(address, pointer, 0));
          });
      content = pointer.getByteBuffer(0, Integer.BYTES).order(ByteOrder.nativeOrder());
      content.putInt(0, 0);
    }

    private Word(CudaDevice device, CudaReserve.Piece piece) {
      this.device = device;
      pointer = piece.pointer();
      address = piece.address();
      content = piece.content();
      content.putInt(0, 0);
    }

    /** Holds the stream here until {@link #open()}. */
    void hold(DeviceStream stream) {
      inContext(
          device,
          () ->
              check(
                  cuStreamWaitValue32(
                      ((CudaStream) stream).handle,
                      address,
                      1,
                      CUstreamWaitValue_flags.CU_STREAM_WAIT_VALUE_GEQ)));
    }

    void open() {
      content.putInt(0, 1);
    }

    /** Frees it once everything queued has run. */
    void free() {
      awaitAll();
      inContext(device, () -> check(cuMemFreeHost(pointer)));
    }

    private void awaitAll() {
      inContext(device, () -> check(cuCtxSynchronize()));
    }
  }

  /** Makes what gates and late readers need; before a device is opened. */
  public static void prepareGates() {
    if (!CudaRuns.REAL) {
      CudaSim.hardwareQueues(32); // as with CUDA_DEVICE_MAX_CONNECTIONS=32 on a real driver
    }
    CudaReserve.make();
  }

  /** A {@link Word} that holds the stream. */
  public static Gate gate(DeviceStream stream) {
    Word word = new Word(((CudaStream) stream).device(), CudaReserve.current().word());
    word.hold(stream);
    return new Gate() {
      private boolean closed;

      @Override
      public void open() {
        if (!closed) {
          word.open();
        }
      }

      @Override
      public void close() {
        if (!closed) {
          word.open();
          closed = true;
          word.awaitAll();
        }
      }
    };
  }

  /** What a buffer held when a stream came to it. */
  public static final class LateCopy {
    private final CUdeviceptr copy;
    private final int bytes;
    private final CudaDevice device;

    /**
     * Queues the copy, to memory of the device: a copy of mapped memory to pinned memory would be
     * one between two places of the host, and hold up its caller.
     */
    public LateCopy(DeviceStream stream, DeviceBuffer buffer) {
      CudaStream own = (CudaStream) stream;
      device = own.device();
      bytes = (int) buffer.bytes();
      copy = CudaReserve.current().memory(bytes);
      CUdeviceptr source = CudaDevice.pointer(buffer);
      inContext(device, () -> check(cuMemcpyDtoDAsync(copy, source, bytes, own.handle)));
    }

    /** Once the stream has gone through. */
    public ByteBuffer seen() {
      byte[] seen = new byte[bytes];
      inContext(device, () -> check(cuMemcpyDtoH(Pointer.to(seen), copy, bytes)));
      return ByteBuffer.wrap(seen).order(ByteOrder.nativeOrder());
    }
  }

  /**
   * Whether threads wait in the driver for a stream or an event. The software driver knows how many
   * do, not which: no others may.
   */
  public static boolean areWaiting(Thread... threads) {
    return CudaRuns.REAL
        ? Arrays.stream(threads).allMatch(CudaWork::isInSynchronize)
        : CudaSim.waiting() >= threads.length;
  }

  /** A real driver cannot be asked, so this looks where the thread is. */
  private static boolean isInSynchronize(Thread thread) {
    StackTraceElement[] stack = thread.getStackTrace();
    return stack.length > 0
        && stack[0].isNativeMethod()
        && stack[0].getMethodName().endsWith("SynchronizeNative");
  }

  /** The size of all buffers that the one open device has handed out; the software driver only. */
  public static long liveBytes() {
    Live live = CudaSim.live();
    long own = CudaArguments.CHUNK_BYTES + CudaStaging.PARTS * CudaStaging.PART_BYTES;
    return live.deviceBytes() + live.pinnedBytes() - own;
  }

  /** Returns when the stream cannot go on by itself. */
  static void settle(DeviceStream stream) {
    CudaStream own = (CudaStream) stream;
    if (!CudaRuns.REAL) {
      inContext(own.device(), () -> CudaSim.settle(new Address(own.handle).value()));
      return;
    }
    // Nobody can ask a real driver. So this is a chance for it to do wrong, not a proof.
    long end = System.nanoTime() + 20_000_000;
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  /** The number behind a handle, which JCuda keeps to itself but for its text. */
  private record Address(CUstream stream) {
    long value() {
      String text = stream.toString(); // CUstream[nativePointer=0x7f...]
      return Long.parseUnsignedLong(text.replaceAll(".*0x([0-9a-fA-F]+).*", "$1"), 16);
    }
  }

  /** A context of the application, current on no thread. */
  static CUcontext newContext(int ordinal) {
    CudaNatives.start();
    CUdevice device = new CUdevice();
    check(cuDeviceGet(device, ordinal));
    CUcontext context = new CUcontext();
    check(cuCtxCreate(context, 0, device));
    check(cuCtxPopCurrent(new CUcontext()));
    return context;
  }

  static void inContext(CudaDevice device, Runnable calls) {
    boolean pushed = device.context().enter();
    try {
      calls.run();
    } finally {
      device.context().exit(pushed);
    }
  }

  static void check(int code) {
    CudaDriver.check("test", "a call of the test's own", code);
  }
}
