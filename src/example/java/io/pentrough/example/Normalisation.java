package io.pentrough.example;

/**
 * Grey values to a mean of 0 and a deviation of 1: grey * scale + bias, rounded once. The device
 * does it with the training patches, {@link #of(byte)} with those to classify: the same bits.
 *
 * @param scale one by the deviation
 * @param bias the negative mean by the deviation
 */
record Normalisation(float scale, float bias) {

  /**
   * That of the grey values in a histogram.
   *
   * @param histogram how often each grey value occurs in each class
   */
  static Normalisation of(int[][] histogram) {
    double count = 0;
    double sum = 0;
    double squares = 0;
    for (int[] ofClass : histogram) {
      for (int grey = 0; grey < 256; grey++) {
        count += ofClass[grey];
        sum += (double) ofClass[grey] * grey;
        squares += (double) ofClass[grey] * grey * grey;
      }
    }
    double mean = sum / count;
    double deviation = Math.sqrt(Math.max(squares / count - mean * mean, 1)); // 1: a flat volume
    return new Normalisation((float) (1 / deviation), (float) (-mean / deviation));
  }

  /** The network's input for a grey value. */
  float of(byte grey) {
    return Math.fma((float) (grey & 0xff), scale, bias);
  }
}
