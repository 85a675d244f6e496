package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuCtxGetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxPopCurrent;
import static jcuda.driver.JCudaDriver.cuCtxPushCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuThreadExchangeStreamCaptureMode;

import io.pentrough.device.DeviceException;
import io.pentrough.device.WorkFailedException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUstreamCaptureMode;
import org.jspecify.annotations.Nullable;

/**
 * A context of the driver, on which threads it is current, and how long it is needed: a primary
 * context is given back when its device is closed and the last handle in it is gone; one of the
 * application's stays the application's.
 */
final class CudaContext {

  private static final Logger LOG = System.getLogger("io.pentrough");

  /** What is known of the calling thread. */
  private static final ThreadLocal<Calls> CALLS = ThreadLocal.withInitial(Calls::new);

  /** Where the driver writes what was popped. Nobody reads it, so all threads may share it. */
  private static final CUcontext POPPED = new CUcontext();

  private static final class Calls {

    /** Current from {@link #beginCalls} to {@link #endCalls}, so that it need not be asked for. */
    @Nullable CudaContext known;

    /** Where the driver writes its answer: no heap for a question asked at each batch (I6). */
    final CUcontext current = new CUcontext();

    /** A thread of the library: no query of it harms a capture. */
    boolean isRelaxed;

    final int[] captureMode = new int[1];
  }

  final String name;
  final CUcontext handle;

  /** The device whose primary context this is; null if the context is the application's. */
  private final @Nullable CUdevice primaryOf;

  private final Object lock = new Object();
  private boolean closed;

  /** What was handed out and is open. */
  private int handles;

  /** Calls under way that no handle counts for: those on the default stream. */
  private int calls;

  /** To be given back: closed, and neither a handle nor a call was left. */
  private boolean gone;

  /** Given back. */
  private boolean released;

  /** What frees the device's own memory in the end. */
  private final List<Runnable> frees = new ArrayList<>();

  CudaContext(String name, CUcontext handle, @Nullable CUdevice primaryOf) {
    this.name = name;
    this.handle = handle;
    this.primaryOf = primaryOf;
  }

  /**
   * Makes the context current for a call, unless it is; what it returns goes to {@link #exit}. The
   * caller holds the context, by a handle or by {@link #callComes}.
   *
   * <p>The driver is asked each time which context is current: the application may have changed
   * that by calls that nobody sees here, on a thread of the library too (a target that calls {@code
   * cudaSetDevice}).
   */
  boolean enter() {
    Calls calls = CALLS.get();
    if (calls.known == this || isCurrent(calls)) {
      return false;
    }
    push();
    return true;
  }

  /**
   * Like {@link #enter}, before something is freed: a driver that does not say which context is
   * current must not keep us from freeing, so the context is pushed then.
   */
  boolean enterToFree() {
    Calls calls = CALLS.get();
    try {
      if (calls.known == this || isCurrent(calls)) {
        return false;
      }
    } catch (DeviceException e) { // if it lasts, the push fails too, and says so
      LOG.log(Level.DEBUG, "pushed without knowing what is current: " + e.getMessage());
    }
    push();
    return true;
  }

  private boolean isCurrent(Calls calls) {
    CudaDriver.call(name, "cuCtxGetCurrent", c -> cuCtxGetCurrent(c), calls.current);
    return calls.current.equals(handle);
  }

  private void push() {
    CudaDriver.call(name, "cuCtxPushCurrent", c -> cuCtxPushCurrent(c), handle);
  }

  void exit(boolean pushed) {
    if (pushed) {
      CudaDriver.call(name, "cuCtxPopCurrent", c -> cuCtxPopCurrent(c), POPPED);
    }
  }

  /**
   * See {@link io.pentrough.device.Device#beginCalls()}. If the context cannot be made current,
   * each call will find out by itself, and say so.
   */
  boolean beginCalls() {
    Calls calls = CALLS.get();
    if (calls.known == this || VirtualThreads.isCurrent()) {
      return false; // a virtual thread may wait, and go on where another context is current
    }
    try {
      boolean pushes = !isCurrent(calls);
      if (pushes) {
        pushUntilEndCalls();
      }
      calls.known = this;
      return pushes;
    } catch (DeviceException | IllegalStateException e) {
      return false;
    }
  }

  private void pushUntilEndCalls() {
    callComes(); // or the context might be given back while it is pushed
    try {
      push();
    } catch (Throwable t) {
      callGone();
      throw t;
    }
  }

  /** See {@link io.pentrough.device.Device#endCalls}. */
  void endCalls(boolean begun) {
    CALLS.get().known = null;
    if (begun) {
      try {
        exit(true);
      } catch (DeviceException e) { // the caller has got what it came for
        LOG.log(Level.WARNING, "a thread keeps a context as its current one: " + e.getMessage(), e);
      }
      try {
        callGone();
      } catch (DeviceException e) { // as before; this was the last call of a closed device
        LOG.log(Level.WARNING, "not given back: " + e.getMessage(), e);
      }
    }
  }

  /** See {@link io.pentrough.device.Device#bindThread()}. */
  void bindThread() {
    callComes();
    try {
      makeCurrent();
      // Else a query of ours would invalidate a capture that a thread of the application began.
      exchangeCaptureMode(new int[] {CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED});
      CALLS.get().isRelaxed = true;
    } finally {
      callGone();
    }
  }

  /**
   * On a thread of the application: a query would invalidate a capture in its mode, also one that
   * another thread began. Until {@link #restoreCaptureMode} it does not.
   */
  void relaxCaptureMode() {
    Calls calls = CALLS.get();
    if (!calls.isRelaxed) {
      calls.captureMode[0] = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED;
      exchangeCaptureMode(calls.captureMode);
    }
  }

  void restoreCaptureMode() {
    Calls calls = CALLS.get();
    if (!calls.isRelaxed) {
      exchangeCaptureMode(calls.captureMode);
    }
  }

  private void exchangeCaptureMode(int[] mode) {
    CudaDriver.call(
        name, "cuThreadExchangeStreamCaptureMode", m -> cuThreadExchangeStreamCaptureMode(m), mode);
  }

  void makeCurrent() {
    CALLS.get().known = null;
    CudaDriver.call(name, "cuCtxSetCurrent", c -> cuCtxSetCurrent(c), handle);
  }

  /** Before a handle is made: none is from close() on. */
  void handleComes() {
    synchronized (lock) {
      if (closed) {
        throw new IllegalStateException(name + " is closed: it hands out nothing new");
      }
      handles++;
    }
  }

  /** Before a handle is made on behalf of one that exists, which may be after close(). */
  void handleComesLate() {
    synchronized (lock) {
      requireNotGone();
      handles++;
    }
  }

  void handleGone() {
    boolean last;
    synchronized (lock) {
      handles--;
      last = goesNow();
    }
    if (last) {
      release();
    }
  }

  /** Before a call that no handle counts for; keeps the context until {@link #callGone}. */
  void callComes() {
    synchronized (lock) {
      requireNotGone();
      calls++;
    }
  }

  void callGone() {
    boolean last;
    synchronized (lock) {
      calls--;
      last = goesNow();
    }
    if (last) {
      release();
    }
  }

  /** How many handles are open; while the context is being given back it is one itself. */
  int handles() {
    synchronized (lock) {
      return gone && !released ? 1 : handles;
    }
  }

  /** For memory that the device keeps for itself; only while the device is being made. */
  void freesInTheEnd(Runnable free) {
    frees.add(free);
  }

  void close() {
    boolean last;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      last = goesNow();
    }
    if (last) {
      release();
    }
  }

  private void requireNotGone() {
    if (gone) {
      throw new IllegalStateException(name + " is closed, and so is all it handed out");
    }
  }

  /** True once: from then on neither a handle nor a call comes, so that none can go. */
  private boolean goesNow() {
    gone = closed && handles == 0 && calls == 0;
    return gone;
  }

  private void release() {
    try {
      freeOwn();
    } finally {
      try {
        if (primaryOf != null) {
          CudaDriver.call(
              name, "cuDevicePrimaryCtxRelease", d -> cuDevicePrimaryCtxRelease(d), primaryOf);
        }
      } finally {
        synchronized (lock) {
          released = true;
        }
      }
    }
  }

  private void freeOwn() {
    boolean pushed = enterToFree();
    try {
      @Nullable DeviceException refusal = null;
      for (Runnable free : frees) {
        try {
          free.run();
        } catch (WorkFailedException e) {
          // The context runs nothing any more, and its memory goes with it.
        } catch (DeviceException e) {
          refusal = e;
        }
      }
      if (refusal != null) {
        throw refusal;
      }
    } finally {
      exit(pushed);
    }
  }
}
