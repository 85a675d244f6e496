package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import java.util.concurrent.locks.LockSupport;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;

/** An event of the driver. */
final class CudaEvent extends CudaHandle implements DeviceEvent {

  /** A shorter park returns no sooner. */
  private static final long MIN_PARK_NANOS = 20_000;

  /** Polling adds at most this fraction to the waiting time. */
  private static final int LATE_BY = 8;

  /** With a word, only every so many queries ask the driver, which alone knows of a failure. */
  private static final int ASK_DRIVER = 16;

  final CUevent handle;

  private final CudaWords.@Nullable Word word;
  private int asked;
  private volatile boolean recorded;
  private volatile long recordedNanos;

  private CudaEvent(CudaContext context, CUevent handle, CudaWords.@Nullable Word word) {
    super(context);
    this.handle = handle;
    this.word = word;
  }

  /** Makes an event. The handle is counted already. */
  static CudaEvent create(CudaContext context, int flags, @Nullable CudaWords words) {
    CUevent handle = new CUevent();
    CudaDriver.call(context.name, "cuEventCreate", (e, f) -> cuEventCreate(e, f), handle, flags);
    return new CudaEvent(context, handle, words == null ? null : words.take());
  }

  /** The event was recorded on the stream. */
  void recorded(CUstream stream) {
    if (word != null) {
      word.write(stream);
    }
    recordedNanos = System.nanoTime();
    recorded = true;
  }

  @Override
  public boolean isComplete() {
    if (word != null && recorded) {
      use();
      boolean isWritten = word.isWritten();
      done();
      if (isWritten || ++asked % ASK_DRIVER != 0) {
        return isWritten;
      }
    }
    return isCompleteByDriver();
  }

  /** Does not read the word, which the stream writes a little later. */
  boolean isCompleteByDriver() {
    boolean pushed = begin();
    try {
      requireRecorded();
      context.relaxCaptureMode();
      try {
        return CudaDriver.isComplete(context.name, handle);
      } finally {
        context.restoreCaptureMode();
      }
    } finally {
      end(pushed);
    }
  }

  /**
   * The driver cannot wake a thread with a deadline. So this parks for a fraction of the time since
   * the event was recorded. A short copy is noticed soon, and a long wait costs few polls.
   */
  @Override
  public void park(long maxNanos) {
    if (maxNanos <= 0 || Thread.currentThread().isInterrupted() || mayBeOver()) {
      return;
    }
    long waited = System.nanoTime() - recordedNanos;
    LockSupport.parkNanos(this, Math.min(maxNanos, Math.max(MIN_PARK_NANOS, waited / LATE_BY)));
  }

  private boolean mayBeOver() {
    try {
      return isComplete();
    } catch (DeviceException | IllegalStateException e) {
      return true; // the caller gets it from isComplete()
    }
  }

  @Override
  public void synchronize() {
    boolean pushed = begin();
    try {
      requireRecorded();
      CudaDriver.call(context.name, "cuEventSynchronize", e -> cuEventSynchronize(e), handle);
    } finally {
      end(pushed);
    }
  }

  /** See {@link CudaDevice#elapsedMillis}. */
  float elapsedMillis(CudaEvent to) {
    if (!isCompleteByDriver() || !to.isCompleteByDriver()) {
      throw new DeviceException(
          context.name + ": an event is not complete yet: synchronise both first");
    }
    boolean pushed = begin();
    try {
      to.use();
      try {
        float[] millis = {0};
        CudaDriver.call(
            context.name,
            "cuEventElapsedTime",
            (ms, end) -> cuEventElapsedTime(ms, handle, end),
            millis,
            to.handle);
        return millis[0];
      } finally {
        to.done();
      }
    } finally {
      end(pushed);
    }
  }

  private void requireRecorded() {
    if (!recorded) {
      throw new IllegalStateException("this event was never recorded: record it first");
    }
  }

  @Override
  public void close() {
    closeOnce();
  }

  @Override
  void destroy() {
    if (word != null) {
      word.giveBack();
    }
    CudaDriver.call(context.name, "cuEventDestroy", e -> cuEventDestroy(e), handle);
  }

  @Override
  String what() {
    return "event";
  }
}
