package io.pentrough.device.host;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A place in a stream's queue: filled by the queueing thread, run and cleared by the stream's, and
 * filled again. Handed from one to the other under the stream's lock.
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

  /** Made with the first kernel launched from this place, and kept. */
  private @Nullable HostLaunch kernel;

  private @Nullable HostStream awaited;
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

  void launch(HostDeviceKernel twin, String stream) {
    HostLaunch snapshot = kernel;
    if (snapshot == null) {
      snapshot = new HostLaunch(stream);
      kernel = snapshot;
    }
    twin.snapshot(snapshot);
    kind = Kind.KERNEL;
  }

  void waitFor(HostStream awaited, long ticket) {
    kind = Kind.WAIT;
    this.awaited = awaited;
    this.ticket = ticket;
  }

  /**
   * Runs it.
   *
   * @return null, or what stopped it: what it threw, or what stopped the stream it waited for
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
          return Objects.requireNonNull(awaited).await(ticket);
        }
        case NONE -> throw new AssertionError("an operation that was never filled");
      }
      return null;
    } catch (Throwable t) { // a stream's thread must outlive whatever runs on it
      return t;
    }
  }

  /** What happened, once {@link #run()} has returned a failure. */
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
              + Objects.requireNonNull(awaited).describeFailure(failure);
      case NONE -> throw new AssertionError("an operation that was never filled");
    };
  }

  /** Lets go of everything it refers to. */
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
