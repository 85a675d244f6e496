package io.pentrough;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** How threads that run copies learn that there may be something to copy. From any thread. */
final class CopySignal {

  private volatile boolean mayCopy;
  private volatile @Nullable Thread copyThread;

  /** A batch was filled, or a device slot given back. */
  void mayCopy() {
    mayCopy = true;
  }

  /** With the lock: somebody has looked, and there is nothing to copy. */
  void nothingToCopy() {
    mayCopy = false;
  }

  /** Whether a look under the lock can find anything. */
  boolean isCopyPossible() {
    return mayCopy;
  }

  void copyThread(Thread thread) {
    copyThread = thread;
  }

  /** Makes the copy thread look what there is to do. */
  void wakeCopyThread() {
    LockSupport.unpark(copyThread);
  }
}
