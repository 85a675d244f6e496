package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One call of {@link StageWork#queue}: the batch, and the stream to queue its work on.
 *
 * <p>A loader has one object of this type and uses it for every batch. It is valid on the thread
 * that calls {@code queue}, until {@code queue} returns. At any other time, and on any other
 * thread, its methods throw {@link IllegalStateException}. They do not block.
 */
public final class StageInvocation {

  private final DeviceStream stream;

  /** As in {@link BatchContext}. */
  private @Nullable Thread thread;

  private @Nullable DeviceSlot slot;
  private @Nullable DeviceSlotMemory memory;
  private StagePlan.@Nullable Step step;

  StageInvocation(DeviceStream stream) {
    this.stream = stream;
  }

  StageInvocation of(DeviceSlot slot, DeviceSlotMemory memory, StagePlan.Step step) {
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
      throw BatchContext.misuse("a stage's invocation", thread);
    }
  }

  /**
   * The stream to queue the work on. The batch's copy is queued ahead of it.
   *
   * @return a stream of the loader; always the same one
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
   * How many samples of the batch count, see {@link HostBatch#size}. A stage may process the other
   * rows too: it reads zeros there, and zeros replace what it writes there.
   *
   * @return 1 to the first dimension of the target's first array
   */
  public int size() {
    check();
    return Objects.requireNonNull(memory).size;
  }

  /**
   * One dimension of an array's shape in this batch. Rows of samples that do not count are left
   * out.
   *
   * @param array an array that the stage reads or makes; if it does both, this is the one it makes
   * @param axis the axis, 0 is the slowest
   * @return the length along that axis
   * @throws IllegalArgumentException if the stage neither reads nor makes the array
   * @throws IndexOutOfBoundsException if the array has no such axis
   */
  public int dimension(String array, int axis) {
    Objects.requireNonNull(array, "array");
    check();
    StagePlan.Allocation allocation = Objects.requireNonNull(step).allocationOf(array);
    return Objects.requireNonNull(memory).dimension(allocation, axis);
  }
}
