package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import java.util.concurrent.locks.LockSupport;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;

/** An event of the driver. */
final class CudaEvent extends CudaHandle implements DeviceEvent {

  /** A park shorter than this comes back no sooner. */
  private static final long SHORTEST_PARK_NANOS = 20_000;

  /** A poll comes at most this part of the waiting time too late. */
  private static final int LATE_BY = 8;

  /** With a word, the driver is asked this often only: it alone knows of a failure. */
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

  /** Makes an event; for a handle that is counted already. */
  static CudaEvent create(CudaContext context, int flags, @Nullable CudaWords words) {
    CUevent handle = new CUevent();
    CudaDriver.call(context.name, "cuEventCreate", (e, f) -> cuEventCreate(e, f), handle, flags);
    return new CudaEvent(context, handle, words == null ? null : words.take());
  }

  /** Its mark has been queued on the stream. */
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

  /** Without a look at the word, which the stream writes a little later. */
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
   * The driver cannot wake a thread with a deadline, so this parks for a part of the time that has
   * been waited already: a short copy is noticed soon, a long wait costs few polls.
   */
  @Override
  public void park(long maxNanos) {
    if (maxNanos <= 0 || Thread.currentThread().isInterrupted() || mayBeOver()) {
      return;
    }
    long waited = System.nanoTime() - recordedNanos;
    LockSupport.parkNanos(
        this, Math.min(maxNanos, Math.max(SHORTEST_PARK_NANOS, waited / LATE_BY)));
  }

  private boolean mayBeOver() {
    try {
      return isComplete();
    } catch (DeviceException | IllegalStateException e) {
      return true; // isComplete() will tell the caller
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
