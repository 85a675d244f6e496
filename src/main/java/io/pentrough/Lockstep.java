package io.pentrough;

import io.pentrough.device.DeviceException;
import java.util.List;

/**
 * A running {@link ParallelLoader}: several engines, of whose batches steps are made.
 *
 * <pre>
 *     get --------------------> StepMaker --.
 *                                           +--> LaneGroup --> Lane --> Engine, one for each device
 *     reset, position, close ---------------'
 * </pre>
 */
final class Lockstep {

  private final LaneGroup group;
  private final StepMaker maker;

  Lockstep(String name, Time time) {
    group = new LaneGroup(name);
    maker = new StepMaker(group, time);
  }

  String name() {
    return group.name();
  }

  /** Before {@link #begin}. */
  void add(Lane lane) {
    group.add(lane);
  }

  /** All lanes are there. */
  void begin() {
    group.stopped(); // one may have broken while others were started
  }

  /** A loader copies nothing more. If it is broken, all end, and so does who waits for another. */
  void stopped() {
    group.stopped();
  }

  List<Engine> engines() {
    return group.engines();
  }

  /** See {@link StepMaker#get}. */
  ParallelBatch get(long nanos, boolean queued) throws InterruptedException, BatchTimeoutException {
    return maker.get(nanos, queued);
  }

  /** See {@link StepMaker#getInLoop}. */
  ParallelBatch getInLoop(int lastEpoch) throws InterruptedException, BatchTimeoutException {
    return maker.getInLoop(lastEpoch);
  }

  /** See {@link ParallelLoader#reset}. */
  void reset() {
    group.requireUsable();
    try {
      engines().forEach(Engine::reset);
    } catch (LoaderClosedException | DeviceException e) {
      throw group.inTermsOfAll(e);
    }
  }

  /** See {@link ParallelLoader#position}. */
  Position position() {
    return group.position();
  }

  /** The epoch of the next step. */
  int nextEpoch() {
    int next = 0;
    try {
      for (Lane lane : group.lanes()) {
        int epoch = lane.engine.nextEpoch();
        DeviceBatch held = group.heldBy(lane);
        next = Math.max(next, held == null ? epoch : held.epoch()); // of the first whole step
      }
    } catch (LoaderClosedException | DeviceException e) {
      throw group.inTermsOfAll(e);
    }
    return next;
  }

  ParallelStats stats() {
    return group.stats();
  }

  /** Gives back what belongs to nobody, then closes all loaders within one time. */
  void close() {
    for (DeviceBatch batch : group.end()) {
      try {
        batch.close();
      } catch (RuntimeException | Error e) { // there is more to close
        // Its loader is broken by it and has said so; or the stream is captured, and the next
        // close() gives it back. Until then nobody waits for what the caller has.
        batch.passToCaller();
      }
    }
    Engine.close(engines());
  }
}
