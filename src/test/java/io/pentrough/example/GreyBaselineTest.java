package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class GreyBaselineTest {

  @Test
  void weighsTheClassesAlikeHoweverRare() {
    int[][] histogram = new int[2][256];
    histogram[0][10] = 900;
    histogram[0][200] = 100; // a tenth of the frequent class
    histogram[1][10] = 1;
    histogram[1][200] = 4; // most of the rare one, though fewer voxels
    GreyBaseline baseline = new GreyBaseline(histogram);

    assertEquals(0, baseline.classOf((byte) 10));
    assertEquals(1, baseline.classOf((byte) 200));
  }
}
