package io.pentrough.example;

import io.pentrough.ArraySpec;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.LoaderStats;
import java.util.Locale;

/**
 * What was copied to the device, and what it would have been had the network's input been made on
 * the host.
 *
 * @param copied bytes, with what was drawn for the stages
 * @param asFloats bytes
 */
record BusBytes(long copied, long asFloats) {

  /**
   * What a loader has copied.
   *
   * @param copied its batches, as the target has filled them
   * @param patch the edge of the patches that came out
   */
  static BusBytes of(LoaderStats stats, BatchSpec copied, int patch) {
    ArraySpec label = copied.array("label");
    long floats = (long) label.elements() * patch * patch * patch * DType.FLOAT32.bytes();
    return new BusBytes(stats.bytes(), stats.batches() * (floats + label.bytes()));
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "copied to the device: %s as uint8, with what was drawn to vary it;"
            + " as float32 it would have been %s, %s",
        mebibytes(copied),
        mebibytes(asFloats),
        copied < asFloats
            ? String.format(Locale.ROOT, "%.1f times as much", (double) asFloats / copied)
            : "so nothing is saved");
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 0x1p20);
  }
}
