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

  /** So few that they stay in the cache. A dataset of more samples repeats them. */
  private static final int STORED = 256;

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 30;

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
  private int samples = STORED;

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

    Rows(int size) {
      this.size = size;
      stored = new byte[STORED * size];
      Permutation order = Permutation.of(1, 0, samples);
      for (int i = 0; i < BATCH; i++) {
        shuffled[i] = stored(order.at(i));
      }
      targets =
          new BatchTarget[] {
            (out, context) -> {
              HostArray images = out.array("image");
              HostArray labels = out.array("label");
              for (int i = 0; i < BATCH; i++) {
                images.set(i * size, stored, i * size, size);
                labels.setInt(i, i);
              }
            },
            Batches.of(this, BATCH),
            (out, context) -> {
              HostArray images = out.array("image");
              HostArray labels = out.array("label");
              for (int i = 0; i < BATCH; i++) {
                images.set(i * size, stored, shuffled[i] * size, size);
                labels.setInt(i, shuffled[i]);
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

    private static int stored(long index) {
      return (int) index & (STORED - 1);
    }

    @Override
    public void read(long index, Sample out) {
      int i = stored(index);
      out.array("image").set(0, stored, i * size, size);
      out.array("label").setInt(0, i);
    }

    @Override
    public void fill(HostBatch out, BatchContext context) throws Exception {
      int batches = Math.max(10, (256 << 20) / (BATCH * size * 10));
      for (int round = -5; round < rounds; round++) { // the first are for the compiler
        for (int i = 0; i < targets.length; i++) {
          int which = Math.floorMod(round + i, targets.length);
          Threads none = Threads.startedSince(Threads.now());
          long heap = none.allocatedBytes();
          long started = System.nanoTime();
          for (int batch = 0; batch < batches; batch++) {
            targets[which].fill(out, context);
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
