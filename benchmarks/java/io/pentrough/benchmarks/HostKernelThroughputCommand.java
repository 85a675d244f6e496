package io.pentrough.benchmarks;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link HostKernelThroughput}. */
@Command(
    name = "host-kernels",
    mixinStandardHelpOptions = true,
    description =
        "Voxels per second of the augmentations' host implementations in Java, on one thread.")
final class HostKernelThroughputCommand implements Callable<Integer> {

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 5;

  @Option(names = "--seconds", description = "length of a measurement (default: ${DEFAULT-VALUE})")
  private double seconds = 0.7;

  @Override
  public Integer call() throws Exception {
    new HostKernelThroughput(rounds, seconds).run(System.out);
    return 0;
  }
}
