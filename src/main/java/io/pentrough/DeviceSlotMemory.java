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

  DeviceSlotMemory(DeviceBuffer buffer, DeviceEvent ready, @Nullable StagePlan stages) {
    this.buffer = buffer;
    this.ready = ready;
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
