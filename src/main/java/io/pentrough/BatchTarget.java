package io.pentrough;

/**
 * Makes batches: the user's code, called by the loader's workers.
 *
 * <pre>{@code
 * BatchTarget target =
 *     (out, context) -> {
 *       HostArray image = out.array("image"); // uint8 [samples, length]
 *       RandomGenerator random = context.random(); // the same numbers on any worker
 *       int length = image.dimension(1);
 *       for (int i = 0; i < image.dimension(0); i++) {
 *         image.row(i).set(0, pixels, random.nextInt(pixels.length - length), length);
 *       }
 *     };
 * }</pre>
 *
 * <p><b>Threads.</b> Several workers call it at the same time, each with arrays and a context of
 * its own. Everything else that the target uses must be thread-safe.
 */
@FunctionalInterface
public interface BatchTarget {

  /**
   * Writes one batch in place.
   *
   * <p>The arrays hold whatever the slot's last batch left in them. So write every element, or call
   * {@link HostArray#fillZero()} first. The result should depend only on the context's epoch, index
   * and random numbers. Then the same seed gives the same batches with any number of workers (I8).
   *
   * <p>May block. May use threads of its own on {@link HostBatch#concurrentView()}, if they are
   * done when this call returns. A target must not wait for a batch of its own loader: once every
   * worker does so, none can make that batch.
   *
   * @param out the arrays to fill, valid until this call returns
   * @param context which batch this is, and its random numbers, valid until this call returns
   * @throws Exception whatever stops this batch from being made; it becomes the cause of what the
   *     consumer sees at this batch's place
   */
  void fill(HostBatch out, BatchContext context) throws Exception;
}
