package io.pentrough;

/**
 * Makes a batch as ordinary Java arrays, for {@link BackgroundLoader#infer}: the counterpart of an
 * ELEKTRONN2 target that returns its arrays. A {@link BatchTarget}, which writes in place, saves a
 * copy and the garbage.
 *
 * <pre>{@code
 * ArraySource source =
 *     context -> {
 *       float[][] images = new float[32][784]; // any shape, nested or flat
 *       int[] labels = new int[32];
 *       images[0][0] = context.random().nextFloat();
 *       return new Object[] {images, labels};
 *     };
 * }</pre>
 *
 * <p><b>Threads.</b> Called from all workers at once, and once from the thread that starts the
 * loader.
 */
@FunctionalInterface
public interface ArraySource {

  /**
   * Makes one batch.
   *
   * @param context which batch, and its random numbers; {@link BatchContext#endOfEpoch()} works
   *     here too
   * @return the arrays, in the order of their names: each a {@code byte[]}, {@code short[]}, {@code
   *     int[]}, {@code long[]}, {@code float[]} or {@code double[]}, or nested arrays of one of
   *     these, all rows of an axis equally long. The caller keeps nothing. Null only after {@code
   *     endOfEpoch()}, where what is returned is ignored
   * @throws Exception whatever goes wrong. {@code get} throws it, as the cause of a {@link
   *     TargetException}, in place of this batch
   */
  Object[] arrays(BatchContext context) throws Exception;
}
