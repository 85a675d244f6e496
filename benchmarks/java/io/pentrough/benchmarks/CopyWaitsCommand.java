package io.pentrough.benchmarks;

import io.pentrough.device.DeviceException;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link CopyWaits} for each way of waiting. */
@Command(
    name = "waits",
    mixinStandardHelpOptions = true,
    description =
        "On CUDA: how soon a consumer has a batch after its copy has ended, for each way of waiting"
            + " for it, and what CPU time that takes.")
final class CopyWaitsCommand implements Callable<Integer> {

  private static final String PART = "waits";
  private static final String WAY = "pentrough.copyWatch";
  private static final String WITH_WORDS = "+words";

  @Option(
      names = "--micros",
      split = ",",
      description = "how long copies shall take, in us (default: ${DEFAULT-VALUE})")
  private List<Integer> micros = List.of(20, 50, 100, 200, 2_000);

  @Option(
      names = "--rate",
      description =
          "bytes a copy moves in a us, to choose sizes for these times; the software driver is told"
              + " the times (default: ${DEFAULT-VALUE})")
  private int rate = 25_000;

  @Option(names = "--batches", description = "of each, at most (default: ${DEFAULT-VALUE})")
  private int batches = 2_000;

  @Option(names = "--ways", split = ",", description = "which (default: ${DEFAULT-VALUE})")
  private List<String> ways = List.of("nobody", "copy_thread", "consumer", "consumer+words");

  @Option(names = "--csv", description = "a file that gets every sample, behind what is there")
  private @Nullable Path csv;

  @Override
  public Integer call() throws Exception {
    return GpuCommand.withoutFillChecks(this::measure);
  }

  private int measure() throws Exception {
    Machine machine = Machine.watch(System.out);
    if (Boolean.getBoolean(Devices.SOFTWARE)) {
      System.out.println("THE CUDA DRIVER IS SOFTWARE: these figures are not those of a GPU.");
    }
    Figures figures = csv == null ? Figures.kept() : Figures.appendedTo(csv);
    int failed = 0;
    try {
      for (int length : micros) {
        for (String way : ways) {
          System.setProperty(WAY, way.replace(WITH_WORDS, ""));
          System.setProperty(CopyWaits.WORDS, Boolean.toString(way.endsWith(WITH_WORDS)));
          try (CudaDevice device = (CudaDevice) Devices.CUDA.open()) {
            measure(device, way, length, figures);
          } catch (DeviceException e) { // a driver may refuse one of the ways
            System.out.println(way + ", " + length + " us: " + e.getMessage());
            failed++;
          }
        }
      }
    } finally {
      System.clearProperty(WAY);
      System.clearProperty(CopyWaits.WORDS);
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(figures.table(PART));
    return failed == 0 ? 0 : 1;
  }

  private void measure(CudaDevice device, String way, int length, Figures figures)
      throws Exception {
    figures.fact("device: " + device.description());
    boolean software = Boolean.getBoolean(Devices.SOFTWARE);
    if (software) {
      CudaSim.bandwidth(0, length);
    }
    int bytes = software ? 4_096 : length * rate;
    CopyWaits waits = new CopyWaits(device, Math.min(batches, 1_000_000 / length));
    waits.measure(bytes); // for the compiler
    CopyWaits.Result result = waits.measure(bytes);
    String name = "%d us, %s".formatted(length, way);
    figures.add(PART, name, "copy, us", result.copyMicros());
    figures.add(PART, name, "asked for before its end, %", 100 * result.waits());
    figures.add(
        PART, name, "delay, us", result.delaysMicros().stream().mapToDouble(d -> d).toArray());
    figures.add(PART, name, "CPU a batch of the consumer, us", result.consumerCpuMicros());
    figures.add(PART, name, "of the copy thread, us", result.copyThreadCpuMicros());
    if (length == micros.get(0)) {
      figures.add(PART, name, "of that while nobody consumes, us/s", waits.idleMicros(bytes));
    }
  }
}
