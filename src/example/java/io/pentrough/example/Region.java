package io.pentrough.example;

import java.util.random.RandomGenerator;

/**
 * The voxels around which a whole patch lies within a range of x, to be drawn by class.
 *
 * <p>Keeps, for each class, how many of its voxels come before each row: 4 bytes per row and class
 * instead of 4 per voxel. Immutable, so any number of workers may draw at once.
 */
final class Region {

  private final Volume volume;
  private final int margin;
  private final int firstX;
  private final int endX;
  private final int rowsPerSlice;
  private final int[][] before;

  /**
   * Looks up the voxels of each class.
   *
   * @param name for messages
   * @param fromX the first x a patch may touch
   * @param toX the x behind the last
   * @param patch the edge of a patch, odd
   * @param around how many voxels more are needed on each side of it
   * @throws BadInputException if no patch fits, or there is none for one of the classes
   */
  Region(String name, Volume volume, int fromX, int toX, int patch, int around) {
    int edge = patch + 2 * around;
    if (edge > Math.min(toX - fromX, Math.min(volume.height, volume.depth))) {
      throw new BadInputException(
          ("A patch of " + describe(patch, around) + " does not fit into the ")
              + (name + " region, which has ")
              + (volume.depth + " x " + volume.height + " x " + (toX - fromX))
              + " voxels (z, y, x); take a smaller --patch.");
    }
    this.volume = volume;
    this.margin = edge / 2;
    this.firstX = fromX + margin;
    this.endX = toX - margin;
    this.rowsPerSlice = volume.height - 2 * margin;
    int rows = (volume.depth - 2 * margin) * rowsPerSlice;
    this.before = new int[volume.classCount()][rows + 1];
    for (int row = 0; row < rows; row++) {
      for (int[] count : before) {
        count[row + 1] = count[row];
      }
      int start = rowStart(row);
      for (int x = firstX; x < endX; x++) {
        before[volume.classes[start + x]][row + 1]++;
      }
    }
    for (int c = 0; c < before.length; c++) {
      if (before[c][rows] == 0) {
        throw new BadInputException(
            ("The " + name + " region (x from " + fromX + " to " + (toX - 1) + ") has no ")
                + (volume.describe(c) + " around which a patch of " + describe(patch, around))
                + " fits.");
      }
    }
  }

  private static String describe(int patch, int around) {
    return patch + " voxels" + (around == 0 ? "" : " and " + around + " more on each side");
  }

  /**
   * Draws a voxel of a class, each with the same probability.
   *
   * @return its index in the volume
   */
  int draw(int classNumber, RandomGenerator random) {
    int[] count = before[classNumber];
    int rank = random.nextInt(count[count.length - 1]);
    // The row that holds it: the last one with no more than rank voxels before it.
    int row = 0;
    int end = count.length - 1;
    while (end - row > 1) {
      int middle = (row + end) >>> 1;
      if (count[middle] <= rank) {
        row = middle;
      } else {
        end = middle;
      }
    }
    int left = rank - count[row];
    int voxel = rowStart(row) + firstX;
    while (volume.classes[voxel] != classNumber || left-- > 0) {
      voxel++;
    }
    return voxel;
  }

  /** How often each grey value occurs in each class. */
  int[][] greyHistogram() {
    int[][] histogram = new int[volume.classCount()][256];
    for (int row = 0; row < before[0].length - 1; row++) {
      int start = rowStart(row);
      for (int voxel = start + firstX; voxel < start + endX; voxel++) {
        histogram[volume.classes[voxel]][volume.grey[voxel] & 0xff]++;
      }
    }
    return histogram;
  }

  /** The voxel at x = 0 of a row. */
  private int rowStart(int row) {
    return volume.index(margin + row / rowsPerSlice, margin + row % rowsPerSlice, 0);
  }
}
