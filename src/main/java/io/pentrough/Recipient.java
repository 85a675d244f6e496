package io.pentrough;

/** For whom a lease is taken. */
enum Recipient {
  /** The thread that calls {@code get}. */
  CALLER,
  /** A loop of that thread: the loader's {@code close} closes it if the loop is left early. */
  LOOP,
  /** A step of several devices: it belongs to no thread until the step is complete. */
  STEP
}
