package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD8Async;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamIsCapturing;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.WorkFailedException;
import java.nio.ByteBuffer;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureStatus;
import org.jspecify.annotations.Nullable;

/** A stream of the driver: one made here, or a wrapped stream of the application. */
final class CudaStream extends CudaHandle implements DeviceStream {

  /** The driver writes its answer here, so that asking allocates nothing (I6). */
  private static final ThreadLocal<int[]> CAPTURE_STATUS =
      ThreadLocal.withInitial(() -> new int[1]);

  /** Who made the stream, and so what closing it does. */
  enum Owner {
    /** The driver's default stream: closing does nothing. */
    DRIVER,
    /** The application's stream: closing does not destroy it. */
    APPLICATION,
    /** A stream made here: closing destroys it. */
    PENTROUGH
  }

  final CUstream handle;
  private final CudaDevice device;
  private final Owner owner;

  CudaStream(CudaDevice device, CUstream handle, Owner owner) {
    super(device.context(), owner != Owner.DRIVER);
    this.device = device;
    this.handle = handle;
    this.owner = owner;
  }

  @Override
  public CudaDevice device() {
    return device;
  }

  @Override
  public void copyToDevice(
      PinnedBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) {
    CudaPinned from = device.own(source, "source");
    CudaBuffer to = device.own(target, "target");
    CudaBuffer.checkRange("source", sourceOffset, bytes, from.bytes());
    CudaBuffer.checkRange("target", targetOffset, bytes, to.bytes());
    copy(from, sourceOffset, to, targetOffset, bytes, true);
  }

  @Override
  public void copyToHost(
      DeviceBuffer source, long sourceOffset, PinnedBuffer target, long targetOffset, long bytes) {
    CudaBuffer from = device.own(source, "source");
    CudaPinned to = device.own(target, "target");
    CudaBuffer.checkRange("source", sourceOffset, bytes, from.bytes());
    CudaBuffer.checkRange("target", targetOffset, bytes, to.bytes());
    copy(to, targetOffset, from, sourceOffset, bytes, false);
  }

  private void copy(
      CudaPinned pinned,
      long pinnedOffset,
      CudaBuffer buffer,
      long bufferOffset,
      long bytes,
      boolean toDevice) {
    boolean pushed = begin();
    try {
      pinned.use();
      try {
        CudaHandle memory = buffer.useMemory();
        try {
          if (bytes > 0) {
            CUdeviceptr there = buffer.address(bufferOffset);
            Pointer here = offset(pinned.pointer, pinnedOffset);
            if (toDevice) {
              CudaDriver.copy(
                  context.name,
                  "cuMemcpyHtoDAsync",
                  (t, s, n, q) -> cuMemcpyHtoDAsync(t, s, n, q),
                  there,
                  here,
                  bytes,
                  handle);
            } else {
              copyToHost(here, there, bytes);
            }
          }
        } finally {
          memory.done();
        }
      } finally {
        pinned.done();
      }
    } finally {
      end(pushed);
    }
  }

  private void copyToHost(Pointer target, CUdeviceptr source, long bytes) {
    CudaDriver.copy(
        context.name,
        "cuMemcpyDtoHAsync",
        (t, s, n, q) -> cuMemcpyDtoHAsync(t, s, n, q),
        target,
        source,
        bytes,
        handle);
  }

  @Override
  public void fillZero(DeviceBuffer target, long offset, long bytes) {
    CudaBuffer to = device.own(target, "target");
    CudaBuffer.checkRange("target", offset, bytes, to.bytes());
    boolean pushed = begin();
    try {
      CudaHandle memory = to.useMemory();
      try {
        if (bytes > 0) {
          CudaDriver.copy(
              context.name,
              "cuMemsetD8Async",
              (t, zero, n, q) -> cuMemsetD8Async(t, zero, n, q),
              to.address(offset),
              (byte) 0,
              bytes,
              handle);
        }
      } finally {
        memory.done();
      }
    } finally {
      end(pushed);
    }
  }

  private static Pointer offset(Pointer pointer, long bytes) {
    return bytes == 0 ? pointer : pointer.withByteOffset(bytes);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Copies through the device's {@link CudaStaging}. A copy into ordinary memory would not be
   * ordered behind this stream's work in the same way.
   */
  @Override
  public void read(DeviceBuffer source, ByteBuffer target) {
    CudaBuffer from = device.own(source, "source");
    long bytes = from.bytes();
    ReadTarget.require(target, bytes);
    boolean pushed = begin(); // keeps the stream, even if it is closed meanwhile
    try {
      from.useMemory().done();
      await(); // before taking staging memory, so that other reads can have it
      if (bytes > 0) {
        readAll(from, bytes, target);
      }
    } finally {
      end(pushed);
    }
  }

  private void readAll(CudaBuffer from, long bytes, ByteBuffer target) {
    CudaStaging staging = device.staging();
    CudaStaging.Part part = staging.take();
    boolean copyMayCome = false;
    try {
      int start = target.position();
      for (long done = 0; done < bytes; done += CudaStaging.PART_BYTES) {
        int count = (int) Math.min(CudaStaging.PART_BYTES, bytes - done);
        CudaHandle memory = from.useMemory();
        try {
          copyToHost(part.address(), from.address(done), count);
          copyMayCome = true;
          await();
          copyMayCome = false;
        } finally {
          memory.done();
        }
        target.put(start + (int) done, part.bytes(), 0, count);
      }
      target.position(start + (int) bytes);
    } catch (WorkFailedException e) {
      copyMayCome = false;
      throw e;
    } finally {
      if (copyMayCome) {
        staging.lose();
      } else {
        staging.giveBack(part);
      }
    }
  }

  @Override
  public void record(DeviceEvent event) {
    CudaEvent own = device.own(event);
    boolean pushed = begin();
    try {
      own.use();
      try {
        CudaDriver.call(
            context.name, "cuEventRecord", (e, s) -> cuEventRecord(e, s), own.handle, handle);
        own.recorded(handle);
      } finally {
        own.done();
      }
    } finally {
      end(pushed);
    }
  }

  @Override
  public void waitFor(DeviceEvent event) {
    CudaEvent own = device.own(event);
    boolean pushed = begin();
    try {
      own.use();
      try {
        CudaDriver.call(
            context.name,
            "cuStreamWaitEvent",
            (s, e) -> cuStreamWaitEvent(s, e, 0),
            handle,
            own.handle);
      } finally {
        own.done();
      }
    } finally {
      end(pushed);
    }
  }

  @Override
  public boolean isCapturing() {
    boolean pushed = begin();
    try {
      int[] status = CAPTURE_STATUS.get();
      int code = CudaDriver.code((s, c) -> cuStreamIsCapturing(s, c), handle, status);
      if (code == CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT) {
        return true; // the default stream, while a blocking stream captures
      }
      CudaDriver.check(context.name, "cuStreamIsCapturing", code);
      return status[0] != CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE;
    } finally {
      end(pushed);
    }
  }

  @Override
  public void synchronize() {
    boolean pushed = begin();
    try {
      await();
    } finally {
      end(pushed);
    }
  }

  private void await() {
    CudaDriver.call(context.name, "cuStreamSynchronize", s -> cuStreamSynchronize(s), handle);
  }

  @Override
  public void close() {
    if (owner != Owner.DRIVER) {
      closeOnce();
    }
  }

  @Override
  void destroy() {
    if (owner == Owner.PENTROUGH) {
      CudaDriver.call(context.name, "cuStreamDestroy", s -> cuStreamDestroy(s), handle);
    }
  }

  @Override
  String what() {
    return "stream";
  }

  @Override
  String afterClose() {
    return "a stream must outlive what uses it, so close the loaders that were given it, and their"
        + " batches, first";
  }

  /** Two wrappers of the same stream are equal. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof CudaStream stream
        && stream.context == context
        && stream.handle.equals(handle);
  }

  @Override
  public int hashCode() {
    return handle.hashCode();
  }
}
