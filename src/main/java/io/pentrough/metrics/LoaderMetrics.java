package io.pentrough.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.pentrough.BatchLoader;
import io.pentrough.LoaderStats;
import io.pentrough.LoaderStats.Timing;
import io.pentrough.ParallelLoader;
import io.pentrough.ParallelStats;
import io.pentrough.device.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
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
 * <p>Every metric has the tags {@code loader}, with the loader's name, and {@code device}, with the
 * device's. Give each loader a name of its own, because a registry keeps only the first of two
 * meters with the same name and tags.
 *
 * <p>A {@link ParallelLoader} has a loader for each device, and so each of these metrics once for
 * each device. With the name {@code training}, the loaders are {@code training-0}, {@code
 * training-1} and so on.
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
 * <tr><td>{@code pentrough.worker.starved}</td><td>counter, seconds</td><td>waits for a job, mean of the workers</td></tr>
 * <tr><td>{@code pentrough.memory.pageable}</td><td>gauge, bytes</td><td>host memory that is not pinned</td></tr>
 * </table>
 *
 * <p>A {@link ParallelLoader} has these as well. {@code pentrough.steps} is of all devices, so it
 * has the loader's own name and no {@code device}.
 *
 * <table>
 * <caption>The metrics of several devices</caption>
 * <tr><th>name</th><th>kind</th><th>what</th></tr>
 * <tr><td>{@code pentrough.steps}</td><td>counter</td><td>steps returned</td></tr>
 * <tr><td>{@code pentrough.steps.waited}</td><td>counter</td><td>steps that waited for this device</td></tr>
 * <tr><td>{@code pentrough.batches.dropped}</td><td>counter</td><td>batches that another device had none for</td></tr>
 * </table>
 *
 * <p>The rate of a counter of seconds is a share of the time: in Prometheus, {@code
 * rate(pentrough_starved_seconds_total[1m])} is 0.25 if the loop waited for a quarter of the last
 * minute. See {@link LoaderStats} for what each figure means.
 *
 * <p>All figures of one scrape are from one snapshot, which costs some 40 kB of Java heap for each
 * device. A closed loader keeps its last figures. The registry does not keep a loader from being
 * garbage collected; then its counters stop.
 *
 * <p><b>Threads.</b> Any.
 */
public final class LoaderMetrics implements MeterBinder, AutoCloseable {

  private static final double NANOS = 1e9;

  /** Makes the meters in one registry. */
  private final Consumer<MeterRegistry> binder;

  /** What was registered where. Guarded by this. */
  private final List<Registered> registered = new ArrayList<>();

  private record Registered(MeterRegistry registry, Meter meter) {}

  /**
   * The metrics of a loader. None is published before {@link #bindTo}.
   *
   * @param loader which one; may be closed already
   */
  public LoaderMetrics(BatchLoader loader) {
    Objects.requireNonNull(loader, "loader");
    binder =
        registry -> {
          Snapshots<BatchLoader, LoaderStats> snapshots = new Snapshots<>(BatchLoader::stats);
          Tags tags = tags(loader.name(), loader.device());
          bind(new Meters<>(registry, loader, tags, snapshots), Function.identity());
        };
  }

  /**
   * The metrics of a loader for several devices. None is published before {@link #bindTo}.
   *
   * @param loader which one; may be closed already
   */
  public LoaderMetrics(ParallelLoader loader) {
    Objects.requireNonNull(loader, "loader");
    binder = registry -> bind(registry, loader);
  }

  private static Tags tags(String loader, Device device) {
    return Tags.of("loader", loader, "device", device.name());
  }

  /**
   * Publishes the metrics in a registry.
   *
   * @param registry where; may be one of several
   */
  @Override
  public synchronized void bindTo(MeterRegistry registry) {
    Objects.requireNonNull(registry, "registry");
    binder.accept(registry);
  }

  /** Removes the metrics from all registries. Does not close the loader. Idempotent. */
  @Override
  public synchronized void close() {
    for (Registered each : registered) {
      each.registry.remove(each.meter);
    }
    registered.clear();
  }

  private void bind(MeterRegistry registry, ParallelLoader loader) {
    Snapshots<ParallelLoader, ParallelStats> snapshots = new Snapshots<>(ParallelLoader::stats);
    new Meters<>(registry, loader, Tags.of("loader", loader.name()), snapshots)
        .counter("steps", "Steps returned", null, ParallelStats::steps);
    List<Device> devices = loader.devices();
    for (int i = 0; i < devices.size(); i++) {
      int place = i;
      Tags tags = tags(loader.name() + "-" + place, devices.get(place));
      Meters<ParallelLoader, ParallelStats> meters =
          new Meters<>(registry, loader, tags, snapshots);
      meters.counter(
          "steps.waited",
          "Steps that waited for this device",
          null,
          stats -> stats.waitedFor(place));
      meters.counter(
          "batches.dropped",
          "Batches that another device had none for",
          null,
          stats -> stats.dropped(place));
      bind(meters, stats -> stats.devices().get(place));
    }
  }

  private static <L, S> void bind(Meters<L, S> meters, Function<S, LoaderStats> of) {
    meters.counter("batches", "Batches delivered", null, s -> of.apply(s).batches());
    meters.counter("data", "Size of the delivered batches", "bytes", s -> of.apply(s).bytes());
    meters.counter("failures", "Calls of the target that threw", null, s -> of.apply(s).failures());
    meters.counter("skips", "Batches left out", null, s -> of.apply(s).skips());
    meters.counter("bad.samples", "Samples left out", null, s -> of.apply(s).badSamples());
    meters.timer("fill", "Calls of the target", of.andThen(LoaderStats::fillTime));
    meters.timer(
        "slot.wait", "Waits of workers for a host slot", of.andThen(LoaderStats::slotWait));
    meters.timer("copy", "Copies to the device", of.andThen(LoaderStats::copyTime));
    meters.timer("stage", "Stages", of.andThen(LoaderStats::stageTime));
    meters.timer("get", "Waits of consumers for a batch", of.andThen(LoaderStats::consumerWait));
    seconds(meters, "starved", "A consumer waited", of, LoaderStats::starvedShare);
    seconds(meters, "copy.busy", "A copy was running", of, LoaderStats::copyBusyShare);
    seconds(meters, "copy.held.up", "The next copy waited", of, LoaderStats::copyHeldUpShare);
    seconds(meters, "stage.busy", "Stages had a batch to work on", of, LoaderStats::stageBusyShare);
    seconds(meters, "worker.idle", "Waits for a host slot, mean", of, LoaderStats::workerIdleShare);
    seconds(meters, "worker.starved", "Waits for a job, mean", of, LoaderStats::workerStarvedShare);
    meters.gauge(
        "memory.pageable",
        "Host memory that is not pinned",
        "bytes",
        s -> of.apply(s).pageableBytes());
  }

  private static <L, S> void seconds(
      Meters<L, S> meters,
      String name,
      String description,
      Function<S, LoaderStats> of,
      ToDoubleFunction<LoaderStats> share) {
    meters.counter(
        name,
        description,
        "seconds",
        s -> {
          LoaderStats stats = of.apply(s);
          return share.applyAsDouble(stats) * (stats.elapsed().toNanos() / NANOS);
        });
  }

  /**
   * Makes meters in one registry, which take their figures from one snapshot for each scrape.
   *
   * @param <L> the loader
   * @param <S> its statistics
   */
  private final class Meters<L, S> {

    private final MeterRegistry registry;
    private final L loader;
    private final Tags tags;
    private final Snapshots<L, S> snapshots;

    Meters(MeterRegistry registry, L loader, Tags tags, Snapshots<L, S> snapshots) {
      this.registry = registry;
      this.loader = loader;
      this.tags = tags;
      this.snapshots = snapshots;
    }

    void counter(
        String name, String description, @Nullable String unit, ToDoubleFunction<S> figure) {
      keep(
          FunctionCounter.builder("pentrough." + name, loader, snapshots.reader(figure))
              .description(description)
              .baseUnit(unit)
              .tags(tags)
              .register(registry));
    }

    void gauge(String name, String description, String unit, ToDoubleFunction<S> figure) {
      keep(
          Gauge.builder("pentrough." + name, loader, snapshots.reader(figure))
              .description(description)
              .baseUnit(unit)
              .tags(tags)
              .register(registry));
    }

    void timer(String name, String description, Function<S, Timing> timing) {
      ToDoubleFunction<L> count = snapshots.reader(stats -> timing.apply(stats).count());
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
  private static final class Snapshots<L, S> {

    private final Function<L, S> snapshot;
    private @Nullable S latest;

    /** Counts the snapshots. */
    private long number;

    Snapshots(Function<L, S> snapshot) {
      this.snapshot = snapshot;
    }

    ToDoubleFunction<L> reader(ToDoubleFunction<S> figure) {
      return new ToDoubleFunction<>() {
        private long seen;

        @Override
        public double applyAsDouble(L from) {
          synchronized (Snapshots.this) {
            S stats = latest;
            if (stats == null || seen == number) {
              stats = snapshot.apply(from);
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
