package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a {@link DeviceSlot} is made of. Belongs to whoever the slot belongs to. */
final class DeviceSlotMemory {

  final DeviceBuffer buffer;

  /** <em>Ready</em>: recorded behind the copy into this slot, and behind its stage. */
  final DeviceEvent ready;

  /** What says that no consumer's work uses this slot any more. */
  final ReleaseFence fence;

  /** The arrays the batch that stands here was copied as. */
  private @Nullable BatchSpec targetSpec;

  /** Those it is delivered as. */
  private @Nullable BatchSpec spec;

  /** Of the target's arrays in the batch. */
  private int[][] targetShapes = {};

  /** Of the delivered ones; the same without stages. */
  private int[][] shapes = {};

  private final @Nullable StagePlan stages;

  /** How many bytes of the slot the batch's copy writes. */
  long bytes;

  /** How many of its samples count. */
  int size;

  /**
   * The stream a lease was closed on in vain; null unless the slot is {@link
   * DeviceSlot.State#LOST}.
   */
  @Nullable DeviceStream lostOn;

  boolean freed;

  DeviceSlotMemory(
      DeviceBuffer buffer, DeviceEvent ready, ReleaseFence fence, @Nullable StagePlan stages) {
    this.buffer = buffer;
    this.ready = ready;
    this.fence = fence;
    this.stages = stages;
  }

  /** Takes over what the batch says of itself. */
  void describe(HostBatch batch) {
    if (!batch.spec().equals(targetSpec)) {
      targetSpec = batch.spec();
      targetShapes = maximumShapes(targetSpec);
      spec = stages == null ? targetSpec : stages.delivered;
      shapes = stages == null ? targetShapes : deliveredShapes(stages);
    }
    batch.copyShapesTo(targetShapes);
    bytes = (stages == null ? 0 : stages.headerBytes) + batch.usedBytes();
    size = batch.size();
  }

  private static int[][] maximumShapes(BatchSpec spec) {
    int[][] shapes = new int[spec.size()][];
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = spec.array(i).shape();
    }
    return shapes;
  }

  /** The same objects where a shape is that of one of the target's arrays. */
  private int[][] deliveredShapes(StagePlan plan) {
    int[][] shapes = maximumShapes(plan.delivered);
    for (int i = 0; i < shapes.length; i++) {
      if (plan.shapeFrom[i] != StagePlace.FIXED) {
        shapes[i] = targetShapes[plan.shapeFrom[i]];
      }
    }
    return shapes;
  }

  BatchSpec spec() {
    return Objects.requireNonNull(spec);
  }

  int[] shape(int array) {
    return shapes[array];
  }

  int[] targetShape(int array) {
    return targetShapes[array];
  }
}
