package io.pentrough;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** The stages' parameters in one host slot. */
final class StageParameters {

  private final List<StagePlan.Step> steps;
  private final ByteBuffer[] buffers;

  StageParameters(List<StagePlan.Step> steps, ByteBuffer slot) {
    this.steps = steps;
    buffers = new ByteBuffer[steps.size()];
    for (int i = 0; i < buffers.length; i++) {
      StagePlan.Step step = steps.get(i);
      buffers[i] =
          slot.slice((int) step.parameterOffset, step.parameterBytes)
              .order(ByteOrder.nativeOrder());
    }
  }

  /**
   * Draws the parameters of a batch.
   *
   * @param contexts the calling worker's contexts, one for each stage
   * @throws StageException if a stage throws
   */
  void draw(BatchContext[] contexts, int epoch, long index, int attempt) {
    for (int i = 0; i < buffers.length; i++) {
      StagePlan.Step step = steps.get(i);
      contexts[i].begin(epoch, index, attempt);
      try {
        step.stage.draw(contexts[i], buffers[i].clear());
      } catch (Throwable t) {
        throw new StageException(step.name, "could not draw its parameters", t);
      } finally {
        contexts[i].end();
      }
    }
  }

  /** See {@link HostBatch#parameters}. */
  ByteBuffer of(BatchStage stage) {
    for (int i = 0; i < buffers.length; i++) {
      if (steps.get(i).stage == stage) {
        return buffers[i].asReadOnlyBuffer().clear().order(ByteOrder.nativeOrder());
      }
    }
    throw new IllegalArgumentException(
        "'" + stage.name() + "' is not one of this loader's stages: give it to stage(...)");
  }
}
