package io.pentrough.benchmarks;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link FailureLatency}. */
@Command(
    name = "failure-latency",
    mixinStandardHelpOptions = true,
    description =
        "Milliseconds until a consumer gets a failure, and until a loader starts, resets and"
            + " closes; and what an idle loader uses.")
final class FailureLatencyCommand implements Callable<Integer> {

  @Option(names = "--repetitions", description = "how often (default: ${DEFAULT-VALUE})")
  private int repetitions = 100;

  @Option(
      names = "--warmup",
      description =
          "rounds before those, of which only the first is shown (default: ${DEFAULT-VALUE})")
  private int warmup = 30;

  @Option(
      names = "--busy",
      description = "seconds that a busy target works (default: ${DEFAULT-VALUE})")
  private double busySeconds = 0.05;

  @Option(
      names = "--stuck",
      description = "closeTimeout with a stuck target, in seconds (default: ${DEFAULT-VALUE})")
  private double stuckSeconds = 1;

  @Option(
      names = "--idle",
      description = "seconds that nobody consumes, for each loader (default: ${DEFAULT-VALUE})")
  private double idleSeconds = 5;

  @Override
  public Integer call() throws Exception {
    new FailureLatency(repetitions, warmup, busySeconds, stuckSeconds, idleSeconds).run(System.out);
    return 0;
  }
}
