package io.pentrough.augment;

/**
 * A box of voxels in a source array.
 *
 * @param z0 the first z
 * @param z1 the last z plus 1
 * @param y0 the first y
 * @param y1 the last y plus 1
 * @param x0 the first x
 * @param x1 the last x plus 1
 */
public record SourceBox(int z0, int z1, int y0, int y1, int x0, int x1) {

  /**
   * Whether a voxel lies in this box.
   *
   * @param z the voxel's z
   * @param y the voxel's y
   * @param x the voxel's x
   * @return true if it does
   */
  public boolean contains(int z, int y, int x) {
    return z0 <= z && z < z1 && y0 <= y && y < y1 && x0 <= x && x < x1;
  }

  /**
   * The number of voxels in this box.
   *
   * @return 0 if it is empty
   */
  public long voxels() {
    return (long) (z1 - z0) * (y1 - y0) * (x1 - x0);
  }
}
