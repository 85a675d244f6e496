package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One batch on its way through a stage. One object per loader, used again: valid until {@link
 * StageWork#queue} returns, on its thread. Any other use throws {@link IllegalStateException}.
 */
public final class StageRun {

  private final DeviceStream stream;

  /** As in {@link BatchContext}. */
  private @Nullable Thread thread;

  private @Nullable DeviceSlot slot;
  private @Nullable DeviceSlotMemory memory;
  private StagePlan.@Nullable Step step;

  StageRun(DeviceStream stream) {
    this.stream = stream;
  }

  StageRun of(DeviceSlot slot, DeviceSlotMemory memory, StagePlan.Step step) {
    this.slot = slot;
    this.memory = memory;
    this.step = step;
    thread = Thread.currentThread();
    return this;
  }

  /** The work has been queued. */
  void end() {
    thread = null;
  }

  private void check() {
    if (thread != Thread.currentThread()) {
      throw BatchContext.misuse("a stage's run", thread);
    }
  }

  /**
   * The stream to queue the work on: it is behind the batch's copy.
   *
   * @return a stream of the loader's own; always the same
   */
  public DeviceStream stream() {
    check();
    return stream;
  }

  /**
   * The epoch of the batch.
   *
   * @return the epoch, from 0
   */
  public int epoch() {
    check();
    return Objects.requireNonNull(slot).epoch;
  }

  /**
   * The index of the batch.
   *
   * @return the index in its epoch, from 0
   */
  public long index() {
    check();
    return Objects.requireNonNull(slot).index;
  }

  /**
   * How many samples of the batch count, see {@link HostBatch#size}. A stage may work on the others
   * too: what it reads of them is zero, and what it makes of them is set to zero behind it.
   *
   * @return 1 to the first dimension of the target's first array
   */
  public int size() {
    check();
    return Objects.requireNonNull(memory).size;
  }

  /**
   * One dimension of the shape that an array has in this batch; of rows, those that count.
   *
   * @param array one that the stage reads or makes; where it does both, the one it makes
   * @param axis the axis, 0 is the slowest
   * @return its length
   * @throws IllegalArgumentException if the stage neither reads nor makes such an array
   * @throws IndexOutOfBoundsException if there is no such axis
   */
  public int dimension(String array, int axis) {
    Objects.requireNonNull(array, "array");
    check();
    StagePlace place = Objects.requireNonNull(step).placeOf(array);
    return Objects.requireNonNull(memory).dimension(place, axis);
  }
}
