package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class NormalisationTest {

  @Test
  @DisplayName("mean and deviation become 0 and 1, as exactly as two floats can say it")
  void meanAndDeviation() {
    SplittableRandom random = new SplittableRandom(3);
    for (int round = 0; round < 100; round++) {
      int[][] histogram = new int[3][256];
      int from = random.nextInt(250);
      int to = random.nextInt(from + 5, 256);
      for (int[] ofClass : histogram) {
        for (int grey = from; grey <= to; grey++) {
          ofClass[grey] = random.nextInt(1, 1000);
        }
      }
      double count = 0;
      double mean = 0;
      for (int[] ofClass : histogram) {
        for (int grey = 0; grey < 256; grey++) {
          count += ofClass[grey];
          mean += (double) ofClass[grey] * grey;
        }
      }
      mean /= count;
      double variance = 0;
      for (int[] ofClass : histogram) {
        for (int grey = 0; grey < 256; grey++) {
          variance += ofClass[grey] * (grey - mean) * (grey - mean) / count;
        }
      }
      double deviation = Math.sqrt(variance);
      Normalisation normalisation = Normalisation.of(histogram);
      for (int grey = 0; grey < 256; grey++) {
        double exact = (grey - mean) / deviation;
        float found = normalisation.of((byte) grey);
        // Scale and bias are rounded once each, and so is the result.
        double bound = (grey + mean) / deviation * 0x1p-24 + Math.ulp((float) exact) / 2.0;
        assertEquals(exact, found, bound * 1.001 + 1e-12, grey + " in round " + round);
      }
    }
  }

  @Test
  @DisplayName("a flat volume becomes 0, not NaN")
  void flat() {
    int[][] histogram = new int[2][256];
    histogram[0][200] = 7;
    histogram[1][200] = 5;
    Normalisation normalisation = Normalisation.of(histogram);
    assertEquals(0, normalisation.of((byte) 200));
    assertTrue(normalisation.of((byte) 201) == 1);
  }
}
