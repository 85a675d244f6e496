package io.pentrough.device.host;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An entry of a stream's queue. The queueing thread fills it. The queue's thread runs and clears
 * it; a copy on an idle stream is run by the thread that queued it. Then the entry is filled again.
 * Each hand-over is under the queue's lock.
 */
final class HostOperation {

  private enum Kind {
    NONE,
    COPY,
    ZERO,
    LAUNCH,
    KERNEL,
    WAIT
  }

  private Kind kind = Kind.NONE;

  private @Nullable HostMemory source;
  private @Nullable HostMemory target;
  private int from;
  private int to;
  private int count;

  private @Nullable Runnable work;

  /** Made at the first launch of a kernel in this entry, and kept. */
  private @Nullable HostLaunch kernel;

  private @Nullable HostQueue awaited;
  private long ticket;

  void copy(HostMemory source, int from, HostMemory target, int to, int count) {
    kind = Kind.COPY;
    this.source = source;
    this.from = from;
    this.target = target;
    this.to = to;
    this.count = count;
  }

  void fillZero(HostMemory target, int to, int count) {
    kind = Kind.ZERO;
    this.target = target;
    this.to = to;
    this.count = count;
  }

  void launch(Runnable work) {
    kind = Kind.LAUNCH;
    this.work = work;
  }

  void launch(HostDeviceKernel launched, String stream) {
    HostLaunch snapshot = kernel;
    if (snapshot == null) {
      snapshot = new HostLaunch(stream);
      kernel = snapshot;
    }
    launched.snapshot(snapshot);
    kind = Kind.KERNEL;
  }

  void waitFor(HostQueue awaited, long ticket) {
    kind = Kind.WAIT;
    this.awaited = awaited;
    this.ticket = ticket;
  }

  /**
   * Runs the operation.
   *
   * @return null, or why it failed: what it threw, or what failed the stream that it waited for
   */
  @Nullable Throwable run() {
    try {
      switch (kind) {
        case COPY ->
            HostMemory.copy(
                Objects.requireNonNull(source), from, Objects.requireNonNull(target), to, count);
        case ZERO -> HostMemory.fillZero(Objects.requireNonNull(target), to, count);
        case LAUNCH -> Objects.requireNonNull(work).run();
        case KERNEL -> Objects.requireNonNull(kernel).run();
        case WAIT -> {
          return Objects.requireNonNull(awaited).progress.await(ticket);
        }
        case NONE -> throw new AssertionError("an operation that was never filled");
      }
      return null;
    } catch (Throwable t) { // the stream's thread must go on
      return t;
    }
  }

  /** A message about the failure that {@link #run()} has returned. */
  String describeFailure(String stream, Throwable failure) {
    return switch (kind) {
      case COPY -> "a copy on " + stream + " failed: " + failure.getMessage();
      case ZERO -> "filling with zeros on " + stream + " failed: " + failure.getMessage();
      case LAUNCH -> "work launched on " + stream + " threw " + failure;
      case KERNEL ->
          "kernel "
              + Objects.requireNonNull(kernel).name()
              + " on "
              + stream
              + " failed: "
              + failure;
      case WAIT ->
          stream
              + " waited for "
              + awaited
              + ": "
              + Objects.requireNonNull(awaited).progress.describeFailure(failure);
      case NONE -> throw new AssertionError("an operation that was never filled");
    };
  }

  /** Drops all references. */
  void clear() {
    if (kind == Kind.KERNEL) {
      Objects.requireNonNull(kernel).clear();
    }
    kind = Kind.NONE;
    source = null;
    target = null;
    work = null;
    awaited = null;
  }
}
