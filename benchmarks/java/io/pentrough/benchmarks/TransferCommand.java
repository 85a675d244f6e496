package io.pentrough.benchmarks;

import io.pentrough.device.Device;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link Transfer}. */
@Command(
    name = "transfer",
    mixinStandardHelpOptions = true,
    description =
        "GB per second to the device and back: from ordinary memory, from pinned memory, and by the"
            + " loader.")
final class TransferCommand implements Callable<Integer> {

  @Option(names = "--device", description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private Devices kind = Devices.HOST;

  @Option(names = "--from", description = "fewest bytes (default: ${DEFAULT-VALUE})")
  private long from = 4 << 10;

  @Option(
      names = "--to",
      description =
          "largest size, at most 1 GiB; each size is 4 times the last (default: 268435456)")
  private long to = 256 << 20;

  @Option(names = "--seconds", description = "length of a measurement (default: ${DEFAULT-VALUE})")
  private double seconds = 0.5;

  @Option(names = "--out", description = "where the chart goes (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("target", "benchmarks");

  @Override
  public Integer call() throws Exception {
    try (Device device = kind.open()) {
      new Transfer(from, to, seconds).run(device, System.out, out);
    }
    return 0;
  }
}
