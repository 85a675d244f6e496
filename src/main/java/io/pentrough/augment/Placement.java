package io.pentrough.augment;

import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds where the patch may lie in its source, so that image and label have the same middle and
 * both lie within their sources.
 */
final class Placement {

  private final Size source;
  private final Size patch;
  private final @Nullable Size labelSource;
  private final Size labelPatch;
  private final @Nullable Warp warp;
  private final boolean crop;

  /**
   * A placement.
   *
   * @param labelSource null without a label
   * @param labelPatch the image's without a label
   * @param crop whether the patch lies at random instead of in the middle
   */
  Placement(
      Size source,
      Size patch,
      @Nullable Size labelSource,
      Size labelPatch,
      @Nullable Warp warp,
      boolean crop) {
    this.source = source;
    this.patch = patch;
    this.labelSource = labelSource;
    this.labelPatch = labelPatch;
    this.warp = warp;
    this.crop = crop;
  }

  /**
   * The geometry of all samples.
   *
   * @throws IllegalArgumentException if axes of different length are to be swapped, the middles
   *     differ, or a patch does not fit
   */
  Geometry geometry(Set<Axis> flips, Set<Axis> swaps, boolean hasZ) {
    requireEqualLengths(swaps);
    Size ofLabel = labelSource == null ? source : labelSource;
    Size inset = halfDifference("outputs", patch, labelPatch);
    Size labelAt = halfDifference("sources", source, ofLabel);
    int[] first = new int[3];
    int[] last = new int[3];
    for (int a = 0; a < 3; a++) {
      limit(a, first, last);
      if (labelSource != null && (warp == null || crop)) {
        limitByLabel(a, labelAt.along(a) - inset.along(a), labelSource, first, last);
      }
    }
    return new Geometry(
        source,
        patch,
        inset,
        labelAt,
        ofLabel,
        new Size(first[0], first[1], first[2]),
        new Size(last[0], last[1], last[2]),
        Arrays.stream(Axis.values()).map(flips::contains).toList(),
        swaps.stream().map(axis -> axis.number).toList(),
        warp,
        hasZ);
  }

  private void requireEqualLengths(Set<Axis> swaps) {
    long lengths = swaps.stream().mapToInt(a -> patch.along(a.number)).distinct().count();
    long labels = swaps.stream().mapToInt(a -> labelPatch.along(a.number)).distinct().count();
    if (lengths > 1 || labels > 1) {
      throw new IllegalArgumentException(
          "the axes "
              + swaps
              + " cannot be swapped: they are not equally long in patches of "
              + patch
              + (lengths > 1 ? "" : " and labels of " + labelPatch)
              + "; make them so, or swap others");
    }
  }

  private static Size halfDifference(String what, Size image, Size label) {
    int[] half = new int[3];
    for (int a = 0; a < 3; a++) {
      int difference = image.along(a) - label.along(a);
      if (difference % 2 != 0) {
        throw new IllegalArgumentException(
            "the "
                + what
                + " of image and label, "
                + image
                + " and "
                + label
                + ", have no common middle: their lengths must differ by an even number");
      }
      half[a] = difference / 2;
    }
    return new Size(half[0], half[1], half[2]);
  }

  /** The range of offsets along an axis. */
  private void limit(int a, int[] first, int[] last) {
    int room = source.along(a) - patch.along(a);
    if (warp == null && room < 0) {
      throw new IllegalArgumentException(
          "the patch of "
              + patch
              + " is larger than its source of "
              + source
              + ": make it smaller");
    }
    first[a] = crop ? Math.min(0, room) : Math.floorDiv(room, 2);
    last[a] = crop ? Math.max(0, room) : first[a];
  }

  /**
   * Narrows the range to the offsets at which the label lies within its source.
   *
   * @param min the smallest of these offsets
   */
  private void limitByLabel(int a, int min, Size labelSource, int[] first, int[] last) {
    int max = min + labelSource.along(a) - labelPatch.along(a);
    if (crop) {
      first[a] = Math.max(first[a], min);
      last[a] = Math.min(last[a], max);
    }
    if (first[a] > last[a] || (warp == null && (first[a] < min || last[a] > max))) {
      throw new IllegalArgumentException(
          "the label patch of "
              + labelPatch
              + " is larger than its source of "
              + labelSource
              + ", or lies outside of it: make it smaller");
    }
  }
}
