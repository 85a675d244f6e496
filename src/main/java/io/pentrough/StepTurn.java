package io.pentrough;

/** One thread at a time makes a step; the others wait for their turn within their own times. */
final class StepTurn {

  private final LaneGroup group;
  private final Time time;

  /** Whether it is a thread's turn. Guarded by the group. */
  private boolean taken;

  StepTurn(LaneGroup group, Time time) {
    this.group = group;
    this.time = time;
  }

  /** Makes it the caller's turn. False if the time is over; else {@link #end} has to follow. */
  boolean begin(StepRequest request) throws InterruptedException {
    if (tryBegin()) {
      return true;
    }
    requireSlotsOfOthers();
    Boolean mine =
        PoolWait.isNeeded() ? PoolWait.run(() -> await(request)) : Boolean.valueOf(await(request));
    return Boolean.TRUE.equals(mine);
  }

  void end() {
    synchronized (group) {
      taken = false;
      group.notifyAll();
    }
  }

  private boolean tryBegin() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    synchronized (group) {
      group.requireUsable();
      boolean isFree = !taken;
      taken = true;
      return isFree;
    }
  }

  /** The thread whose turn it is may wait for a slot that only the calling thread can free. */
  private void requireSlotsOfOthers() {
    for (Lane lane : group.lanes()) {
      if (group.heldBy(lane) == null) {
        lane.engine.requireSlotOfOthers();
      }
    }
  }

  private boolean await(StepRequest request) throws InterruptedException {
    synchronized (group) {
      group.requireUsable();
      while (taken) {
        long left = request.left(time.now());
        if (left <= 0) {
          return false;
        }
        time.await(group, left);
        group.requireUsable();
      }
      taken = true;
      return true;
    }
  }
}
