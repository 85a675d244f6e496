package io.pentrough.augment;

/**
 * A box of voxels of a source, the ends excluded.
 *
 * @param z0 first z
 * @param z1 one behind the last z
 * @param y0 first y
 * @param y1 one behind the last y
 * @param x0 first x
 * @param x1 one behind the last x
 */
public record SourceBox(int z0, int z1, int y0, int y1, int x0, int x1) {

  /**
   * Whether a voxel lies in it.
   *
   * @param z its z
   * @param y its y
   * @param x its x
   * @return true if so
   */
  public boolean contains(int z, int y, int x) {
    return z0 <= z && z < z1 && y0 <= y && y < y1 && x0 <= x && x < x1;
  }

  /**
   * How many voxels it has.
   *
   * @return 0 if it is empty
   */
  public long voxels() {
    return (long) (z1 - z0) * (y1 - y0) * (x1 - x0);
  }
}
