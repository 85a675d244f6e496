package io.pentrough.benchmarks;

/** A loader at work. Consumed and closed by the thread that started it. */
interface Loader extends AutoCloseable {

  /**
   * Takes the next batch, and gives it back.
   *
   * @param read whether to read one float of every 4 KiB of it, as a consumer would
   * @return something of what was read, so that it is not optimised away
   */
  float consume(boolean read) throws Exception;

  /** Ends its threads, waits for them, and lets go of its memory. */
  @Override
  void close();
}
