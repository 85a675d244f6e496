package io.pentrough.augment;

/**
 * Boxes that are cut out of each sample of the image.
 *
 * @param count how many in each sample
 * @param size the size of each
 * @param value the value that replaces the image's
 */
record Boxes(int count, Size size, float value) {

  static final Boxes NONE = new Boxes(0, new Size(0, 0, 0), 0);

  /** Returns these boxes if each fits into the patch. */
  Boxes within(Size patch) {
    for (int a = 0; a < 3; a++) {
      if (count > 0 && size.along(a) > patch.along(a)) {
        throw new IllegalArgumentException(
            "a box of " + size + " does not fit into the patch of " + patch + ": make it smaller");
      }
    }
    return this;
  }
}
