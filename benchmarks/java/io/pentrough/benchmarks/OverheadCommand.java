package io.pentrough.benchmarks;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link Overhead}. */
@Command(
    name = "overhead",
    mixinStandardHelpOptions = true,
    description =
        "Nanoseconds and bytes of single calls, by JMH: get and close, hand-overs, marks,"
            + " statistics, and fills through HostArray beside those of a plain buffer.")
final class OverheadCommand implements Callable<Integer> {

  @Option(
      names = "--rounds",
      description = "JVMs that each benchmark is run in (default: ${DEFAULT-VALUE})")
  private int rounds = 3;

  @Option(
      names = "--seconds",
      description =
          "length of an iteration, of which there are 3 to warm up and 4 to measure (default:"
              + " ${DEFAULT-VALUE})")
  private double seconds = 0.3;

  @Option(
      names = "--forks",
      description =
          "0 runs all in this JVM: to see that they run, not to measure (default:"
              + " ${DEFAULT-VALUE})")
  private int forks = 1;

  @Option(
      names = "--which",
      description = "which, as a regular expression of their names (default: all)")
  private String which = ".*";

  @Override
  public Integer call() throws Exception {
    new Overhead(rounds, seconds, forks, which).run(System.out);
    return 0;
  }
}
