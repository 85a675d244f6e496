package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The blur, on every device: against its host implementation bit for bit, and that against the
 * definition.
 */
@OnEveryDevice(everySchedule = false)
class BlurTest {

  private static final double HALF_ULP = 0x1p-24;

  private final Device device = TestDevice.open();

  /** A blur and an array for it, made from a seed. */
  @SuppressWarnings("ArrayRecordComponent") // of these tests alone
  record Sample(ArraySpec array, Blur blur, double[] sigma, int[] radius, boolean mirror) {

    static Sample of(long seed, boolean oneSigma) {
      Random random = new Random(seed * 0x9E3779B97F4A7C15L);
      boolean volume = random.nextInt(3) > 0;
      int[] size = new int[3];
      for (int axis = volume ? 0 : 1; axis < 3; axis++) {
        size[axis] = random.nextInt(4) == 0 ? 1 : 2 + random.nextInt(8);
      }
      size[random.nextInt(2) + 1] = 3 + random.nextInt(20); // there is something to blur
      if (seed % 3 > 0) { // several blocks, and several steps of each thread
        size[seed % 3 == 1 ? 1 : 2] += 130;
      }
      int samples = 1 + random.nextInt(3);
      int channels = 1 + random.nextInt(2);
      ArraySpec array =
          volume
              ? Staged.array("image", DType.FLOAT32, samples, channels, size[0], size[1], size[2])
              : Staged.array("image", DType.FLOAT32, samples, channels, size[1], size[2]);
      Blur.Builder builder = Blur.builder("image");
      double[] sigma = new double[3];
      int[] radius = new int[3];
      int blurred = 0;
      for (Axis axis : Axis.values()) {
        int length = size[axis.number];
        if (length < 2 || (random.nextInt(4) == 0 && (blurred > 0 || axis != Axis.X))) {
          continue;
        }
        blurred++;
        radius[axis.number] = 1 + random.nextInt(Math.min(length - 1, 7));
        sigma[axis.number] = 0.2 + 3 * random.nextDouble();
        builder
            .sigma(axis, sigma[axis.number], sigma[axis.number] * (oneSigma ? 1 : 3))
            .radius(axis, radius[axis.number]);
      }
      if (blurred == 0) {
        return of(seed + 1_000_003, oneSigma);
      }
      boolean mirror = random.nextBoolean();
      builder.border(mirror ? Border.MIRROR : Border.CLAMP);
      return new Sample(array, builder.build(), sigma, radius, mirror);
    }
  }

  static void noise(ByteBuffer to, ArraySpec spec, Random random) {
    double scale = Math.pow(10, random.nextInt(5) - 2);
    while (to.hasRemaining()) {
      to.putFloat((float) (scale * random.nextGaussian()));
    }
  }

  private Staged run(Device on, Sample sample, long seed, int workers) throws Exception {
    return Staged.run(
        on, sample.array, sample.blur, "image", BlurTest::noise, seed, workers, 1 + workers);
  }

  @Test
  @Tag("cuda")
  @DisplayName(
      "the device gives the host implementation's bits, over random shapes, widths, radii and borders")
  void deviceAndHost() throws Exception {
    for (long seed = 0; seed < TestDevice.effort(40) + 16; seed++) {
      Sample sample = Sample.of(seed, false);
      try (HostDevice host = HostDevice.open()) {
        assertEquals(
            run(host, sample, seed, 1), run(device, sample, seed, 1), "seed " + seed + sample);
      }
    }
  }

  @Test
  @Tag("cuda")
  @DisplayName("each length and radius, where threads have 4, 3, 2 or 1 voxels left, or none")
  void lengthsAndRadii() throws Exception {
    int[] lengths = {2, 3, 4, 5, 6, 7, 8, 9, 24, 33};
    for (int length : lengths) {
      for (int radius = 1; radius < Math.min(length, 6); radius++) {
        for (Axis axis : Axis.values()) {
          int[] shape = {2, 1, 3, 2, 5};
          shape[2 + axis.number] = length;
          Border border = (length + radius) % 2 == 0 ? Border.MIRROR : Border.CLAMP;
          Blur blur =
              Blur.builder("image").sigma(axis, 0.5, 2).radius(axis, radius).border(border).build();
          ArraySpec array = Staged.array("image", DType.FLOAT32, shape);
          try (HostDevice host = HostDevice.open()) {
            assertEquals(
                Staged.run(host, array, blur, "image", BlurTest::noise, length, 1, 1),
                Staged.run(device, array, blur, "image", BlurTest::noise, length, 1, 1),
                length + " along " + axis + ", radius " + radius);
          }
        }
      }
    }
  }

  @Test
  @DisplayName("the result is the Gaussian's, in double precision, within the stated bound")
  void againstTheDefinition() throws Exception {
    for (long seed = 100; seed < 130; seed++) {
      Sample sample = Sample.of(seed, true);
      Staged result = run(device, sample, seed, 1);
      int reach = 0;
      for (int radius : sample.radius) {
        reach += radius > 0 ? radius + 3 : 0;
      }
      for (int batch = 0; batch < result.in().size(); batch++) {
        double most = 0;
        for (float value : floats(result.in().get(batch))) {
          most = Math.max(most, Math.abs(value));
        }
        double[] expected = reference(floats(result.in().get(batch)), sample);
        float[] blurred = floats(result.out().get(batch));
        for (int i = 0; i < expected.length; i++) {
          double bound = 1.01 * HALF_ULP * most * reach;
          int element = i;
          long of = seed;
          assertEquals(
              expected[i],
              blurred[i],
              bound,
              () -> "element " + element + ", seed " + of + ", " + sample);
        }
      }
    }
  }

  private static float[] floats(ByteBuffer bytes) {
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  /** The sum over the whole neighbourhood, not axis by axis, and the border by walking. */
  private static double[] reference(float[] in, Sample sample) {
    ArraySpec spec = sample.array;
    int rank = spec.rank();
    int[] size = {
      rank == 5 ? spec.dimension(2) : 1, spec.dimension(rank - 2), spec.dimension(rank - 1)
    };
    double[][] weights = new double[3][];
    int[][][] places = new int[3][][];
    for (int axis = 0; axis < 3; axis++) {
      int reach = sample.radius[axis];
      weights[axis] = new double[2 * reach + 1];
      places[axis] = new int[size[axis]][2 * reach + 1];
      for (int d = -reach; d <= reach; d++) {
        weights[axis][reach + d] = gauss(d, axis, sample);
        for (int at = 0; at < size[axis]; at++) {
          places[axis][at][reach + d] = walk(at, d, size[axis], sample.mirror);
        }
      }
    }
    double[] out = new double[in.length];
    for (int i = 0; i < in.length; i++) {
      int[] x = places[2][i % size[2]];
      int[] y = places[1][i / size[2] % size[1]];
      int[] z = places[0][i / (size[2] * size[1]) % size[0]];
      int start = i - i % (size[0] * size[1] * size[2]);
      double sum = 0;
      double norm = 0;
      for (int a = 0; a < z.length; a++) {
        for (int b = 0; b < y.length; b++) {
          for (int c = 0; c < x.length; c++) {
            double weight = weights[0][a] * weights[1][b] * weights[2][c];
            sum += weight * in[start + (z[a] * size[1] + y[b]) * size[2] + x[c]];
            norm += weight;
          }
        }
      }
      out[i] = sum / norm;
    }
    return out;
  }

  private static double gauss(int d, int axis, Sample sample) {
    return d == 0 ? 1 : Math.exp(-d * d / (2 * sample.sigma[axis] * sample.sigma[axis]));
  }

  /** Step by step; at the border it turns round or stays. */
  private static int walk(int from, int distance, int length, boolean mirror) {
    int at = from;
    int step = Integer.signum(distance);
    for (int i = 0; i < Math.abs(distance); i++) {
      if (at + step < 0 || at + step >= length) {
        step = mirror ? -step : 0;
      }
      at += step;
    }
    return at;
  }

  @Test
  @DisplayName("I8: any number of workers gives the same batches; another seed gives others")
  void anyNumberOfWorkers() throws Exception {
    Sample sample = Sample.of(7, false);
    Staged.Content content = BlurTest::noise;
    List<Staged> results = new ArrayList<>();
    for (int workers : new int[] {1, 2, 5}) {
      results.add(Staged.run(device, sample.array, sample.blur, "image", content, 5, workers, 12));
    }
    assertEquals(results.get(0), results.get(1));
    assertEquals(results.get(0), results.get(2));
    Staged other = Staged.run(device, sample.array, sample.blur, "image", content, 6, 1, 12);
    Set<ByteBuffer> drawn = new HashSet<>(other.parameters());
    drawn.addAll(results.get(0).parameters());
    assertEquals(24, drawn.size(), "each batch has a width of its own");
  }

  @Test
  @DisplayName("each sample's sigma is within the range, at the same place of it on each axis")
  void sigmas() throws Exception {
    ArraySpec array = Staged.array("image", DType.FLOAT32, 20, 1, 9, 9, 9);
    Blur blur =
        Blur.builder("image").sigma(0.5, 1.5).sigma(Axis.Z, 0.25, 0.75).radius(Axis.Z, 5).build();
    Staged result = Staged.run(device, array, blur, "image", BlurTest::noise, 3, 1, 10);
    double least = 9;
    double most = 0;
    for (ByteBuffer parameters : result.parameters()) {
      int row = (5 + 1) + 2 * (5 + 1);
      assertEquals(20 * 4 * row, parameters.remaining());
      for (int i = 0; i < 20; i++) {
        double z = sigma(parameters, i * row);
        double y = sigma(parameters, i * row + 6);
        assertEquals(y, sigma(parameters, i * row + 12), 1e-9);
        assertEquals(z, y / 2, 1e-4);
        least = Math.min(least, y);
        most = Math.max(most, y);
      }
    }
    assertTrue(least >= 0.5 - 1e-5 && least < 0.55, "least " + least);
    assertTrue(most < 1.5 + 1e-5 && most > 1.45, "most " + most);
  }

  private static double sigma(ByteBuffer weights, int at) {
    double ratio = weights.getFloat(4 * at + 4) / (double) weights.getFloat(4 * at);
    return Math.sqrt(-0.5 / Math.log(ratio));
  }

  @Test
  @DisplayName("NaN and infinity reach as far as the radius, and into no other channel")
  void notFinite() throws Exception {
    ArraySpec array = Staged.array("image", DType.FLOAT32, 1, 2, 1, 9);
    Blur blur = Blur.builder("image").sigma(Axis.X, 1, 1).radius(Axis.X, 2).build();
    Staged.Content content =
        (to, spec, random) -> {
          to.putFloat(4 * 2, Float.NaN);
          to.putFloat(4 * 6, Float.POSITIVE_INFINITY);
        };
    float[] result =
        floats(Staged.run(device, array, blur, "image", content, 3, 1, 1).out().get(0));
    StringBuilder seen = new StringBuilder();
    for (float value : result) {
      seen.append(Float.isNaN(value) ? 'n' : Float.isInfinite(value) ? 'i' : '0');
    }
    assertEquals("nnnnniiii" + "000000000", seen.toString());
  }

  static Stream<org.junit.jupiter.params.provider.Arguments> badOptions() {
    return Stream.of(
        bad(() -> image().sigma(0, 1).build(), "sigma must be above 0 and finite", "0.0 to 1.0"),
        bad(() -> image().sigma(Axis.Z, -1, 1).build(), "sigma must be above 0", "-1.0 to 1.0"),
        bad(() -> image().sigma(2, 1).build(), "not above the largest", "2.0 to 1.0"),
        bad(() -> image().sigma(Double.NaN, 1).build(), "sigma must be", "NaN to 1.0"),
        bad(() -> image().sigma(1, Double.NaN).build(), "sigma must be", "1.0 to NaN"),
        bad(() -> image().sigma(1, Double.POSITIVE_INFINITY).build(), "finite", "1.0 to Infinity"),
        bad(() -> image().sigma(1, 1e9).build(), "a sigma of 1.0E9 along y reaches too far"),
        bad(() -> image().build(), "a blur without a sigma does nothing"),
        bad(() -> image().sigma(1, 1).radius(Axis.X, 0).build(), "radius must be at least 1"),
        bad(() -> image().sigma(1, 1).radius(Axis.Z, 2).build(), "radius along z, but no sigma"),
        bad(() -> image().border(Border.CONSTANT), "no constant border"));
  }

  private static Blur.Builder image() {
    return Blur.builder("image");
  }

  private static org.junit.jupiter.params.provider.Arguments bad(
      Supplier<?> options, String... words) {
    return org.junit.jupiter.params.provider.Arguments.of(options, List.of(words));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("badOptions")
  @DisplayName("options that make no sense are refused in a sentence")
  void refusesOptions(Supplier<?> options, List<String> words) {
    said(assertThrows(IllegalArgumentException.class, options::get), words);
  }

  @Test
  @DisplayName("arrays that will not do are refused when the loader is planned")
  void refusesArrays() {
    Blur flat = image().sigma(0.5, 0.5).build();
    Blur deep = image().sigma(Axis.Z, 0.5, 0.5).build();
    refuses(deep, DType.FLOAT32, "no axis z to blur", 2, 1, 9, 9);
    refuses(flat, DType.FLOAT32, "takes [n, c, z, y, x] or [n, c, y, x]", 2, 9, 9);
    refuses(flat, DType.UINT8, "as float32, but it is uint8", 2, 1, 9, 9);
    refuses(flat, DType.FLOAT32, "radius along x is 2, and must be less", 2, 1, 9, 2);
    refuses(deep, DType.FLOAT32, "radius along z is 2, and must be less", 2, 1, 1, 9, 9);
    refuses(
        Blur.builder("images").sigma(1, 1).build(), DType.FLOAT32, "asks for the array", 1, 1, 9);
    BatchSpec variable =
        BatchSpec.builder().variableArray("image", DType.FLOAT32, 2, 1, 9, 9).build();
    said(refusal(flat, variable), List.of("'image' is variable"));
  }

  @Test
  @DisplayName("weights whose number overflows an int are refused, not taken for few")
  void refusesTooManyWeights() {
    BatchStage large = new BatchStage() { // more than a target's slot could hold
          @Override
          public void declare(StageArrays arrays) {
            arrays.makes("image", DType.FLOAT32, 1, 1, 1, 1 << 30);
          }

          @Override
          public StageWork prepare(StageSlot slot) {
            return run -> {};
          }
        };
    Blur blur = image().sigma(Axis.X, 1, 1).radius(Axis.X, (1 << 30) - 1).build();
    BatchSpec spec = BatchSpec.builder().array("image", DType.FLOAT32, 1, 1, 1, 8).build();
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, (out, context) -> {}).stage(large).stage(blur);
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, builder::plan);
    said(e, List.of("take 4294967296 bytes of parameters", "set smaller radii"));
  }

  private void refuses(Blur blur, DType dtype, String words, int... shape) {
    said(refusal(blur, BatchSpec.builder().array("image", dtype, shape).build()), List.of(words));
  }

  private IllegalArgumentException refusal(Blur blur, BatchSpec spec) {
    return assertThrows(
        IllegalArgumentException.class,
        () -> BackgroundLoader.builder(device, spec, (out, context) -> {}).stage(blur).start());
  }

  static void said(IllegalArgumentException e, List<String> words) {
    for (String word : words) {
      assertTrue(String.valueOf(e.getMessage()).contains(word), e.getMessage());
    }
  }
}
