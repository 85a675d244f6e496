package io.pentrough.example;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import jcuda.jcublas.JCublas2;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What the command line says; the defaults suit the bundled volume. */
@Command(
    name = "train",
    sortOptions = false,
    usageHelpAutoWidth = true,
    description = "Trains a voxel classifier on a 3D volume, fed by Pentrough.",
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {
      "0:trained to the end",
      "1:the device failed",
      "2:a wrong option or file",
      "3:trained to the end, but a checkpoint, the plot or the timeline could not be written",
      "130:ended by Ctrl-C"
    })
final class Options {

  static final String BUNDLED_VOLUME = "inia19.h5";

  /** What is drawn for them must fit into the 1 MiB that a stage may have for a batch. */
  private static final int MAX_PATCHES = 9000;

  enum DeviceChoice {
    AUTO,
    HOST,
    CUDA;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Option(
      names = "--volume",
      paramLabel = "FILE",
      description = "HDF5 file (default: the bundled " + BUNDLED_VOLUME + ")")
  @Nullable Path volume;

  @Option(
      names = "--raw",
      paramLabel = "PATH",
      description = "dataset of grey values, uint8 (default: ${DEFAULT-VALUE})")
  String raw = "/volumes/raw";

  @Option(
      names = "--labels",
      paramLabel = "PATH",
      description =
          "dataset of labels, any integers: at most 16 distinct values are classes, more are ids of"
              + " objects, whose boundaries are to be found (default: ${DEFAULT-VALUE})")
  String labels = "/volumes/tissue";

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "batches to train on (default: ${DEFAULT-VALUE})")
  int steps = 3000;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "patches per batch (default: ${DEFAULT-VALUE})")
  int batch = 256;

  @Option(
      names = "--patch",
      paramLabel = "N",
      description = "edge of a patch in voxels, odd (default: ${DEFAULT-VALUE})")
  int patch = 7;

  @Option(
      names = "--augment",
      paramLabel = "none|flips|full",
      description =
          "how the device varies the training patches: not at all; turning axes round; or also"
              + " turning, stretching and shrinking them a little, and their contrast and brightness;"
              + " that takes voxels for cubes, and copies one voxel more on each side (default:"
              + " ${DEFAULT-VALUE})")
  Variation augment = Variation.FULL;

  @Option(
      names = "--workers",
      paramLabel = "N",
      description = "threads that draw patches (default: ${DEFAULT-VALUE})")
  int workers = 2;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "the same seed gives the same result (default: ${DEFAULT-VALUE})")
  long seed = 0;

  @Option(
      names = "--device",
      paramLabel = "auto|host|cuda",
      description = "where to train (default: ${DEFAULT-VALUE})")
  DeviceChoice device = DeviceChoice.AUTO;

  @Option(
      names = "--checkpoint",
      paramLabel = "FILE",
      description =
          "where to save the run on its way, at the end and on Ctrl-C; training goes on if that"
              + " fails")
  @Nullable Path checkpoint;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      description = "steps between two checkpoints (default: ${DEFAULT-VALUE})")
  int checkpointEvery = 500;

  @Option(
      names = "--resume",
      paramLabel = "FILE",
      description =
          "goes on from this checkpoint; --patch, --batch, --steps, --seed, --augment and the volume"
              + " must be the same, the rest may differ")
  @Nullable Path resume;

  @Option(
      names = "--plot",
      paramLabel = "FILE",
      description =
          "where to draw the loss over the steps, as PNG; a run that Ctrl-C ends draws none")
  @Nullable Path plot;

  @Option(
      names = "--timeline",
      paramLabel = "FILE",
      description =
          "where to write a page that shows what workers, copies and the training did, for the last"
              + " 256 batches, as HTML")
  @Nullable Path timeline;

  @Option(names = "--help", usageHelp = true, description = "shows this and exits")
  boolean help;

  /**
   * Refuses arguments that Java could not decode: it would find no file by such a name.
   *
   * @throws BadInputException if there is one
   */
  static void requireDecoded(String[] args) {
    for (String arg : args) {
      requireDecoded("The argument", arg);
    }
  }

  private static void requireDecoded(String what, String name) {
    if (name.indexOf('\uFFFD') < 0) {
      return;
    }
    String charset = System.getProperty("sun.jnu.encoding", "of this system");
    throw new BadInputException(
        what
            + " "
            + name
            + (charset.equalsIgnoreCase("UTF-8")
                ? " has bytes that are no UTF-8; rename it."
                : " has letters that the character set "
                    + charset
                    + " does not have; set LC_ALL=C.UTF-8 and run it again."));
  }

  /**
   * Checks what each option says by itself.
   *
   * @throws BadInputException if a value is out of range
   */
  void check() {
    within("--steps", steps, Integer.MAX_VALUE);
    within("--batch", batch, MAX_PATCHES);
    within("--patch", patch, 1023);
    within("--workers", workers, 256);
    within("--checkpoint-every", checkpointEvery, Integer.MAX_VALUE);
    if (patch % 2 == 0) {
      throw new BadInputException(
          "--patch is " + patch + ", but must be odd, so that a voxel lies in the middle.");
    }
    for (Path file : new Path[] {volume, checkpoint, resume, plot, timeline}) {
      if (file != null && !file.isAbsolute()) {
        requireDecoded("The current folder", System.getProperty("user.dir"));
      }
    }
  }

  /**
   * The file that an option names.
   *
   * @return null if it names none
   * @throws BadInputException if it cannot be written
   */
  static @Nullable OutputFile outputFile(String option, @Nullable Path file) {
    if (file == null) {
      return null;
    }
    OutputFile output = new OutputFile(option, file);
    output.requireWritable();
    return output;
  }

  /**
   * Refuses to write over a file that the run reads, or over another of its own. A checkpoint may
   * take the place of the one that the run resumes.
   *
   * @throws BadInputException if two options name one file
   */
  void requireFilesOfTheirOwn() {
    requireDifferent("--checkpoint", checkpoint, "--volume", volume);
    requireDifferent("--plot", plot, "--volume", volume);
    requireDifferent("--plot", plot, "--checkpoint", checkpoint);
    requireDifferent("--plot", plot, "--resume", resume);
    requireDifferent("--timeline", timeline, "--volume", volume);
    requireDifferent("--timeline", timeline, "--checkpoint", checkpoint);
    requireDifferent("--timeline", timeline, "--resume", resume);
    requireDifferent("--timeline", timeline, "--plot", plot);
  }

  private static void requireDifferent(
      String option, @Nullable Path file, String otherOption, @Nullable Path other) {
    if (file == null || other == null) {
      return;
    }
    boolean same;
    try {
      same = Files.isSameFile(file, other);
    } catch (IOException e) { // at least one does not exist yet
      same = file.toAbsolutePath().normalize().equals(other.toAbsolutePath().normalize());
    }
    if (same) {
      throw new BadInputException(
          (option + " " + file + " would write over " + otherOption + " " + other)
              + "; give it another name.");
    }
  }

  /** What a run must have in common with the one it resumes. */
  List<String> configuration(Volume volume) {
    return List.of(
        "--patch " + patch,
        "--batch " + batch,
        "--steps " + steps,
        "--seed " + seed,
        "--augment " + augment,
        volume.identity());
  }

  private static void within(String option, int value, int most) {
    if (value < 1 || value > most) {
      throw new BadInputException(option + " is " + value + ", but must be 1 to " + most + ".");
    }
  }

  Volume readVolume() {
    return volume == null
        ? VolumeReader.readResource(BUNDLED_VOLUME, raw, labels)
        : VolumeReader.read(volume, raw, labels);
  }

  /**
   * Opens the device that was asked for. Where nobody asked for CUDA and there is no cuBLAS for the
   * network, it is the host.
   *
   * @param err receives the message about that
   */
  Device openDevice(PrintStream err) {
    if (device == DeviceChoice.HOST) {
      return HostDevice.open();
    }
    SoftwareDriver.loadIfAsked();
    Device best = Device.best();
    if (device == DeviceChoice.AUTO && best instanceof CudaDevice) {
      try {
        CudaDevice.loadLibrary(JCublas2.class);
      } catch (DeviceException e) {
        best.close();
        err.println("The network runs on the host: " + e.getMessage() + ".");
        return HostDevice.open();
      }
    }
    if (device == DeviceChoice.CUDA && best instanceof HostDevice) {
      best.close();
      throw new BadInputException(
          "--device cuda cannot be had on this machine: " + best.description() + ".");
    }
    return best;
  }

  /** Makes what learns, on the device where the batches lie. */
  Learner openLearner(Device opened, VoxelClassifier classifier, Learner.LossSink losses) {
    if (opened instanceof CudaDevice cuda) {
      try {
        return new DeviceLearner(cuda, classifier, losses);
      } catch (DeviceException e) {
        throw new BadInputException(
            ("the network cannot be set up on " + opened.name() + ": " + e.getMessage())
                + "; --device host does without.",
            e);
      }
    }
    return new HostLearner((HostDevice) opened, classifier, losses);
  }
}
