package io.pentrough.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.pentrough.BatchLoader;
import io.pentrough.LoaderStats;
import io.pentrough.LoaderStats.Timing;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Publishes a loader's statistics as Micrometer metrics:
 *
 * <pre>{@code
 * try (BackgroundLoader loader = builder.name("training").start();
 *     LoaderMetrics metrics = new LoaderMetrics(loader)) {
 *   metrics.bindTo(registry);
 *   ...
 * }
 * }</pre>
 *
 * <p>Every metric has the tag {@code loader} with the loader's name. Give each loader a name of its
 * own, because a registry keeps only the first of two meters with the same name and tags.
 *
 * <table>
 * <caption>The metrics</caption>
 * <tr><th>name</th><th>kind</th><th>what</th></tr>
 * <tr><td>{@code pentrough.batches}</td><td>counter</td><td>batches delivered</td></tr>
 * <tr><td>{@code pentrough.data}</td><td>counter, bytes</td><td>their size</td></tr>
 * <tr><td>{@code pentrough.failures}</td><td>counter</td><td>calls of the target that threw</td></tr>
 * <tr><td>{@code pentrough.skips}</td><td>counter</td><td>batches left out</td></tr>
 * <tr><td>{@code pentrough.bad.samples}</td><td>counter</td><td>samples left out</td></tr>
 * <tr><td>{@code pentrough.fill}</td><td>timer</td><td>calls of the target</td></tr>
 * <tr><td>{@code pentrough.slot.wait}</td><td>timer</td><td>waits of workers for a host slot</td></tr>
 * <tr><td>{@code pentrough.copy}</td><td>timer</td><td>copies to the device</td></tr>
 * <tr><td>{@code pentrough.stage}</td><td>timer</td><td>stages</td></tr>
 * <tr><td>{@code pentrough.get}</td><td>timer</td><td>waits of consumers for a batch</td></tr>
 * <tr><td>{@code pentrough.starved}</td><td>counter, seconds</td><td>at least one consumer waited because no batch was ready</td></tr>
 * <tr><td>{@code pentrough.copy.busy}</td><td>counter, seconds</td><td>a copy was running</td></tr>
 * <tr><td>{@code pentrough.copy.held.up}</td><td>counter, seconds</td><td>the next copy waited for a consumer's work</td></tr>
 * <tr><td>{@code pentrough.stage.busy}</td><td>counter, seconds</td><td>stages had a batch to work on</td></tr>
 * <tr><td>{@code pentrough.worker.idle}</td><td>counter, seconds</td><td>waits for a host slot, mean of the workers</td></tr>
 * <tr><td>{@code pentrough.worker.jobless}</td><td>counter, seconds</td><td>waits for a job, mean of the workers</td></tr>
 * <tr><td>{@code pentrough.memory.pageable}</td><td>gauge, bytes</td><td>host memory that is not pinned</td></tr>
 * </table>
 *
 * <p>The rate of a counter of seconds is a share of the time: in Prometheus, {@code
 * rate(pentrough_starved_seconds_total[1m])} is 0.25 if the loop waited for a quarter of the last
 * minute. See {@link LoaderStats} for what each figure means.
 *
 * <p>All figures of one scrape are from one snapshot, which costs some 40 kB of Java heap. A closed
 * loader keeps its last figures. The registry does not keep a loader from being garbage collected;
 * then its counters stop.
 *
 * <p><b>Threads.</b> Any.
 */
public final class LoaderMetrics implements MeterBinder, AutoCloseable {

  private static final double NANOS = 1e9;

  private final BatchLoader loader;

  /** What was registered where. Guarded by this. */
  private final List<Registered> registered = new ArrayList<>();

  private record Registered(MeterRegistry registry, Meter meter) {}

  /**
   * The metrics of a loader. None is published before {@link #bindTo}.
   *
   * @param loader which one; may be closed already
   */
  public LoaderMetrics(BatchLoader loader) {
    this.loader = Objects.requireNonNull(loader, "loader");
  }

  /**
   * Publishes the metrics in a registry.
   *
   * @param registry where; may be one of several
   */
  @Override
  public synchronized void bindTo(MeterRegistry registry) {
    Objects.requireNonNull(registry, "registry");
    new Binding(registry).bind();
  }

  /** Removes the metrics from all registries. Does not close the loader. Idempotent. */
  @Override
  public synchronized void close() {
    for (Registered each : registered) {
      each.registry.remove(each.meter);
    }
    registered.clear();
  }

  /** The meters in one registry, which take their figures from one snapshot for each scrape. */
  private final class Binding {

    private final MeterRegistry registry;
    private final Tags tags = Tags.of(Tag.of("loader", loader.name()));
    private final Snapshots snapshots = new Snapshots();

    Binding(MeterRegistry registry) {
      this.registry = registry;
    }

    void bind() {
      counter("batches", "Batches delivered", null, LoaderStats::batches);
      counter("data", "Size of the delivered batches", "bytes", LoaderStats::bytes);
      counter("failures", "Calls of the target that threw", null, LoaderStats::failures);
      counter("skips", "Batches left out", null, LoaderStats::skips);
      counter("bad.samples", "Samples left out", null, LoaderStats::badSamples);
      timer("fill", "Calls of the target", LoaderStats::fillTime);
      timer("slot.wait", "Waits of workers for a host slot", LoaderStats::slotWait);
      timer("copy", "Copies to the device", LoaderStats::copyTime);
      timer("stage", "Stages", LoaderStats::stageTime);
      timer("get", "Waits of consumers for a batch", LoaderStats::consumerWait);
      seconds("starved", "A consumer waited", LoaderStats::starvedShare);
      seconds("copy.busy", "A copy was running", LoaderStats::copyBusyShare);
      seconds("copy.held.up", "The next copy waited", LoaderStats::copyHeldUpShare);
      seconds("stage.busy", "Stages had a batch to work on", LoaderStats::stageBusyShare);
      seconds("worker.idle", "Waits for a host slot, mean", LoaderStats::workerIdleShare);
      seconds("worker.jobless", "Waits for a job, mean", LoaderStats::workerJoblessShare);
      keep(
          Gauge.builder(
                  "pentrough.memory.pageable", loader, snapshots.reader(LoaderStats::pageableBytes))
              .description("Host memory that is not pinned")
              .baseUnit("bytes")
              .tags(tags)
              .register(registry));
    }

    private void counter(
        String name,
        String description,
        @Nullable String unit,
        ToDoubleFunction<LoaderStats> figure) {
      keep(
          FunctionCounter.builder("pentrough." + name, loader, snapshots.reader(figure))
              .description(description)
              .baseUnit(unit)
              .tags(tags)
              .register(registry));
    }

    private void seconds(String name, String description, ToDoubleFunction<LoaderStats> share) {
      counter(
          name,
          description,
          "seconds",
          stats -> share.applyAsDouble(stats) * (stats.elapsed().toNanos() / NANOS));
    }

    private void timer(String name, String description, Function<LoaderStats, Timing> timing) {
      ToDoubleFunction<BatchLoader> count = snapshots.reader(stats -> timing.apply(stats).count());
      keep(
          FunctionTimer.builder(
                  "pentrough." + name,
                  loader,
                  from -> (long) count.applyAsDouble(from),
                  snapshots.reader(stats -> timing.apply(stats).sumNanos()),
                  TimeUnit.NANOSECONDS)
              .description(description)
              .tags(tags)
              .register(registry));
    }

    private void keep(Meter meter) {
      registered.add(new Registered(registry, meter));
    }
  }

  /**
   * Snapshots that several readers share. Each reads a snapshot once: when one asks again, another
   * scrape has begun, and there is a new snapshot. It has no reference to the loader, because the
   * registry keeps it.
   */
  private static final class Snapshots {

    private @Nullable LoaderStats latest;

    /** Counts the snapshots. */
    private long number;

    ToDoubleFunction<BatchLoader> reader(ToDoubleFunction<LoaderStats> figure) {
      return new ToDoubleFunction<>() {
        private long seen;

        @Override
        public double applyAsDouble(BatchLoader from) {
          synchronized (Snapshots.this) {
            LoaderStats stats = latest;
            if (stats == null || seen == number) {
              stats = from.stats();
              latest = stats;
              number++;
            }
            seen = number;
            return figure.applyAsDouble(stats);
          }
        }
      };
    }
  }
}
