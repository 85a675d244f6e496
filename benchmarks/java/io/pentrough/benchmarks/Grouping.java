package io.pentrough.benchmarks;

import io.pentrough.DeviceBatch;
import io.pentrough.ParallelBatch;
import io.pentrough.ParallelLoader;
import io.pentrough.Remainder;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** How the batches of a process are divided among loaders. */
enum Grouping {
  /** One loader, with the workers and slots of all. */
  ONE("one BackgroundLoader"),
  /** A loader for each device, which take their steps together. */
  STEPS("ParallelLoader"),
  /** A loader for each device, which know nothing of each other. */
  SHARDS("BackgroundLoaders over shards");

  /** More than is ever delivered, and a multiple of every number of loaders that is measured. */
  private static final long EPOCH = 1L << 40;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final String title;

  Grouping(String title) {
    this.title = title;
  }

  /**
   * Loaders at work. They consume as many batches at a time as there are loaders, on the calling
   * thread.
   *
   * @param each what each of them has, if there are several
   */
  Loader start(Setup each, int loaders) {
    return switch (this) {
      case ONE -> new Times(new PentroughLoader(timesAll(each, loaders), false), loaders);
      case STEPS -> new Steps(each, loaders);
      case SHARDS -> new Shards(each, loaders);
    };
  }

  private static Setup timesAll(Setup each, int loaders) {
    return new Setup(
        each.workload(),
        loaders * each.workers(),
        loaders * each.hostSlots(),
        loaders * each.deviceSlots(),
        each.holds());
  }

  @Override
  public String toString() {
    return title;
  }

  /** Consumes several batches of one loader at a time. */
  private record Times(Loader loader, int times) implements Loader {
    @Override
    public float consume(boolean read) throws Exception {
      float sum = 0;
      for (int i = 0; i < times; i++) {
        sum += loader.consume(read);
      }
      return sum;
    }

    @Override
    public void close() {
      loader.close();
    }
  }

  private static final class Steps implements Loader {
    private final List<Device> devices;
    private final ParallelLoader loader;

    Steps(Setup each, int count) {
      devices = Stream.<Device>generate(HostDevice::open).limit(count).toList();
      loader =
          ParallelLoader.builder(
                  devices,
                  each.workload().shape.spec,
                  PentroughLoader.target(each.workload(), count * each.workers(), false))
              .workers(each.workers())
              .hostSlots(each.hostSlots())
              .deviceSlots(each.deviceSlots())
              .batchesPerEpoch(EPOCH)
              .start();
    }

    @Override
    public float consume(boolean read) throws Exception {
      float sum = 0;
      try (ParallelBatch step = loader.get(PATIENCE)) {
        for (DeviceBatch batch : step.batches()) {
          sum += read ? PentroughLoader.read(batch) : 0;
        }
      }
      return sum;
    }

    @Override
    public void close() {
      loader.close();
      devices.forEach(Device::close);
    }
  }

  private static final class Shards implements Loader {
    private final List<PentroughLoader> loaders;

    Shards(Setup each, int count) {
      loaders =
          IntStream.range(0, count)
              .mapToObj(
                  shard ->
                      new PentroughLoader(
                          each,
                          PentroughLoader.target(each.workload(), each.workers(), false),
                          builder ->
                              builder.batchesPerEpoch(EPOCH).shard(shard, count, Remainder.DROP)))
              .toList();
    }

    @Override
    public float consume(boolean read) throws Exception {
      float sum = 0;
      for (PentroughLoader loader : loaders) {
        sum += loader.consume(read);
      }
      return sum;
    }

    @Override
    public void close() {
      loaders.forEach(PentroughLoader::close);
    }
  }
}
