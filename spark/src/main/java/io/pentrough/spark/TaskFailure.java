package io.pentrough.spark;

import java.io.InterruptedIOException;
import java.io.Serializable;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.SparkException;
import org.apache.spark.TaskKilledException;
import org.jspecify.annotations.Nullable;

/**
 * Why a task has failed.
 *
 * @param rank the task
 * @param host where it ran
 * @param kind what it says about the others
 * @param reason in words
 * @param thrown what it has thrown, if it is known here
 */
record TaskFailure(int rank, String host, Kind kind, String reason, @Nullable Throwable thrown) {

  /** What a failure says about the others of its attempt. The first kind explains those behind. */
  enum Kind {
    /** Another attempt would fail as well. */
    REFUSED,

    /** The executor has ended, and its connections with it. */
    EXECUTOR_LOST,

    /** The task has thrown an exception. */
    THROWN,

    /**
     * The task has thrown an exception while Spark was ending it. Either it had failed before and
     * took long to close what it had open, or it could not go on without another task.
     */
    THROWN_AT_END,

    /** A {@link PeerLostException}. */
    PEER_LOST;

    /** The kind of what a task has thrown. */
    static Kind of(Throwable thrown, boolean atEnd) {
      for (Throwable each = thrown; each != null; each = each.getCause()) {
        if (each instanceof RefusedException) {
          return REFUSED;
        }
        if (each instanceof PeerLostException) {
          return PEER_LOST;
        }
      }
      return atEnd ? THROWN_AT_END : THROWN;
    }

    /** The same if only the name of the exception's class is known. */
    static Kind of(String className) {
      return className.equals(RefusedException.class.getName())
          ? REFUSED
          : className.equals(PeerLostException.class.getName()) ? PEER_LOST : THROWN;
    }
  }

  /**
   * The same of a task whose executor was lost behind that. If the task had failed by itself, it
   * now explains what a lost executor explains: exceptions of tasks that were connected to it.
   */
  TaskFailure then(TaskFailure lost) {
    return new TaskFailure(
        rank,
        host,
        kind == Kind.THROWN ? lost.kind : kind,
        reason + "; then " + lost.reason,
        thrown);
  }

  /** What the task has thrown; if that is not known here, its words. */
  Throwable asThrowable() {
    return thrown == null
        ? new ElasticJobException("task " + rank + " on " + host + ": " + reason, null)
        : thrown;
  }

  /** The failure that explains the others; of one kind the one that the driver has heard first. */
  static TaskFailure first(List<TaskFailure> failures) {
    return failures.stream().min(Comparator.comparing(TaskFailure::kind)).orElseThrow();
  }

  /** An exception in words; a refusal needs no class name. */
  static String reason(Throwable thrown) {
    for (Throwable each = thrown; each != null; each = each.getCause()) {
      if (each instanceof RefusedException) {
        return String.valueOf(each.getMessage());
      }
    }
    return thrown.toString();
  }

  /**
   * Whether a task that Spark is ending throws this because of that. Spark's own exceptions come
   * from a barrier that does not exist any more.
   */
  static boolean isEnd(Throwable thrown) {
    for (Throwable each = thrown; each != null; each = each.getCause()) {
      if (each instanceof TaskKilledException) {
        return true;
      }
    }
    return thrown instanceof SparkException || isInterrupt(thrown);
  }

  /** Whether this comes of an interrupt, whatever has been made of it on the way. */
  static boolean isInterrupt(Throwable thrown) {
    for (Throwable each = thrown; each != null; each = each.getCause()) {
      if (each instanceof InterruptedException
          || each instanceof ClosedByInterruptException
          || (each instanceof InterruptedIOException
              && !(each instanceof SocketTimeoutException))) {
        return true;
      }
    }
    return false;
  }

  /**
   * A failure as a task reports it. Spark reports nothing of what a task has thrown while it was
   * being ended.
   */
  static final class Report implements Serializable {

    private static final long serialVersionUID = 1;

    final Kind kind;
    final String reason;

    /** Serialised, as the driver may not know its class; empty if that is not possible. */
    private final byte[] thrown;

    /**
     * A report.
     *
     * @param atEnd whether Spark was ending the task
     */
    Report(Throwable thrown, boolean atEnd) {
      kind = Kind.of(thrown, atEnd);
      reason = reason(thrown);
      this.thrown = Serialised.bytes(thrown);
    }

    /** What the task has thrown; null if it cannot be made here. */
    @Nullable Throwable thrown() {
      return Serialised.throwable(thrown);
    }
  }
}
