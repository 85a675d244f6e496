package io.pentrough;

import java.util.stream.IntStream;

/**
 * The seeds a fuzz test runs. System properties, to be given to Maven as they are:
 *
 * <ul>
 *   <li>{@code -Dpentrough.fuzz.seeds=2000}: how many
 *   <li>{@code -Dpentrough.fuzz.from=400}: the first of them, default 0
 *   <li>{@code -Dpentrough.fuzz.seed=17}: this seed only, {@code pentrough.fuzz.seeds} times
 * </ul>
 *
 * <p>The machine's scheduler has a say too, so a seed that failed may need some repetitions to fail
 * again.
 */
final class FuzzSeeds {

  private FuzzSeeds() {}

  /**
   * The seeds asked for.
   *
   * @param usually how many where nobody asked
   */
  static IntStream of(int usually) {
    Integer one = Integer.getInteger("pentrough.fuzz.seed");
    if (one != null) {
      return IntStream.generate(() -> one).limit(Integer.getInteger("pentrough.fuzz.seeds", 1));
    }
    int from = Integer.getInteger("pentrough.fuzz.from", 0);
    return IntStream.range(from, from + Integer.getInteger("pentrough.fuzz.seeds", usually));
  }
}
