package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * Submitted jobs, numbered in order; each is kept until its batch has been delivered, as a reset
 * runs it again. Guarded by the engine's monitor.
 */
final class JobQueue implements JobSource {

  private final @Nullable Job[] jobs;
  private long submitted;
  private long lowestOpen;
  private boolean shortage;
  private boolean ended;

  JobQueue(int capacity) {
    jobs = new @Nullable Job[capacity];
  }

  boolean isFull() {
    return open() == jobs.length;
  }

  /** How many jobs have been submitted and not yet delivered. */
  long open() {
    return submitted - lowestOpen;
  }

  int capacity() {
    return jobs.length;
  }

  boolean hasEnded() {
    return ended;
  }

  /** No more jobs will be submitted. */
  void endSubmissions() {
    ended = true;
  }

  /** There must be room, and the queue must not have ended. */
  long submit(Job job) {
    jobs[place(submitted)] = job;
    return submitted++;
  }

  @Override
  public @Nullable BatchSpec usualSpec() {
    return null;
  }

  @Override
  public @Nullable EpochTarget epochTarget() {
    return null;
  }

  @Override
  public long end() {
    return submitted;
  }

  @Override
  public boolean mayGrow() {
    return !ended;
  }

  @Override
  public boolean exists(long sequence) {
    return true;
  }

  @Override
  public void claimed(HostSlot slot) {
    Job job = jobs[place(slot.sequence)];
    if (job == null) {
      throw new IllegalStateException("bug in Pentrough: job " + slot.sequence + " is gone");
    }
    slot.assign(job, 0, slot.sequence, false);
  }

  @Override
  public @Nullable String returned(HostSlot slot, boolean endOfEpoch) {
    return endOfEpoch ? "a job of a queue has no epoch to end: make its batch, or throw" : null;
  }

  @Override
  public String whyExhausted(boolean anyDelivered) {
    return "submissions have ended, and "
        + (anyDelivered ? "all jobs have been delivered" : "there was no job")
        + ": poll(...) returns null there, and loops over batches() end";
  }

  @Override
  public String whyIdle() {
    return ended ? "no jobs left, the submissions have ended" : "waiting for a job";
  }

  @Override
  public String describe(long sequence) {
    return "job " + sequence + (sequence < submitted ? "" : ", which has not been submitted");
  }

  @Override
  public int nextEpoch(long lowestOpen) {
    return 0;
  }

  @Override
  public boolean knowsEpochs() {
    return false;
  }

  @Override
  public String describe(int epoch, long index) {
    return describe(index);
  }

  @Override
  public Position position(long lowestOpen, long[] delivered) {
    throw new IllegalStateException(
        "a queue has no positions: keep the numbers of the jobs that were delivered, index()");
  }

  @Override
  public boolean runsShort(int workers) {
    boolean before = shortage;
    shortage = !ended && open() < workers;
    return shortage && !before;
  }

  @Override
  public void delivered(long lowestOpenNow) {
    for (; lowestOpen < lowestOpenNow; lowestOpen++) {
      jobs[place(lowestOpen)] = null;
    }
  }

  private int place(long number) {
    return (int) (number % jobs.length);
  }
}
