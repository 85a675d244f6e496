package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MlpTest {

  private static final int INPUTS = 7;
  private static final int CLASSES = 3;
  private static final int COUNT = 5;

  private final SplittableRandom random = new SplittableRandom(3);
  private final float[] input = new float[INPUTS * COUNT];
  private final int[] label = new int[COUNT];

  @Test
  void gradientIsThatOfFiniteDifferences() {
    // Room for more samples than are used: a stride taken from the wrong one would show.
    Mlp network = network();
    network.backward(input, label, COUNT);
    float[] gradient = network.gradient.clone();

    float h = 1f / 1024; // exact in binary, and with this seed no unit crosses its kink
    int nonZero = 0;
    for (int i = 0; i < gradient.length; i++) {
      float kept = network.parameters[i];
      network.parameters[i] = kept + h;
      double above = network.backward(input, label, COUNT);
      network.parameters[i] = kept - h;
      double below = network.backward(input, label, COUNT);
      network.parameters[i] = kept;

      double expected = (above - below) / (2.0 * h);
      assertEquals(expected, gradient[i], 1e-3, "of " + i);
      nonZero += Math.abs(expected) > 1e-2 ? 1 : 0;
    }
    assertTrue(nonZero > gradient.length / 3, "only " + nonZero + " gradients to compare");
  }

  @Test
  void learnsABatchByHeart() {
    Mlp network = network();
    float first = network.train(input, label, COUNT, 1e-2f);
    float last = first;
    for (int step = 0; step < 400; step++) {
      last = network.train(input, label, COUNT, 1e-2f);
    }
    assertTrue(last < 0.05 * first, "loss went from " + first + " to " + last);

    int[] found = new int[COUNT];
    network.classify(input, COUNT, found);
    for (int n = 0; n < COUNT; n++) {
      assertEquals(label[n], found[n], "sample " + n);
    }
  }

  private Mlp network() {
    for (int i = 0; i < input.length; i++) {
      input[i] = 2 * random.nextFloat() - 1;
    }
    for (int n = 0; n < COUNT; n++) {
      label[n] = n % CLASSES;
    }
    return new Mlp(INPUTS, 6, CLASSES, COUNT + 2, 4);
  }
}
