package io.pentrough;

/** The work of a {@link BatchStage} on the batches that pass through one device slot. */
@FunctionalInterface
public interface StageWork {

  /**
   * Queues the work on {@link StageInvocation#stream()}, behind the batch's copy and the work of
   * the stages before.
   *
   * <p>The library calls this for every batch, one call at a time. The calling thread serves all
   * batches, so do not wait here and do not allocate on the device.
   *
   * <p>If this throws, the batch fails. The {@code get} whose turn it is throws a {@link
   * TargetException} whose cause is a {@link StageException}, and the next batch is delivered as
   * usual. If the device has failed, the loader is broken instead.
   *
   * @param invocation the batch and the stream; valid until this method returns
   * @throws Exception if the work cannot be queued
   */
  void queue(StageInvocation invocation) throws Exception;
}
