package io.pentrough;

/** Schedules and positions for tests. */
final class Schedules {

  static final Fingerprint PRINT = Fingerprint.hashed(1, 2, 3, 4);

  private static final Job NOTHING =
      new Job(
          BatchSpec.builder().array("x", DType.INT8, 1).build(),
          (out, context) -> {
            throw new AssertionError("nobody runs this");
          });

  private Schedules() {}

  /** From the first batch of a shard on. */
  static Schedule schedule(long batchesPerEpoch, int epochs, long first, long stride) {
    return schedule(batchesPerEpoch, epochs, first, stride, 0, first);
  }

  static Schedule schedule(
      long batchesPerEpoch, int epochs, long first, long stride, int epoch, long index) {
    Position from = new Position(PRINT, null, epoch, index, new long[0], Runs.NONE);
    Share share = new Share(batchesPerEpoch, first, stride, Remainder.UNEVEN, null);
    return new Schedule(NOTHING, PRINT, share, epochs, from);
  }
}
