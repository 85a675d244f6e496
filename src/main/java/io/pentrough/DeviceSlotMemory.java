package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The memory of a {@link DeviceSlot}. Its owner is the owner of the slot. */
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

  /** Of the target's arrays in the batch, without rows that do not count. */
  private int[][] targetShapes = {};

  /** How many elements these have with such rows. */
  private int[] targetElements = {};

  /** Of the delivered ones; the same without stages. */
  private int[][] shapes = {};

  private final @Nullable StagePlan stages;

  /** How many bytes of the slot the batch's copy writes. */
  long bytes;

  /** How many of its samples count. */
  int size;

  /** Which samples it is short of. */
  List<BadSample> badSamples = List.of();

  /** How many of its samples repeat others. */
  int padded;

  /**
   * The stream whose lease could not be released; null unless the slot is {@link
   * DeviceSlot.State#POISONED}.
   */
  @Nullable DeviceStream lostOn;

  /** Never freed, because it may still be in use. */
  boolean leaked;

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
      targetElements = new int[targetSpec.arrays().size()];
      spec = stages == null ? targetSpec : stages.delivered;
      shapes = stages == null ? targetShapes : deliveredShapes(stages);
    }
    batch.copyShapesTo(targetShapes);
    bytes = (stages == null ? 0 : stages.headerBytes) + batch.usedBytes();
    size = batch.size();
    badSamples = batch.badSamples();
    padded = batch.padded();
    for (int i = 0; i < targetShapes.length; i++) {
      targetElements[i] = batch.elements(i);
      countRows(batch.spec().array(i), targetShapes[i]);
    }
    if (stages != null) {
      for (int i = 0; i < shapes.length; i++) {
        if (stages.shapeFrom[i] == StagePlan.Allocation.FIXED) { // else it is a target's shape
          countRows(stages.delivered.array(i), shapes[i]);
        }
      }
    }
  }

  /** Leaves of a shape, which is that of the fill if it is variable, the rows that count. */
  private void countRows(ArraySpec array, int[] shape) {
    if (hasRowPerSample(array)) {
      shape[0] = array.isVariable() ? Math.min(shape[0], size) : size;
    }
  }

  private static int[][] maximumShapes(BatchSpec spec) {
    int[][] shapes = new int[spec.arrays().size()][];
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = spec.array(i).shape();
    }
    return shapes;
  }

  /** The same objects where a shape is that of one of the target's arrays. */
  private int[][] deliveredShapes(StagePlan plan) {
    int[][] shapes = maximumShapes(plan.delivered);
    for (int i = 0; i < shapes.length; i++) {
      if (plan.shapeFrom[i] != StagePlan.Allocation.FIXED) {
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

  /** What an array takes, with rows that do not count. */
  long bytes(int array) {
    return bytes(spec().array(array), stages == null ? array : stages.shapeFrom[array]);
  }

  /** The same of any array that has the shape of a target's, if it is variable. */
  long bytes(ArraySpec array, int shapeFrom) {
    return array.isVariable()
        ? (long) targetElements[shapeFrom] * array.dtype().bytes()
        : array.bytes();
  }

  /** Whether all samples count. */
  boolean isFull() {
    return size == Objects.requireNonNull(targetSpec).samples();
  }

  /** One dimension, in this batch, of an array that stages read or make. */
  int dimension(StagePlan.Allocation array, int axis) {
    int max = array.spec.dimension(axis);
    if (array.shapeFrom != StagePlan.Allocation.FIXED) {
      return targetShapes[array.shapeFrom][axis];
    }
    return axis == 0 && hasRowPerSample(array.spec) ? size : max;
  }

  /** Whether an array that stages read or make has a row for each sample. */
  boolean hasRowPerSample(ArraySpec array) {
    return Objects.requireNonNull(targetSpec).hasRowPerSample(array);
  }
}
