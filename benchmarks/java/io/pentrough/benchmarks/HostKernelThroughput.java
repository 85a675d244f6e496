package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

/**
 * The speed of the augmentations' host implementations. A loader on the host device has a target
 * that does nothing, so the one thread of the stages' stream limits it.
 */
final class HostKernelThroughput {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final int SAMPLES = 4;

  private final int rounds;
  private final long measureNanos;
  private final Table table =
      new Table("stage", "million voxels/s", "min", "max", "read B/voxel", "written B/voxel");

  HostKernelThroughput(int rounds, double seconds) {
    this.rounds = rounds;
    measureNanos = (long) (seconds * 1e9);
  }

  void run(PrintStream out) throws Exception {
    Machine machine = Machine.watch(out);
    for (StageCase one : StageCase.usual(SAMPLES)) {
      measure(one);
    }
    out.println(machine.others());
    out.println();
    out.println(table);
  }

  private void measure(StageCase one) throws Exception {
    double[] rates = new double[rounds + 1];
    try (Device device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, one.spec(), (out, context) -> {})
                .stage(one.stage())
                .start()) {
      for (int round = 0; round < rates.length; round++) { // the first warms up
        long start = System.nanoTime();
        long voxels = 0;
        long now = start;
        while (now - start < (round == 0 ? 3 : 1) * measureNanos) {
          try (var batch = loader.get(PATIENCE)) {
            voxels += batch.spec().array(one.array()).elements();
          }
          now = System.nanoTime();
        }
        rates[round] = voxels * 1e9 / (now - start);
      }
    }
    double[] measured = Arrays.copyOfRange(rates, 1, rates.length);
    Arrays.sort(measured);
    table.row(
        one.name(),
        millions(Estimate.median(measured)),
        millions(measured[0]),
        millions(measured[rounds - 1]),
        one.read(),
        one.written());
  }

  private static String millions(double perSecond) {
    return String.format(Locale.ROOT, "%,.1f", perSecond / 1e6);
  }
}
