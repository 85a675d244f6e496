package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link BackgroundLoader} and a {@link BatchQueue} have in common: an engine, and the
 * report if it is never closed.
 *
 * <p>Each method ends with a reachability fence. Without it, a loader could be collected, and so
 * closed, while one of its own methods still runs.
 */
abstract sealed class AbstractLoader implements BatchLoader permits BackgroundLoader, BatchQueue {

  final Engine engine;
  final LoaderOptions options;
  private final LeakReport leakReport;

  AbstractLoader(Engine engine, LoaderOptions options) {
    this.engine = engine;
    this.options = options;
    leakReport = engine.watchForLeak(this);
  }

  @Override
  public final String name() {
    return options.name();
  }

  @Override
  public final Device device() {
    return engine.core.device;
  }

  @Override
  public final DeviceBatch get() throws InterruptedException {
    return get(false, Recipient.CALLER, Schedule.FOR_EVER);
  }

  @Override
  public final DeviceBatch getQueued() throws InterruptedException {
    return get(true, Recipient.CALLER, Schedule.FOR_EVER);
  }

  private DeviceBatch get(boolean early, Recipient recipient, int lastEpoch)
      throws InterruptedException {
    try {
      return engine.get(options.consumerStream(), early, recipient, lastEpoch);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public final DeviceBatch get(Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(options.consumerStream(), timeout, false);
  }

  @Override
  public final DeviceBatch get(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(stream, timeout, false);
  }

  @Override
  public final @Nullable DeviceBatch poll(Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return poll(options.consumerStream(), timeout);
  }

  @Override
  public final @Nullable DeviceBatch poll(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    try {
      return get(stream, timeout, false);
    } catch (NoSuchElementException end) {
      return null;
    }
  }

  @Override
  public final DeviceBatch getQueued(Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(options.consumerStream(), timeout, true);
  }

  @Override
  public final DeviceBatch getQueued(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(stream, timeout, true);
  }

  private DeviceBatch get(DeviceStream stream, Duration timeout, boolean early)
      throws InterruptedException, BatchTimeoutException {
    Objects.requireNonNull(stream, "stream");
    Objects.requireNonNull(timeout, "timeout");
    try {
      return engine.get(stream, LoaderOptions.nanos(timeout), early, Recipient.CALLER);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public final Iterable<DeviceBatch> batches() {
    return () -> iterator(Schedule.FOR_EVER);
  }

  /** Through the batches up to the end of that epoch. */
  final Iterator<DeviceBatch> iterator(int lastEpoch) {
    return new BatchIterator<>(
        () -> get(false, Recipient.LOOP, lastEpoch),
        DeviceBatch::passToCaller,
        DeviceBatch::closeInLoop);
  }

  @Override
  public final void reset() {
    try {
      engine.reset();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public final LoaderStats stats() {
    try {
      return engine.reports.statistics();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public final LoaderSnapshot snapshot() {
    try {
      return engine.reports.snapshot();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public final Trace trace() {
    try {
      return engine.reports.trace();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public final void close() {
    try {
      leakReport.closed();
      engine.close();
    } finally {
      Reference.reachabilityFence(this); // else it might be reported before it is known as closed
    }
  }

  /** The kind and the name, for example {@code "BackgroundLoader loader-1"}. */
  @Override
  public final String toString() {
    return getClass().getSimpleName() + " " + name();
  }
}
