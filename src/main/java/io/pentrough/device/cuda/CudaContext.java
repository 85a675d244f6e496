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
 * A context of the driver: makes it current for calls, and counts what needs it. A primary context
 * is released when its device is closed and its last handle is gone. A context of the application
 * is never released.
 */
final class CudaContext {

  private static final Logger LOG = System.getLogger("io.pentrough");

  /** The state of the calling thread. */
  private static final ThreadLocal<Calls> CALLS = ThreadLocal.withInitial(Calls::new);

  /** The driver writes the popped context here. It is never read, so all threads may share it. */
  private static final CUcontext POPPED = new CUcontext();

  private static final class Calls {

    /** Whether the context is current from {@link #beginCalls} to {@link #endCalls}. */
    @Nullable CudaContext known;

    /** The driver writes its answer here, so that asking allocates nothing (I6). */
    final CUcontext current = new CUcontext();

    /** Whether this is a thread of the library, whose queries harm no capture. */
    boolean isRelaxed;

    final int[] captureMode = new int[1];
  }

  final String name;
  final CUcontext handle;

  /** The device whose primary context this is; null if the context is the application's. */
  private final @Nullable CUdevice primaryOf;

  private final Object lock = new Object();
  private boolean closed;

  /** How many handles are open. */
  private int handles;

  /** How many calls run that no handle counts for: those on the default stream. */
  private int calls;

  /** Whether the context must be released: closed, without a handle or a call. */
  private boolean gone;

  /** Whether the context has been released. */
  private boolean released;

  /** Frees the device's own memory at the end. */
  private final List<Runnable> frees = new ArrayList<>();

  CudaContext(String name, CUcontext handle, @Nullable CUdevice primaryOf) {
    this.name = name;
    this.handle = handle;
    this.primaryOf = primaryOf;
  }

  /**
   * Makes the context current for a call, unless it is already. The result goes to {@link #exit}.
   * The caller must hold the context, by a handle or by {@link #callComes}.
   *
   * <p>This asks the driver each time which context is current. The application may have changed
   * it, also on a thread of the library (for example, a target may call {@code cudaSetDevice}).
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
   * Like {@link #enter}, before something is freed. If the driver does not say which context is
   * current, this pushes the context, so that freeing goes on.
   */
  boolean enterToFree() {
    Calls calls = CALLS.get();
    try {
      if (calls.known == this || isCurrent(calls)) {
        return false;
      }
    } catch (DeviceException e) { // if the fault persists, the push throws
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
   * each call throws.
   */
  boolean beginCalls() {
    Calls calls = CALLS.get();
    if (calls.known == this || VirtualThreads.isCurrent()) {
      return false; // a virtual thread may move to a carrier with another context
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
    callComes(); // so that the context is not released while it is pushed
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
      } catch (DeviceException e) { // the caller's work is done
        LOG.log(Level.WARNING, "a thread keeps a context as its current one: " + e.getMessage(), e);
      }
      try {
        callGone();
      } catch (DeviceException e) { // likewise, at the last call of a closed device
        LOG.log(Level.WARNING, "not given back: " + e.getMessage(), e);
      }
    }
  }

  /** See {@link io.pentrough.device.Device#bindThread()}. */
  void bindThread() {
    callComes();
    try {
      makeCurrent();
      // Otherwise our queries would invalidate a capture that the application began.
      exchangeCaptureMode(new int[] {CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED});
      CALLS.get().isRelaxed = true;
    } finally {
      callGone();
    }
  }

  /**
   * Relaxes the capture mode on a thread of the application, until {@link #restoreCaptureMode}.
   * Otherwise a query would invalidate a capture, also one that another thread began.
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

  /** Counts a handle before it is made. Throws after close(). */
  void handleComes() {
    synchronized (lock) {
      if (closed) {
        throw new IllegalStateException(name + " is closed: it hands out nothing new");
      }
      handles++;
    }
  }

  /** Counts a handle before it is made for an existing one. Works after close() too. */
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

  /** Keeps the context for a call that no handle counts for, until {@link #callGone}. */
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

  /** How many handles are open. The context counts as one while it is being released. */
  int handles() {
    synchronized (lock) {
      return gone && !released ? 1 : handles;
    }
  }

  /** For the device's own memory. Called only while the device is being made. */
  void freesInTheEnd(Runnable free) {
    frees.add(free);
  }

  void close() {
    boolean last;
    int open;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      last = goesNow();
      open = handles;
    }
    if (last) {
      release();
    } else if (open > 0) {
      LOG.log(
          Level.WARNING,
          name
              + " was closed before what it has handed out, such as the memory of a loader that is"
              + " open ("
              + inWords(open)
              + "): all that goes on working, and is freed when it is closed; close loaders"
              + " before their device");
    }
  }

  /** So many handles, for messages. */
  static String inWords(int handles) {
    return handles == 1 ? "1 handle" : handles + " handles";
  }

  private void requireNotGone() {
    if (gone) {
      throw new IllegalStateException(name + " is closed, and so is all it handed out");
    }
  }

  /** Returns true once. After that no handle and no call can come, so none can go. */
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
          // The context has failed, and its memory is freed with it.
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
