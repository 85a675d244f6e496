package io.pentrough.example;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderStats;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.host.HostDevice;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * Trains a voxel classifier on a 3D volume, fed by {@link BackgroundLoader}.
 *
 * <p>The right 30 % of x are kept for validation: patches to train on lie entirely left of the
 * border, patches to validate on entirely right of it, so that the two share no voxel.
 */
public final class Train {

  private static final double TRAINING_SHARE = 0.7;
  private static final float LEARNING_RATE = 5e-3f;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private Train() {}

  /**
   * Runs the example; {@code --help} lists the options.
   *
   * @param args the options
   * @throws Exception if training fails, other than by a wrong option or file
   */
  public static void main(String[] args) throws Exception {
    int exitCode = run(args, System.out, System.err);
    if (exitCode != 0) {
      System.exit(exitCode);
    }
  }

  /**
   * Runs the example.
   *
   * @return the exit code: 0, or 2 for a wrong option or file
   */
  static int run(String[] args, PrintStream out, PrintStream err)
      throws InterruptedException, BatchTimeoutException {
    Options options = new Options();
    CommandLine commandLine = new CommandLine(options).setCaseInsensitiveEnumValuesAllowed(true);
    try {
      commandLine.parseArgs(args);
      if (commandLine.isUsageHelpRequested()) {
        commandLine.usage(out);
        return 0;
      }
      options.check();
      train(options, out, err);
      return 0;
    } catch (ParameterException | BadInputException e) {
      err.println(e.getMessage());
      return 2;
    } catch (OutOfMemoryError e) {
      err.println(
          ("The Java heap is too small for this volume, --batch " + options.batch)
              + (" and --patch " + options.patch + "; take less, or raise -Xmx."));
      return 2;
    }
  }

  private static void train(Options options, PrintStream out, PrintStream err)
      throws InterruptedException, BatchTimeoutException {
    Volume volume = options.readVolume();
    int border = (int) Math.round(volume.width * TRAINING_SHARE);
    Region training = new Region("training", volume, 0, border, options.patch);
    Region validation = new Region("validation", volume, border, volume.width, options.patch);
    int[][] greyHistogram = training.greyHistogram();

    BatchSpec spec = PatchSampler.spec(options.batch, options.patch);
    VoxelClassifier classifier =
        new VoxelClassifier(
            options.patch, volume.classCount(), options.batch, greyHistogram, options.seed);
    PatchSampler target = new PatchSampler(volume, training, options.patch);

    String device;
    LoaderStats stats;
    try (Device opened = options.openDevice();
        BackgroundLoader loader = startLoader(options, opened, spec, target);
        Progress progress = new Progress(err, options.steps)) {
      for (int step = 0; step < options.steps; step++) {
        float learningRate = LEARNING_RATE * (1 - (float) step / options.steps);
        long asked = System.nanoTime();
        try (DeviceBatch batch = loader.get(PATIENCE)) {
          long waited = System.nanoTime() - asked;
          float loss =
              classifier.train(
                  HostDevice.bytes(batch.array("image").buffer()),
                  HostDevice.bytes(batch.array("label").buffer()),
                  learningRate);
          progress.step(loss, waited);
        }
      }
      device = opened.description();
      stats = loader.stats();
    }

    Evaluation evaluation = new Evaluation(volume, validation);
    out.println("device: " + device);
    out.printf(
        Locale.ROOT,
        "validation balanced accuracy: %.3f (single-voxel baseline %.3f)%n",
        evaluation.balancedAccuracy(classifier),
        evaluation.balancedAccuracy(new GreyBaseline(greyHistogram)));
    out.println(stats);
  }

  private static BackgroundLoader startLoader(
      Options options, Device device, BatchSpec spec, BatchTarget target) {
    try {
      return BackgroundLoader.builder(device, spec, target)
          .workers(options.workers)
          .seed(options.seed)
          .start();
    } catch (DeviceException e) {
      throw new BadInputException(
          ("--batch " + options.batch + ", --patch " + options.patch + " and --workers ")
              + (options.workers + " ask for too much memory: " + e.getMessage()),
          e);
    }
  }
}
