package io.pentrough;

/** What a consumer does next, without the lock, because nothing is ready. */
enum Meanwhile implements Outcome {
  /** It reports skipped batches to the listener, then looks again. */
  REPORT_SKIPS,
  /** It does something for a copy, see {@link CopyStrategy#help}. */
  HELP,
  /** It spins, see {@link IdleStrategy}. */
  STAY_AWAKE,
  /** It rests until there is news. */
  REST,
  /** Its time is over. */
  GIVE_UP
}
