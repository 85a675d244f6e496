package io.pentrough;

/** What the thread that frees a host slot does for a worker that rests. */
enum Wake {
  /** Wakes one. */
  NOW,
  /** Leaves it to the thread that comes next, see {@link WorkerSignaller#wakeLater}. */
  LATER,
  /** Nothing: the caller is a worker that takes the slot itself. */
  NONE
}
