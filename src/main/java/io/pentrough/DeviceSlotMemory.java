package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a {@link DeviceSlot} is made of. Belongs to whoever the slot belongs to. */
final class DeviceSlotMemory {

  /** For how many streams a slot keeps events; beyond, the oldest one serves the next stream. */
  private static final int MOST_STREAMS = 8;

  final DeviceBuffer buffer;

  /** <em>Ready</em>: recorded behind the copy into this slot, and behind its stage. */
  final DeviceEvent ready;

  /** The arrays of the batch that stands here, and the shape of each in it. */
  private @Nullable BatchSpec spec;

  private int[][] shapes = {};

  /** How many bytes of the slot the batch takes. */
  long bytes;

  /** How many of its samples count. */
  int size;

  /** Recorded when the last lease was closed; null if no work of a consumer can be pending. */
  @Nullable DeviceEvent lastReleased;

  /**
   * The stream a lease was closed on in vain; null unless the slot is {@link
   * DeviceSlot.State#LOST}.
   */
  @Nullable DeviceStream lostOn;

  boolean freed;

  /** <em>Released</em>: one event for each stream this slot was ever leased for (I2). */
  private final List<Released> released = new ArrayList<>(1);

  DeviceSlotMemory(DeviceBuffer buffer, DeviceEvent ready) {
    this.buffer = buffer;
    this.ready = ready;
  }

  /** Takes over what the batch says of itself. */
  void describe(HostBatch batch) {
    if (!batch.spec().equals(spec)) {
      spec = batch.spec();
      shapes = new int[spec.size()][];
      for (int i = 0; i < shapes.length; i++) {
        shapes[i] = spec.array(i).shape();
      }
    }
    batch.copyShapesTo(shapes);
    bytes = batch.usedBytes();
    size = batch.size();
  }

  BatchSpec spec() {
    return Objects.requireNonNull(spec);
  }

  int[] shape(int array) {
    return shapes[array];
  }

  /**
   * The event to record on this stream when a lease is closed; made at the first lease for the
   * stream.
   */
  DeviceEvent releasedOn(DeviceStream stream, Device device) {
    for (int i = 0; i < released.size(); i++) {
      Released known = released.get(i);
      if (known.stream.equals(stream)) {
        return known.event;
      }
    }
    if (released.size() == MOST_STREAMS) {
      // The mark of an earlier lease has been waited for before this batch came to stand here.
      Released oldest = released.remove(0);
      released.add(new Released(stream, oldest.event));
      return oldest.event;
    }
    DeviceEvent event = device.newEvent();
    released.add(new Released(stream, event));
    return event;
  }

  List<Released> releasedEvents() {
    return released;
  }

  record Released(DeviceStream stream, DeviceEvent event) {}
}
