package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.OnCuda;
import io.pentrough.example.DeviceNetwork.Shape;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The network on the device against the one on the host. */
@OnCuda
@Tag("softwareDriver")
class DeviceMlpTest {

  /** Around the 256 threads of a block and its loops of four, and with nothing that fits them. */
  private static final List<Shape> SHAPES =
      List.of(
          new Shape(1, 27, 17, 2),
          new Shape(2, 8, 4, 4),
          new Shape(255, 27, 9, 3),
          new Shape(256, 16, 8, 4),
          new Shape(257, 7, 13, 5),
          new Shape(600, 3, 1, 2),
          new Shape(5, 5, 300, 7),
          new Shape(3, 9, 5, 11));

  /**
   * Of the largest element. A float is rounded by 2^-24 of itself. Each element is a sum of at most
   * 600 products, added in another order, whose factors have gone through two layers and an
   * exponential good for 2 units of the last place. Errors of both signs mostly cancel: at worst
   * 3.6 was seen, which each run prints.
   */
  private static final float GRADIENT_ERROR = 16 * 0x1p-24f;

  /**
   * Adam divides a gradient by its own size, so where that is next to nothing its error becomes one
   * of the weight; so this bound is wider than the rounding of the losses. At worst 1e-6 was seen.
   */
  private static final float LOSS_ERROR = 1e-5f;

  @Test
  @DisplayName("the gradient and the loss are the host's but for the last bits")
  void gradient() {
    double worst = 0;
    try (CudaDevice cuda = CudaDevice.open(0)) {
      for (Shape shape : SHAPES) {
        worst = Math.max(worst, gradientError(cuda, shape));
      }
    }
    System.out.printf("gradient: off by at most %.1f * 2^-24 of the largest%n", worst * 0x1p24);
  }

  private static double gradientError(CudaDevice cuda, Shape shape) {
    try (DeviceNetwork network = new DeviceNetwork(cuda, shape, shape.hashCode())) {
      float expectedLoss = network.host.backward(network.input, network.labels, shape.samples());
      network.backward();
      assertEquals(expectedLoss, network.loss(), 4e-6f * Math.max(1, expectedLoss), "" + shape);
      network.device.downloadGradient();
      float[] expected = network.host.gradient;
      float[] found = network.onDevice.gradient;
      double largest = 0;
      double error = 0;
      for (int i = 0; i < expected.length; i++) {
        largest = Math.max(largest, Math.abs(expected[i]));
        error = Math.max(error, Math.abs(expected[i] - found[i]));
      }
      assertTrue(largest > 1e-3, shape + ": no gradient to compare: " + largest);
      assertEquals(0, error / largest, GRADIENT_ERROR, "" + shape);
      return error / largest;
    }
  }

  @Test
  @DisplayName("20 steps on the same batches have the host's losses")
  void losses() {
    double worst = 0;
    try (CudaDevice cuda = CudaDevice.open(0)) {
      for (Shape shape : SHAPES) {
        try (DeviceNetwork network = new DeviceNetwork(cuda, shape, shape.hashCode())) {
          float first = 0;
          float last = 0;
          for (int step = 0; step < 20; step++) {
            network.nextBatch();
            float rate = 5e-3f * (1 - step / 20f);
            float expected =
                network.host.train(network.input, network.labels, shape.samples(), rate);
            network.train(rate);
            last = network.loss();
            first = step == 0 ? last : first;
            assertEquals(expected, last, LOSS_ERROR, shape + ", step " + step);
            worst = Math.max(worst, Math.abs(expected - last));
          }
          assertTrue(shape.samples() < 255 || last < first, "nothing learned: " + shape);
        }
      }
    }
    System.out.printf("losses of 20 steps: off by at most %.2g%n", worst);
  }

  @Test
  @DisplayName("a step leaves the weights and the optimiser's state of the host")
  void state() {
    Shape shape = new Shape(64, 27, 9, 3);
    try (CudaDevice cuda = CudaDevice.open(0);
        DeviceNetwork network = new DeviceNetwork(cuda, shape, 2)) {
      network.host.train(network.input, network.labels, shape.samples(), 1e-2f);
      network.train(1e-2f);
      network.device.download();
      // The first step of each weight is its rate whatever the gradient, unless that is almost 0.
      float[] bounds = {1e-5f, 1e-7f, 1e-8f};
      for (int i = 0; i < bounds.length; i++) {
        assertArrayEquals(
            network.host.state().get(i), network.onDevice.state().get(i), bounds[i], "part " + i);
      }
    }
  }

  @Test
  @DisplayName("a network that has blown up says so, as on the host")
  void blownUp() {
    try (CudaDevice cuda = CudaDevice.open(0)) {
      lossOfABlownUpNetwork(cuda);
    }
  }

  private static void lossOfABlownUpNetwork(CudaDevice cuda) {
    Shape shape = new Shape(3, 5, 4, 3);
    try (DeviceNetwork network = new DeviceNetwork(cuda, shape, 1)) {
      network.train(Float.POSITIVE_INFINITY);
      network.train(1e-3f);
      assertEquals(Float.NaN, network.loss());
    }
  }

  @Test
  @DisplayName("each line of the kernels that can run has run")
  void coverage() {
    String ptx = DeviceMlp.KERNELS.ptx();
    CudaSim.clearCoverage();
    try (CudaDevice cuda = CudaDevice.open(0)) {
      SHAPES.forEach(shape -> gradientError(cuda, shape));
      lossOfABlownUpNetwork(cuda);
    }
    List<String> lines = ptx.lines().toList();
    Set<Integer> unreachable = unreachable(lines);
    List<String> missing = new ArrayList<>();
    Set<String> kernels = new TreeSet<>();
    for (CudaSim.Coverage kernel : CudaSim.coverage(ptx)) {
      int out = 0;
      for (int line : kernel.missing()) {
        if (unreachable.contains(line)) {
          out++;
        } else {
          missing.add(kernel.kernel() + ", line " + line + ": " + lines.get(line - 1).strip());
        }
      }
      int reachable = kernel.total() - out;
      System.out.printf(
          "%s: %d of %d instructions, %.1f %%, and %d that cannot be reached%n",
          kernel.kernel(),
          kernel.executed(),
          reachable,
          100.0 * kernel.executed() / reachable,
          out);
      kernels.add(kernel.kernel());
    }
    assertEquals(List.of(), missing);
    assertEquals(
        Set.of("adam", "addBiasAndRectify", "rectifyGradient", "softmaxLoss", "sumRows"), kernels);
  }

  /**
   * The lines for what no network has: softmaxLoss without classes, which the compiler has made a
   * loop of its own, and sumRows without rows, which is one jump.
   */
  private static Set<Integer> unreachable(List<String> lines) {
    Set<Integer> found = new HashSet<>();
    for (int i = lines.indexOf("$L__BB1_2:"); i < lines.indexOf("$L__BB1_29:"); i++) {
      found.add(i + 1);
    }
    for (String jump : List.of("bra.uni \t$L__BB1_2;", "@%p2 bra \t$L__BB3_8;")) {
      found.add(lines.indexOf("\t" + jump) + 1);
    }
    assertEquals(28 + 2, found.size(), "other PTX: look which lines cannot be reached");
    return found;
  }
}
