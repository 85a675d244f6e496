package io.pentrough.benchmarks;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Blur;
import io.pentrough.augment.Layout;
import io.pentrough.augment.OneHot;
import io.pentrough.augment.Warp;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

/**
 * How fast the host's twins of the augmentations are: a loader on the host device, whose target
 * fills nothing, so that the one thread of the stages' stream is what there is to wait for.
 */
final class TwinThroughput {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final BatchSpec BYTES =
      BatchSpec.builder().array("image", DType.UINT8, 4, 1, 24, 96, 96).build();
  private static final BatchSpec FLOATS =
      BatchSpec.builder().array("image", DType.FLOAT32, 4, 1, 24, 96, 96).build();
  private static final BatchSpec LABELS =
      BatchSpec.builder().array("label", DType.UINT8, 4, 24, 96, 96).build();

  private final int rounds;
  private final long measureNanos;
  private final Table table =
      new Table("stage", "million voxels/s", "least", "most", "read B/voxel", "written B/voxel");

  TwinThroughput(int rounds, double seconds) {
    this.rounds = rounds;
    measureNanos = (long) (seconds * 1e9);
  }

  void run(PrintStream out) throws Exception {
    Machine machine = Machine.watch(out);
    measure("cast", BYTES, image().build(), "image", "1", "4");
    measure("flip, swap, crop", BYTES, exact().build(), "image", "1", "4");
    measure("the same and grey", BYTES, exact().grey().build(), "image", "1", "4");
    measure("warp", BYTES, image().patch(16, 64, 64).warp(warp()).build(), "image", "8 of 1", "4");
    measure(
        "warp, grey, noise",
        BYTES,
        image().patch(16, 64, 64).warp(warp()).grey().gaussianNoise(0.02f).build(),
        "image",
        "8 of 1",
        "4");
    measure(
        "blur y, x, radius 3",
        FLOATS,
        Blur.builder("image").sigma(0.5, 1).build(),
        "image",
        "2 x 7 of 4",
        "2 x 4");
    measure(
        "one-hot, 4 classes, uint8",
        LABELS,
        OneHot.of("label", "classes", 4, DType.UINT8),
        "label",
        "1",
        "4");
    out.println(machine.others());
    out.println();
    out.println(table);
  }

  private static Augmentation.Builder image() {
    return Augmentation.builder(BYTES.array("image"), Layout.NCZYX).scale(1 / 255f);
  }

  private static Augmentation.Builder exact() {
    return image().patch(16, 64, 64).flip(Axis.values()).swap(Axis.Y, Axis.X).crop();
  }

  private static Warp warp() {
    return Warp.builder().rotation(180).tilt(10).shear(0.1).scale(0.9, 1.1).build();
  }

  private void measure(
      String what, BatchSpec spec, BatchStage stage, String array, String read, String written)
      throws Exception {
    double[] rates = new double[rounds + 1];
    try (Device device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, (out, context) -> {}).stage(stage).start()) {
      for (int round = 0; round < rates.length; round++) { // the first warms up
        long start = System.nanoTime();
        long voxels = 0;
        long now = start;
        while (now - start < (round == 0 ? 3 : 1) * measureNanos) {
          try (var batch = loader.get(PATIENCE)) {
            ArraySpec made = batch.spec().array(array);
            voxels += made.elements();
          }
          now = System.nanoTime();
        }
        rates[round] = voxels * 1e9 / (now - start);
      }
    }
    double[] measured = Arrays.copyOfRange(rates, 1, rates.length);
    Arrays.sort(measured);
    table.row(
        what,
        millions(Estimate.median(measured)),
        millions(measured[0]),
        millions(measured[rounds - 1]),
        read,
        written);
  }

  private static String millions(double perSecond) {
    return String.format(Locale.ROOT, "%,.1f", perSecond / 1e6);
  }
}
