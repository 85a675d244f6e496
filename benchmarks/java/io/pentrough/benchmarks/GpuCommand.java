package io.pentrough.benchmarks;

import io.pentrough.device.cuda.CudaDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs the parts of {@link GpuPart}. */
@Command(
    name = "gpu",
    mixinStandardHelpOptions = true,
    description =
        "What only a GPU can tell: whether the augmentations give the host's bits, what calls,"
            + " transfers and batches take, how much of the memory's bandwidth the kernels use, and"
            + " whether copies hide behind a kernel. benchmarks/on-gpu.sh runs all of it.")
final class GpuCommand implements Callable<Integer> {

  private static final String CHECK_FILLS = "pentrough.checkFills";

  @Parameters(
      arity = "0..*",
      paramLabel = "PART",
      description = "${COMPLETION-CANDIDATES}; all of them if none is named")
  private List<GpuPart> parts = new ArrayList<>();

  @Option(
      names = "--seconds",
      description = "how long a part measures, about (default: ${DEFAULT-VALUE})")
  private double seconds = 30;

  @Option(
      names = "--tiny",
      description = "tiny sizes and three samples each: to see that it runs, not to measure")
  private boolean tiny;

  @Option(names = "--csv", description = "a file that gets every sample, behind what is there")
  private @Nullable Path csv;

  @Override
  public Integer call() throws Exception {
    return withoutFillChecks(this::measure);
  }

  /** Targets that do nothing are meant here. */
  static <T> T withoutFillChecks(Callable<T> work) throws Exception {
    String before = System.setProperty(CHECK_FILLS, "false");
    try {
      return work.call();
    } finally {
      if (before == null) {
        System.clearProperty(CHECK_FILLS);
      } else {
        System.setProperty(CHECK_FILLS, before);
      }
    }
  }

  private int measure() throws Exception {
    long began = System.nanoTime();
    try (CudaDevice device = (CudaDevice) Devices.CUDA.open()) {
      Figures figures = csv == null ? Figures.kept() : Figures.appendedTo(csv);
      figures.fact("device: " + device.description());
      System.out.printf(
          "device: %s, opened after %.0f ms%n",
          device.description(), (System.nanoTime() - began) / 1e6);
      System.out.println(Devices.warning(device));
      System.out.println();
      GpuBench bench = new GpuBench(device, figures, System.out, seconds, tiny);
      for (GpuPart part : parts.isEmpty() ? List.of(GpuPart.values()) : parts) {
        part.run(bench);
      }
    }
    return 0;
  }
}
