package io.pentrough.benchmarks;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line of the benchmarks. */
@Command(
    name = "benchmarks",
    mixinStandardHelpOptions = true,
    usageHelpAutoWidth = true,
    description = "Measures Pentrough beside the loaders that any engineer would write in a page.",
    subcommands = {
      AllCommand.class,
      ThroughputCommand.class,
      OverlapCommand.class,
      GrowthCommand.class,
      ScaleCommand.class,
      OverheadCommand.class,
      FailureLatencyCommand.class,
      HostKernelThroughputCommand.class,
      TransferCommand.class,
      UnwrittenCommand.class,
      PermutationCommand.class,
      RowsCommand.class,
      ImagesCommand.class,
      AdviceCommand.class,
      TraceCommand.class,
      JfrCommand.class,
      CopyWaitsCommand.class,
      GpuCommand.class,
      PicturesCommand.class,
      PublishCommand.class
    })
final class Benchmarks {

  private Benchmarks() {}

  /**
   * Runs a benchmark.
   *
   * @param args its name and options; {@code --help} lists them
   */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    return new CommandLine(new Benchmarks()).setCaseInsensitiveEnumValuesAllowed(true);
  }
}
