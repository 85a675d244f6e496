package io.pentrough;

/** What a {@link BatchStage} does with the batches that pass through one slot. */
@FunctionalInterface
public interface StageWork {

  /**
   * Queues the work on {@link StageRun#stream()}, behind the batch's copy and the stages before.
   * Called for each batch, by one thread of the library, which must not be held up: no waiting, no
   * allocation on the device.
   *
   * <p>What it throws is told at the batch's place in the order, as a {@link TargetException} whose
   * cause is a {@link StageException}; the next batch is delivered as always. Not so if the device
   * has failed: then the loader is broken.
   *
   * @param run the batch and the stream; valid until this method returns
   * @throws Exception whatever stops it
   */
  void queue(StageRun run) throws Exception;
}
