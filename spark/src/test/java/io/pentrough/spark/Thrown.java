package io.pentrough.spark;

/** What was thrown. */
final class Thrown {

  private Thrown() {}

  /** The message, which may be missing. */
  static String message(Throwable thrown) {
    return String.valueOf(thrown.getMessage());
  }
}
