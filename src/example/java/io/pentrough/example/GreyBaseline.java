package io.pentrough.example;

/**
 * The best classifier on a voxel's own grey value alone, classes weighing the same: what a network
 * that looks at the neighbourhood has to beat.
 */
final class GreyBaseline {

  private final int[] bestClass = new int[256];

  /**
   * Learns it.
   *
   * @param histogram how often each grey value occurs in each class; no class may be empty
   */
  GreyBaseline(int[][] histogram) {
    double[] highest = new double[256];
    for (int c = 0; c < histogram.length; c++) {
      long total = 0;
      for (int count : histogram[c]) {
        total += count;
      }
      for (int grey = 0; grey < 256; grey++) {
        double share = (double) histogram[c][grey] / total;
        if (share > highest[grey]) {
          highest[grey] = share;
          bestClass[grey] = c;
        }
      }
    }
  }

  int classOf(byte grey) {
    return bestClass[grey & 0xff];
  }
}
