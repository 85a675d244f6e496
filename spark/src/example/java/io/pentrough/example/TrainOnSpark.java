package io.pentrough.example;

import io.pentrough.spark.ElasticJob;
import io.pentrough.spark.FolderStore;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Trains the example's network data-parallel, by default in two tasks on this machine. */
@Command(
    name = "train-on-spark",
    sortOptions = false,
    usageHelpAutoWidth = true,
    description = "Trains a voxel classifier in several tasks of a Spark application.")
public final class TrainOnSpark {

  @Option(
      names = "--tasks",
      paramLabel = "N",
      description =
          "the most tasks to use; as many are used as there is room for and divide "
              + DataParallelTask.GLOBAL_BATCH
              + " (default: ${DEFAULT-VALUE})")
  int tasks = 2;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "steps to train, of 256 patches each (default: ${DEFAULT-VALUE})")
  int steps = 600;

  @Option(
      names = "--store",
      paramLabel = "FOLDER",
      description =
          "where checkpoints are kept, seen by all machines; a second run continues there (default:"
              + " a new folder, deleted at the end)")
  @Nullable Path store;

  @Option(names = "--take-over", description = "the driver that used the folder before is gone")
  boolean takeOver;

  @Option(names = "--gpu", description = "refuse tasks without a GPU")
  boolean gpu;

  @Option(names = "--help", usageHelp = true, description = "print this")
  boolean help;

  private TrainOnSpark() {}

  /**
   * Runs the example; {@code --help} lists the options. Without spark-submit it runs in this
   * process.
   *
   * @param args the options
   * @throws Exception if training fails
   */
  public static void main(String[] args) throws Exception {
    TrainOnSpark options = new TrainOnSpark();
    CommandLine commandLine = new CommandLine(options);
    try {
      commandLine.parseArgs(args);
      options.check(commandLine);
    } catch (ParameterException e) {
      System.err.println(e.getMessage());
      System.exit(2);
    }
    if (options.help) {
      commandLine.usage(System.out);
      return;
    }
    options.run();
  }

  private void check(CommandLine commandLine) {
    if (tasks < 1 || steps < 1) {
      throw new ParameterException(commandLine, "--tasks and --steps must be at least 1.");
    }
  }

  private void run() throws InterruptedException, IOException {
    SparkConf conf = new SparkConf().setAppName("pentrough-example");
    if (!conf.contains("spark.master")) { // not submitted
      conf.setMaster("local[" + tasks + "]")
          .set("spark.ui.enabled", "false")
          .set("spark.driver.host", "127.0.0.1")
          .set("spark.driver.bindAddress", "127.0.0.1")
          .set("spark.executor.heartbeatInterval", "1s");
    }
    Path folder = store == null ? Files.createTempDirectory("pentrough-store") : store;
    try (JavaSparkContext spark = new JavaSparkContext(conf)) {
      spark.setLogLevel("ERROR");
      ElasticJob.Builder<DataParallelTask.Result> job =
          ElasticJob.builder(
                  spark,
                  new FolderStore(folder),
                  new DataParallelTask(steps, Math.max(1, steps / 3), (context, step) -> {}))
              .name("example of " + steps + " steps")
              .tasks(
                  room ->
                      ElasticJob.largestDivisor(DataParallelTask.GLOBAL_BATCH)
                          .applyAsInt(Math.min(room, tasks)))
              .onProgress(System.err::println);
      if (takeOver) {
        job.takeOver();
      }
      if (gpu) {
        job.requireGpu();
      }
      report(job.run());
    } finally {
      if (store == null) {
        delete(folder);
      }
    }
  }

  private void report(List<DataParallelTask.Result> results) throws IOException {
    DataParallelTask.Result result = results.get(0);
    System.out.printf(
        Locale.ROOT,
        "%d steps on %d tasks; loss %.4f at the first, %.4f at the last%n",
        result.losses.length,
        results.size(),
        result.losses[0],
        result.losses[result.losses.length - 1]);
    System.out.printf(
        Locale.ROOT, "validation balanced accuracy: %.3f%n", balancedAccuracy(result));
  }

  /** What the trained network reaches on the part of the volume that it has not seen. */
  static double balancedAccuracy(DataParallelTask.Result result) throws IOException {
    DataParallelTask.Data data = new DataParallelTask.Data();
    VoxelClassifier classifier = data.classifier();
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(result.network))) {
      classifier.readNetwork(in);
    }
    return new Evaluation(data.volume, data.validation()).balancedAccuracy(classifier);
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
      Files.delete(folder);
    } catch (IOException
        | UncheckedIOException e) { // not thrown, as it would replace why the job has failed
      System.err.println("could not delete " + folder + ": " + e);
    }
  }
}
