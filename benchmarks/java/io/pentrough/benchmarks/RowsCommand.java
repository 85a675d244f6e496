package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.data.Batches;
import io.pentrough.data.Dataset;
import io.pentrough.data.Permutation;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What it costs to write a batch row by row through a {@link Dataset}, beside a target that
 * computes where each row begins. Both copy the same bytes and set the same labels.
 */
@Command(
    name = "rows",
    mixinStandardHelpOptions = true,
    description =
        "Nanoseconds for each row of a batch: written by a plain target and by a Dataset, in order"
            + " and shuffled.")
final class RowsCommand implements Callable<Integer> {

  private static final int BATCH = 64;

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 30;

  @Option(
      names = "--warm-up",
      description =
          "milliseconds before the first round, for the compiler (default: ${DEFAULT-VALUE})")
  private int warmUp = 2_000;

  @Option(
      names = "--bytes",
      split = ",",
      description = "bytes of a row (default: ${DEFAULT-VALUE})")
  private List<Integer> sizes = List.of(1 << 10, 12 << 10, 108 << 10);

  @Option(
      names = "--samples",
      description =
          "samples of the dataset; above 1,024 a network computes the shuffled order (default:"
              + " ${DEFAULT-VALUE})")
  private int samples = 256;

  @Option(
      names = "--stored",
      description =
          "samples that are kept, a power of two; a dataset of more repeats them. With 256 they stay"
              + " in the cache (default: ${DEFAULT-VALUE})")
  private int kept = 256;

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    Table table =
        new Table(
            "bytes of a row",
            "plain, ns/row",
            "Dataset, ns/row",
            "Dataset / plain [95 %]",
            "shuffled: plain, ns/row",
            "Dataset, ns/row",
            "Dataset / plain [95 %]",
            "heap of a Dataset, bytes/batch");
    for (int size : sizes) {
      Rows target = new Rows(size);
      BatchSpec spec =
          BatchSpec.builder()
              .array("image", DType.UINT8, BATCH, size)
              .array("label", DType.INT32, BATCH)
              .build();
      try (Device device = HostDevice.open();
          BackgroundLoader loader =
              BackgroundLoader.builder(device, spec, target).epochs(1).batchesPerEpoch(1).start()) {
        loader.get().close();
      }
      double[][] nanos = target.nanos;
      table.row(
          size,
          median(nanos[0]),
          median(nanos[1]),
          Estimate.ratio(nanos[1], nanos[0]).toString(3),
          median(nanos[2]),
          median(nanos[3]),
          Estimate.ratio(nanos[3], nanos[2]).toString(3),
          target.heapPerBatch);
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(table);
    return 0;
  }

  private static long median(double[] nanos) {
    return Math.round(Estimate.median(nanos));
  }

  /** Measures in the one fill that the loader asks for, and so without the loader. */
  private final class Rows implements BatchTarget, Dataset {

    private final int size;
    private final byte[] stored;
    private final int[] shuffled = new int[BATCH];
    private final BatchTarget[] targets;
    final double[][] nanos;
    long heapPerBatch;
    private int turn;

    Rows(int size) {
      this.size = size;
      stored = new byte[Math.multiplyExact(kept, size)];
      Permutation order = Permutation.of(1, 0, samples);
      for (int i = 0; i < BATCH; i++) {
        shuffled[i] = (int) order.at(i);
      }
      targets =
          new BatchTarget[] {
            (out, context) -> {
              HostArray images = out.array("image");
              HostArray labels = out.array("label");
              for (int i = 0; i < BATCH; i++) {
                int from = stored(i);
                images.set(i * size, stored, from * size, size);
                labels.setInt(i, from);
              }
            },
            Batches.of(this, BATCH),
            (out, context) -> {
              HostArray images = out.array("image");
              HostArray labels = out.array("label");
              for (int i = 0; i < BATCH; i++) {
                int from = stored(shuffled[i]);
                images.set(i * size, stored, from * size, size);
                labels.setInt(i, from);
              }
            },
            Batches.of(this, BATCH).shuffled()
          };
      nanos = new double[targets.length][rounds];
    }

    @Override
    public long size() {
      return samples;
    }

    /** Each batch has other samples than the one before, until all have been read. */
    private int stored(long index) {
      return ((int) index + turn) & (kept - 1);
    }

    @Override
    public void read(long index, Sample out) {
      int i = stored(index);
      out.array("image").set(0, stored, i * size, size);
      out.array("label").setInt(0, i);
    }

    @Override
    public void fill(HostBatch out, BatchContext context) throws Exception {
      int batches = Math.max(10, (256 << 20) / (BATCH * size));
      long warm = System.nanoTime() + warmUp * 1_000_000L;
      for (int round = -1; round < rounds; round += System.nanoTime() < warm ? 0 : 1) {
        for (int i = 0; i < targets.length; i++) {
          int which = Math.floorMod(round + i, targets.length); // they take turns
          Threads none = Threads.startedSince(Threads.now());
          long heap = none.allocatedBytes();
          long started = System.nanoTime();
          for (int batch = 0; batch < batches; batch++) {
            targets[which].fill(out, context);
            turn += BATCH;
          }
          long took = System.nanoTime() - started;
          if (round >= 0) {
            nanos[which][round] = (double) took / batches / BATCH;
            heapPerBatch = which == 3 ? (none.allocatedBytes() - heap) / batches : heapPerBatch;
          }
        }
      }
    }
  }
}
