package io.pentrough;

import io.pentrough.device.TestDevice;
import io.pentrough.device.cuda.CudaRuns;
import java.util.stream.IntStream;

/**
 * The seeds a fuzz test runs. System properties, to be given to Maven as they are:
 *
 * <ul>
 *   <li>{@code -Dpentrough.fuzz.seeds=2000}: how many
 *   <li>{@code -Dpentrough.fuzz.from=400}: the first of them, default 0
 *   <li>{@code -Dpentrough.fuzz.seed=17}: this seed only, {@code pentrough.fuzz.seeds} times
 *   <li>{@code -Dpentrough.fuzz.cudaSeeds=50}: how many in each run on CUDA, default 5; those of
 *       the driver's seed 1 begin where those of its seed 0 end, and so on
 * </ul>
 *
 * <p>The machine's scheduler has a say too, so a seed that failed may need some repetitions to fail
 * again.
 */
final class FuzzSeeds {

  /** Few: there are many runs. */
  private static final int ON_CUDA = 5;

  private FuzzSeeds() {}

  /**
   * The seeds asked for.
   *
   * @param usually how many on the host where nobody asked
   */
  static IntStream of(int usually) {
    Integer one = Integer.getInteger("pentrough.fuzz.seed");
    if (one != null) {
      return IntStream.generate(() -> one).limit(Integer.getInteger("pentrough.fuzz.seeds", 1));
    }
    int from = Integer.getInteger("pentrough.fuzz.from", 0);
    if (TestDevice.IS_CUDA) {
      int count = Integer.getInteger("pentrough.fuzz.cudaSeeds", ON_CUDA);
      int first = from + (int) CudaRuns.seed() * count;
      return IntStream.range(first, first + count);
    }
    return IntStream.range(from, from + Integer.getInteger("pentrough.fuzz.seeds", usually));
  }
}
