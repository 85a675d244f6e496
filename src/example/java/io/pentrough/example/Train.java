package io.pentrough.example;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderStats;
import io.pentrough.MemoryPlan;
import io.pentrough.StageException;
import io.pentrough.TargetException;
import io.pentrough.Trace;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.host.HostDevice;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
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

  /** The exit code that shells know for a process ended by Ctrl-C: 128 + SIGINT. */
  static final int INTERRUPTED = 130;

  /** The exit code of a run that went to its end, but could not write what it was asked to. */
  static final int NOT_SAVED = 3;

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** In half of fewer, the first batch and the compiler are most of it. */
  private static final int ENOUGH_STEPS = 50;

  private static final Duration LONGEST_REHEARSAL = Duration.ofSeconds(1);

  private Train() {}

  /**
   * Runs the example; {@code --help} lists the options.
   *
   * @param args the options
   * @throws Exception if training fails, other than by a wrong option or file
   */
  public static void main(String[] args) throws Exception {
    int exitCode;
    CtrlC ctrlC = new CtrlC();
    try {
      exitCode = run(args, System.out, System.err);
    } finally {
      ctrlC.stopWatching();
    }
    if (exitCode != 0) {
      System.exit(exitCode);
    }
  }

  /**
   * Runs the example. An interrupt of the thread ends it early, but in order.
   *
   * @return the exit code: 0, 1 if the device failed, 2 for a wrong option or file, {@link
   *     #NOT_SAVED} or {@link #INTERRUPTED}
   */
  static int run(String[] args, PrintStream out, PrintStream err) throws BatchTimeoutException {
    Options options = new Options();
    CommandLine commandLine = new CommandLine(options).setCaseInsensitiveEnumValuesAllowed(true);
    try {
      Options.requireDecoded(args);
      commandLine.parseArgs(args);
      if (commandLine.isUsageHelpRequested()) {
        commandLine.usage(out);
        return 0;
      }
      options.check();
      return train(options, out, err);
    } catch (ParameterException | BadInputException e) {
      if (Thread.interrupted()) { // what was being read may fail by it
        err.println("Interrupted.");
        return INTERRUPTED;
      }
      err.println(e.getMessage());
      return 2;
    } catch (DeviceException | StageException e) {
      return deviceFailed(e, err);
    } catch (TargetException e) {
      if (e.getCause() instanceof StageException stage) {
        return deviceFailed(stage, err);
      }
      throw e;
    } catch (OutOfMemoryError e) {
      err.println(
          ("The Java heap is too small for this volume, --batch " + options.batch)
              + (" and --patch " + options.patch + "; take less, or raise -Xmx."));
      return 2;
    }
  }

  private static int deviceFailed(RuntimeException e, PrintStream err) {
    err.println("The device failed, and the training with it: " + e.getMessage());
    return 1;
  }

  private static int train(Options options, PrintStream out, PrintStream err)
      throws BatchTimeoutException {
    options.requireFilesOfTheirOwn();
    OutputFile checkpoint = Options.outputFile("--checkpoint", options.checkpoint);
    OutputFile plot = Options.outputFile("--plot", options.plot);
    OutputFile timeline = Options.outputFile("--timeline", options.timeline);
    Volume volume = options.readVolume();
    int border = (int) Math.round(volume.width * TRAINING_SHARE);
    int around = options.augment.around;
    int source = options.patch + 2 * around;
    Region training = new Region("training", volume, 0, border, options.patch, around);
    Region validation = new Region("validation", volume, border, volume.width, options.patch, 0);
    int[][] greyHistogram = training.greyHistogram();
    Normalisation normalisation = Normalisation.of(greyHistogram);
    BatchSpec spec = PatchSampler.spec(options.batch, source);
    PatchSampler target = new PatchSampler(volume, training, source);

    VoxelClassifier classifier;
    TrainingState state;
    String deviceName;
    Trace trace;
    String left = "";
    String accuracy = "";
    String headspace = "";
    boolean interrupted = false;
    @Nullable Checkpoints checkpoints;
    try (Device device = options.openDevice(err)) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, spec, target)
              .stage(options.augment.stage(spec, options.patch, normalisation))
              .workers(options.workers)
              .seed(options.seed);
      requireMemory(device, plan(builder, options), options);
      classifier =
          new VoxelClassifier(
              options.patch, volume.classCount(), options.batch, normalisation, options.seed);
      state = new TrainingState(classifier, options.steps);
      List<String> configuration = options.configuration(volume);
      checkpoints = checkpoint == null ? null : new Checkpoints(checkpoint, configuration);
      if (options.resume != null) {
        Checkpoint.read(options.resume, configuration, state);
        builder.startAt(Objects.requireNonNull(state.position()));
      }
      try (Learner learner = options.openLearner(device, classifier, state::lossGotKnown);
          BackgroundLoader loader = start(builder.consumerStream(learner.stream()), options);
          Progress progress = new Progress(err, state.step(), options.steps)) {
        LoaderStats halfWay = loader.stats();
        int half = state.step() + (options.steps - state.step()) / 2;
        try {
          while (!state.isDone()) {
            step(loader, state, learner, progress);
            if (state.step() == half) {
              halfWay = loader.stats();
            }
            if (checkpoints != null
                && (state.isDone() || state.step() % options.checkpointEvery == 0)) {
              learner.settle();
              checkpoints.save(state, progress);
            }
          }
        } catch (InterruptedException e) {
          interrupted = true;
        }
        learner.settle();
        show(state, progress);
        if (interrupted && checkpoints != null && state.position() != null) {
          checkpoints.save(state, progress);
        }
        deviceName = device.description();
        trace = loader.trace();
        if (!interrupted) {
          Evaluation evaluation = new Evaluation(volume, validation);
          accuracy =
              String.format(
                  Locale.ROOT,
                  "validation balanced accuracy: %.3f (single-voxel baseline %.3f)%n",
                  evaluation.balancedAccuracy(classifier),
                  evaluation.balancedAccuracy(new GreyBaseline(greyHistogram)));
          headspace = headspace(loader, state, learner, trace.stats().minus(halfWay));
        }
      }
      if (device instanceof HostDevice host) {
        left = leftOn(host);
      }
    }

    out.println("device: " + deviceName);
    if (volume.boundaries) {
      out.println("task: boundaries, for the labels are ids of more than 16 objects");
    }
    if (interrupted) {
      out.println(
          ("interrupted after step " + state.step() + " of " + options.steps)
              + (checkpoints != null && checkpoints.isLastSaved()
                  ? "; --resume " + options.checkpoint + " goes on from there"
                  : ""));
    } else {
      out.print(accuracy);
    }
    LoaderStats stats = trace.stats();
    if (stats.batches() > 0) {
      out.println(BusBytes.of(stats, spec, options.patch));
    }
    out.println(stats);
    out.print(headspace);
    out.print(left);
    String missing = checkpoints == null ? null : checkpoints.missing();
    if (missing != null) {
      err.println(missing);
    }
    String noTimeline = timeline == null ? null : timeline.write(trace::writeHtml);
    if (noTimeline != null) {
      err.println(noTimeline);
    }
    String noPlot = null;
    if (plot != null && !interrupted) { // Java's drawing cannot be started in a JVM that ends
      noPlot = LossPlot.write(plot, state.losses(), err);
      if (noPlot != null) {
        err.println(noPlot);
      }
    }
    if (interrupted) {
      return INTERRUPTED;
    }
    return missing == null && noTimeline == null && noPlot == null ? 0 : NOT_SAVED;
  }

  /** What has not been given back now that the loader is closed, as a line; also if nothing. */
  private static String leftOn(HostDevice host) {
    HostDevice.Usage live = host.liveResources();
    return "left on the device: "
        + (live.equals(HostDevice.Usage.NONE) ? "nothing" : live)
        + System.lineSeparator();
  }

  private static MemoryPlan plan(BackgroundLoader.Builder builder, Options options) {
    try {
      return builder.plan();
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          ("--batch " + options.batch + " with --patch " + options.patch + " is too large: ")
              + e.getMessage(),
          e);
    }
  }

  /**
   * Refuses too large a request before anything is allocated. Other devices have memory of their
   * own, and refuse when they are asked for it.
   */
  private static void requireMemory(Device device, MemoryPlan plan, Options options) {
    long limit = DirectMemory.limit();
    if (device instanceof HostDevice && plan.totalBytes() > limit) {
      throw new BadInputException(
          ("--batch " + options.batch + ", --patch " + options.patch + " and --workers ")
              + (options.workers + " ask for " + plan + ", but this JVM may have ")
              + (limit / (1 << 20) + " MiB of direct memory; take less, or raise")
              + " -XX:MaxDirectMemorySize.");
    }
  }

  private static void step(
      BackgroundLoader loader, TrainingState state, Learner learner, Progress progress)
      throws InterruptedException, BatchTimeoutException {
    long asked = System.nanoTime();
    try (DeviceBatch batch = loader.get(PATIENCE)) {
      progress.waited(System.nanoTime() - asked);
      state.learn(learner, batch);
    }
    show(state, progress);
  }

  /** What faster data could gain: by the statistics, and measured on batches that are there. */
  private static String headspace(
      BackgroundLoader loader, TrainingState state, Learner learner, LoaderStats lately)
      throws BatchTimeoutException {
    if (lately.batches() < ENOUGH_STEPS) {
      return "";
    }
    long time = Math.min(LONGEST_REHEARSAL.toNanos(), lately.elapsed().toNanos() / 2);
    double alone;
    try {
      alone =
          state.rehearse(
              () ->
                  Headspace.stepsPerSecond(
                      loader,
                      learner.stream(),
                      PATIENCE,
                      Duration.ofNanos(time),
                      batch -> learner.learn(batch, 0)));
    } catch (InterruptedException e) { // the training is complete
      Thread.currentThread().interrupt();
      return "";
    }
    double steps = lately.batches() / (lately.elapsed().toNanos() * 1e-9);
    double waited = lately.starvedShare();
    return String.format(
        Locale.ROOT,
        "steps/s in the second half: %.1f; without the %.1f %% in which the loop waited for data:"
            + " %.1f; measured with the loader at rest, on the same few batches again and again:"
            + " %.1f%n",
        steps,
        100 * waited,
        steps / Math.max(0.01, 1 - waited),
        alone);
  }

  private static void show(TrainingState state, Progress progress) {
    while (progress.step() < state.known()) {
      progress.step(state.loss(progress.step()));
    }
  }

  private static BackgroundLoader start(BackgroundLoader.Builder builder, Options options) {
    try {
      return builder.start();
    } catch (DeviceException e) {
      throw new BadInputException(
          ("--batch " + options.batch + ", --patch " + options.patch + " and --workers ")
              + (options.workers + " ask for too much memory: " + e.getMessage()),
          e);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          "--resume " + options.resume + " does not fit this run: " + e.getMessage() + ".", e);
    }
  }
}
