package io.pentrough.augment;

/** Lengths along z, y, x. */
record Size(int z, int y, int x) {

  /**
   * The size of something that a user describes.
   *
   * @param what its name, for messages
   * @throws IllegalArgumentException if a length is below 1, z is another than 1 in two dimensions,
   *     or an array could not have that number of voxels
   */
  static Size of(String what, int z, int y, int x, Layout layout) {
    Size size = new Size(z, y, x);
    if (z < 1 || y < 1 || x < 1 || (!layout.hasZ && z != 1)) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " "
              + size
              + " (in the order z, y, x) must be at least 1 along each axis"
              + (layout.hasZ ? "" : ", and z must be 1 in two dimensions: 1 x height x width"));
    }
    if ((long) y * x > Integer.MAX_VALUE / z) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " "
              + size
              + " has more than "
              + Integer.MAX_VALUE
              + " voxels: make it smaller");
    }
    return size;
  }

  int along(int axis) {
    return axis == 0 ? z : axis == 1 ? y : x;
  }

  int voxels() {
    return z * y * x;
  }

  @Override
  public String toString() {
    return z + " x " + y + " x " + x;
  }
}
