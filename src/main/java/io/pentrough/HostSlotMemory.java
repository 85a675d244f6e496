package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;

/** What a {@link HostSlot} is made of. Belongs to whoever the slot belongs to. */
final class HostSlotMemory {

  /** NaN in every floating type. */
  private static final byte POISON = (byte) 0xFF;

  final PinnedBuffer pinned;
  final HostBatch batch;

  /** <em>Copied</em>: recorded behind the copy out of this slot. */
  final DeviceEvent copied;

  boolean freed;

  HostSlotMemory(PinnedBuffer pinned, HostBatch batch, DeviceEvent copied) {
    this.pinned = pinned;
    this.batch = batch;
    this.copied = copied;
  }

  /** Makes an element that the target forgets visible. */
  void poison() {
    ByteBuffer bytes = pinned.unsafeBuffer();
    while (bytes.hasRemaining()) {
      bytes.put(POISON);
    }
  }
}
