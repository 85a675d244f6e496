package io.pentrough.augment;

/** Lengths along z, y, x. */
record Size(int z, int y, int x) {

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
