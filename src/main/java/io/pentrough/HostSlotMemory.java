package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The memory of a {@link HostSlot}. Its owner is the owner of the slot. */
final class HostSlotMemory {

  /** NaN in every floating type. */
  private static final byte POISON = (byte) 0xFF;

  final PinnedBuffer pinned;

  /**
   * <em>Copied</em>: recorded behind the copy out of this slot. Null without stages, as the device
   * slot's <em>ready</em> is recorded there then.
   */
  final @Nullable DeviceEvent copied;

  /** Never freed, because it may still be in use. */
  boolean leaked;

  /** Whether a fill of this slot has been checked for what it leaves unwritten. */
  boolean checked;

  /** The arrays of the last batch; a next one of the same arrays uses them again. */
  private @Nullable HostBatch batch;

  /** Null without stages. */
  @Nullable StageParameters parameters;

  private final long headerBytes;

  HostSlotMemory(PinnedBuffer pinned, @Nullable DeviceEvent copied, @Nullable StagePlan stages) {
    this.pinned = pinned;
    this.copied = copied;
    headerBytes = stages == null ? 0 : stages.headerBytes;
    parameters = stages == null ? null : new StageParameters(stages.steps, pinned.unsafeBuffer());
  }

  /** The slot's memory as a batch of these arrays. */
  HostBatch batch(BatchSpec spec) {
    HostBatch last = batch;
    if (last == null || !last.spec().equals(spec)) {
      last = new HostBatch(spec, pinned, headerBytes, parameters);
      batch = last;
    }
    return last;
  }

  /** What the last fill made. */
  HostBatch filled() {
    return Objects.requireNonNull(batch);
  }

  /** Lets go of the views of the memory, which on the host keep it though it has been freed. */
  void dropViews() {
    batch = null;
    parameters = null;
  }

  /** Makes an element that the target forgets visible. */
  void poison() {
    ByteBuffer bytes = pinned.unsafeBuffer();
    while (bytes.hasRemaining()) {
      bytes.put(POISON);
    }
  }
}
