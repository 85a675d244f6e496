package io.pentrough;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What happens when an object that should have been closed is collected instead: it is named, with
 * where it came from if that was recorded, and what it held is given back. Must not refer to the
 * object itself.
 */
final class LeakReport implements Runnable {

  private static final Logger LOG = System.getLogger("io.pentrough");
  private static final Cleaner CLEANER = Cleaner.create();

  private final String what;
  private final Throwable madeAt;
  private final Runnable giveBack;
  private volatile boolean closed;

  /** Keeps this report, and all that giving back needs, until it has run. Set by {@link #watch}. */
  private Cleaner.@Nullable Cleanable registration;

  private LeakReport(String what, Throwable madeAt, Runnable giveBack) {
    this.what = what;
    this.madeAt = madeAt;
    this.giveBack = giveBack;
  }

  /**
   * Watches an object.
   *
   * @param what names it
   * @param madeAt where it was made; without frames if that is not recorded
   * @param giveBack called if it was not closed, on the cleaner's thread: must not block
   */
  static LeakReport watch(Object object, String what, Throwable madeAt, Runnable giveBack) {
    LeakReport report = new LeakReport(what, madeAt, giveBack);
    report.registration = CLEANER.register(object, report);
    return report;
  }

  /**
   * Watches the owner of a loader. Closing that may take long, so it gets a thread of its own.
   *
   * @param close must not refer to the owner
   */
  static LeakReport watchLoader(Object owner, String name, Throwable madeAt, Runnable close) {
    return watch(
        owner,
        name,
        madeAt,
        () -> {
          Thread closer = new Thread(close, "pentrough-" + name + "-leaked");
          closer.setDaemon(true);
          closer.start();
        });
  }

  Throwable madeAt() {
    return madeAt;
  }

  /**
   * The object has been closed as it should. Nothing here refers to it or to what it held from now
   * on, or neither could be collected where a target refers to its loader.
   */
  void closed() {
    closed = true;
    Objects.requireNonNull(registration).clean();
  }

  @Override
  public void run() {
    if (closed) {
      return;
    }
    try {
      String lost = what + " was never closed, and is given back now";
      if (madeAt.getStackTrace().length == 0) {
        LOG.log(Level.WARNING, lost + "; " + madeAt.getMessage());
      } else {
        LOG.log(Level.WARNING, lost, madeAt);
      }
    } finally {
      giveBack.run();
    }
  }

  /** Where something was made, for a log. */
  static final class MadeHere extends Throwable {

    private static final long serialVersionUID = 1L;

    /**
     * The place of the call.
     *
     * @param withStack whether to record it
     */
    MadeHere(boolean withStack) {
      super(
          withStack ? "it was made here" : "-Dpentrough.leakDetection=true says where it was made",
          null,
          false,
          withStack);
    }
  }
}
