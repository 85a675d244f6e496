package io.pentrough.augment;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Launches of the kernels of augment.cu with arguments made by hand: what options allow but random
 * cases seldom draw, and what they do not allow but a kernel is to do right as its host
 * implementation does.
 */
final class AugmentExtremes {

  private static final List<Border> BORDERS = List.of(Border.values());
  private static final float MIN_NORMAL = Float.MIN_NORMAL;
  private static final float ROOT_OF_HALF = Float.intBitsToFloat(0x3F3504F3);

  /**
   * Lower words of keys, found by trying them all. Their first elements are: the two with |q| =
   * 0.425f, where the middle of the normal distribution ends; then the 48 outermost.
   */
  private static final int[] RARE_KEYS = {
    17_780_623,
    3_211_634,
    13_961_483,
    29_959_512,
    3_583_506,
    484_027,
    6_520_551,
    9_395_965,
    110_595,
    5_421_952,
    10_638_163,
    15_617_906,
    1_166_890,
    2_622_767,
    1_448_800,
    15_555_948,
    2_421_645,
    39_849_949,
    2_705_167,
    3_760_026,
    20_672_043,
    24_456_376,
    11_651_112,
    5_985_477,
    8_958_351,
    16_390_493,
    75_465,
    1_686_699,
    17_829_037,
    677_491,
    3_417_993,
    25_247_181,
    3_618_098,
    9_161_687,
    7_628_337,
    195_477,
    8_015_137,
    9_750_632,
    479_301,
    4_632_354,
    11_989_275,
    7_509_881,
    19_861_266,
    9_425_716,
    16_349_497,
    666_618,
    4_853_816,
    1_147_717,
    7_903_315,
    6_156_839
  };

  /** Its tenth round's is 2^31 - 1: one more changes the bits that are used. */
  private static final int KEY_BEFORE_A_CARRY = 0xF00CB87E;

  private final Launches launches;

  private AugmentExtremes(Launches launches) {
    this.launches = launches;
  }

  /** Those of one kernel. */
  static void record(Launches launches, String kernel) {
    AugmentExtremes extremes = new AugmentExtremes(launches);
    if (kernel.startsWith("augment")) {
      boolean warp = kernel.equals("augmentWarp");
      extremes.greyValues(warp);
      extremes.behindTheBoxes(warp);
      extremes.rareDeviates(warp);
      for (long seed = 0; seed < 24; seed++) {
        extremes.manyPowers(warp, seed);
        extremes.manyDeviates(warp, seed);
      }
    }
    for (long seed = 0; seed < 120 && kernel.endsWith("Warp"); seed++) {
      if (kernel.equals("augmentWarp")) {
        extremes.farPlaces(seed);
      } else {
        extremes.farLabels(seed);
      }
    }
    if (kernel.equals("labelWarp")) {
      extremes.halfway();
      extremes.farthest();
    }
    if (kernel.equals("labelCrop")) {
      for (int width = 1; width <= 8; width *= 2) {
        extremes.rowsOfLabels(width, AugmentCodes.SIGNED);
        extremes.rowsOfLabels(width, AugmentCodes.UNSIGNED);
      }
    }
  }

  /** A launch of augmentCrop or augmentWarp. */
  private static final class Image {
    final int[] source;
    final int[] patch;
    final int samples;
    final int channels;
    final int boxes;
    final ByteBuffer parameters;
    ByteBuffer in = Staged.bytes(0);
    int width = Float.BYTES;
    int kind = AugmentCodes.FLOAT;
    int noise = AugmentCodes.NO_NOISE;
    int flags;
    Border border = Border.MIRROR;

    Image(int samples, int channels, int boxes, int[] source, int[] patch) {
      this.source = source;
      this.patch = patch;
      this.samples = samples;
      this.channels = channels;
      this.boxes = boxes;
      parameters = Staged.bytes(4 * samples * Parameters.words(boxes, channels));
      for (int n = 0; n < samples; n++) {
        steps(n, 0, source[1] * source[2], source[2], 1);
        for (int i = 0; i < 16; i += 5) {
          word(n, Parameters.MATRIX + i, 1f);
        }
      }
    }

    void steps(int n, int... steps) {
      for (int i = 0; i < 4; i++) {
        word(n, Parameters.IMAGE_STEPS + i, steps[i]);
      }
    }

    void word(int n, int word, int value) {
      parameters.putInt(4 * (n * Parameters.words(boxes, channels) + word), value);
    }

    void word(int n, int word, float value) {
      word(n, word, Float.floatToRawIntBits(value));
    }

    void grey(int n, int c, float gain, float offset, float gamma) {
      int word = Parameters.BOXES + Parameters.BOX_WORDS * boxes + Parameters.CHANNEL_WORDS * c;
      word(n, word, gain);
      word(n, word + 1, offset);
      word(n, word + 2, gamma);
    }

    void key(int n, int key0, int key1) {
      word(n, Parameters.KEY, key0);
      word(n, Parameters.KEY + 1, key1);
    }

    void launch(Launches to, boolean warp) {
      int voxels = patch[0] * patch[1] * patch[2];
      List<Object> arguments = new ArrayList<>();
      arguments.add(in);
      arguments.add(Staged.bytes(4 * samples * channels * voxels));
      arguments.add(parameters);
      arguments.add(Parameters.words(boxes, channels));
      arguments.addAll(List.of(width, kind, channels, source[0], source[1], source[2]));
      arguments.addAll(List.of(patch[0], patch[1], patch[2], boxes, -3f, noise, 1f, flags));
      if (warp) {
        arguments.addAll(List.of(border.code, 0.75f));
      }
      to.record(
          AugmentHostKernels.SOURCE,
          warp ? "augmentWarp" : "augmentCrop",
          run -> Spread.spread(run, new Size(patch[0], patch[1], patch[2]), samples, warp),
          arguments.toArray());
    }
  }

  private static ByteBuffer floats(int n, Random random, boolean ones) {
    ByteBuffer bytes = Staged.bytes(4 * n);
    while (bytes.hasRemaining()) {
      bytes.putFloat(ones ? 1 : random.nextFloat() * (float) Math.pow(2, -random.nextInt(3)));
    }
    return bytes.flip().order(Staged.bytes(0).order());
  }

  /** Each value with each exponent, made of a 1 by the gain of a channel. */
  private void greyValues(boolean warp) {
    List<Float> values = new ArrayList<>(List.of(0f, -0f, 1f, Math.nextUp(1f), Float.NaN, -1f));
    for (float v :
        new float[] {MIN_NORMAL, ROOT_OF_HALF, Float.MIN_VALUE, 0.5f, 1, 1e-30f, 1e-38f, 1e38f}) {
      values.addAll(List.of(v, Math.nextUp(v), Math.nextDown(v), -v));
    }
    values.addAll(List.of(Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY));
    for (int e = 1; e < 126; e++) {
      for (int bits = 0x3F3504F1; bits < 0x3F3504F6; bits++) {
        values.add(Float.intBitsToFloat(bits - e * 0x800000));
      }
      values.add((float) Math.pow(2, -e));
    }
    float atTheEnd = 125 / 64f; // 2^-64 to that power is the last that is not 0
    float[] gammas = {
      0.5f, 1, 2, 0.9f, 0.6f, 1.3f, 1.7f, Math.nextDown(atTheEnd), atTheEnd, Math.nextUp(atTheEnd)
    };
    for (int flags = 0; flags < 4; flags++) {
      if (flags == AugmentCodes.GAMMA) {
        continue; // an option that is refused without clip
      }
      Image image =
          new Image(1, values.size() * gammas.length, 0, new int[] {1, 1, 1}, new int[] {1, 1, 1});
      for (int i = 0; i < image.channels; i++) {
        image.grey(0, i, values.get(i / gammas.length), -0f, gammas[i % gammas.length]);
      }
      image.in = floats(image.channels, new Random(1), true);
      image.flags = flags;
      image.launch(launches, warp);
    }
  }

  /** Behind the boxes are the channels' words: a box more would be cut out of the middle of it. */
  private void behindTheBoxes(boolean warp) {
    for (int boxes = 0; boxes < 3; boxes++) {
      Image image = new Image(1, 2, boxes, new int[] {3, 3, 3}, new int[] {3, 3, 3});
      image.grey(0, 0, 0, 1, 0);
      image.grey(0, 1, 1, 0, 1);
      image.in = floats(2 * 27, new Random(2), false);
      image.launch(launches, warp);
    }
  }

  private void rareDeviates(boolean warp) {
    Image image = new Image(RARE_KEYS.length + 1, 1, 0, new int[] {1, 1, 1}, new int[] {1, 1, 1});
    image.in = floats(RARE_KEYS.length + 1, new Random(3), true);
    image.noise = AugmentCodes.GAUSSIAN;
    for (int n = 0; n < RARE_KEYS.length; n++) {
      image.key(n, RARE_KEYS[n], 0);
    }
    image.key(RARE_KEYS.length, KEY_BEFORE_A_CARRY, 0);
    image.launch(launches, warp);
  }

  private void manyPowers(boolean warp, long seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    Image image = new Image(4, 1, 0, new int[] {1, 1, 9000}, new int[] {1, 1, 9000});
    image.in = floats(4 * 9000, random, false);
    image.flags = AugmentCodes.CLIP | AugmentCodes.GAMMA;
    for (int n = 0; n < 4; n++) {
      image.grey(n, 0, 1, 0, (float) Math.pow(2, 2 * random.nextFloat() - 1));
    }
    image.launch(launches, warp);
  }

  private void manyDeviates(boolean warp, long seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    int[] size = {1, 10, 900};
    Image image = new Image(4, 1, 0, size, size);
    image.in = Staged.bytes(4 * 9000);
    image.width = 1;
    image.kind = AugmentCodes.UNSIGNED;
    image.noise = AugmentCodes.GAUSSIAN;
    for (int n = 0; n < 4; n++) {
      image.key(n, random.nextInt(), random.nextInt());
    }
    image.launch(launches, warp);
  }

  /** Sizes from 1 on. */
  private static int[] size(Random random) {
    return new int[] {1 + random.nextInt(6), 1 + random.nextInt(6), 1 + random.nextInt(6)};
  }

  /**
   * Matrices that lead far out, where a place's last bit is a fraction, some voxels, or more than
   * the farthest place of all; the last row is not (0, 0, 0, 1) where there is no perspective.
   */
  private static float[] matrix(Random random) {
    float[] matrix = new float[16];
    double far = Math.pow(10, random.nextInt(11));
    for (int i = 0; i < 16; i++) {
      matrix[i] = (float) (random.nextGaussian() * (i < 12 ? far : 0.2) + (i == 15 ? 2 : 0));
    }
    return matrix;
  }

  private void farPlaces(long seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    Image image = new Image(6, 2, 0, size(random), size(random));
    for (int n = 0; n < image.samples; n++) {
      float[] matrix = matrix(random);
      for (int i = 0; i < 16; i++) {
        image.word(n, Parameters.MATRIX + i, matrix[i]);
      }
      image.grey(n, 0, 1, 0, 1);
      image.grey(n, 1, 0.3f, 0.1f, 1);
    }
    image.in = floats(12 * image.source[0] * image.source[1] * image.source[2], random, false);
    image.border = BORDERS.get(random.nextInt(3));
    image.flags = random.nextInt(8) & ~AugmentCodes.GAMMA;
    image.launch(launches, true);
  }

  private void farLabels(long seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    float[][] matrices = new float[6][];
    for (int n = 0; n < matrices.length; n++) {
      matrices[n] = matrix(random);
    }
    int[] inset = new int[3];
    int[] place = new int[3];
    for (int a = 0; a < 3; a++) {
      inset[a] = random.nextInt(4) == 0 ? (1 << 24) + random.nextInt(9) : random.nextInt(9) - 4;
      place[a] = random.nextInt(5) - 2;
    }
    label(
        matrices,
        size(random),
        size(random),
        inset,
        place,
        random.nextInt(8) & ~AugmentCodes.GAMMA,
        BORDERS.get(random.nextInt(3)));
  }

  private void label(
      float[][] matrices,
      int[] source,
      int[] patch,
      int[] inset,
      int[] place,
      int flags,
      Border border) {
    int words = Parameters.words(0, 1);
    ByteBuffer parameters = Staged.bytes(4 * words * matrices.length);
    for (int n = 0; n < matrices.length; n++) {
      for (int i = 0; i < 16; i++) {
        parameters.putFloat(4 * (n * words + Parameters.MATRIX + i), matrices[n][i]);
      }
    }
    int voxels = patch[0] * patch[1] * patch[2];
    ByteBuffer in = Staged.bytes(matrices.length * source[0] * source[1] * source[2]);
    for (int i = 0; i < in.remaining(); i++) {
      in.put(i, (byte) i);
    }
    List<Object> arguments = new ArrayList<>();
    arguments.addAll(List.of(in, Staged.bytes(4 * matrices.length * voxels), parameters));
    arguments.addAll(List.of(words, 1, AugmentCodes.UNSIGNED));
    for (int[] each : new int[][] {source, patch, inset, place}) {
      arguments.addAll(List.of(each[0], each[1], each[2]));
    }
    arguments.addAll(List.of(flags, border.code, -9));
    launches.record(
        AugmentHostKernels.SOURCE,
        "labelWarp",
        run -> Spread.spread(run, new Size(patch[0], patch[1], patch[2]), matrices.length, true),
        arguments.toArray());
  }

  /** Labels beyond the farthest place there is, on either side. */
  private void farthest() {
    float[][] matrices = new float[2][16];
    for (int i = 0; i < 2; i++) {
      for (int axis = 0; axis < 3; axis++) {
        matrices[i][4 * axis + 3] = i == 0 ? 1e10f : -1e10f;
      }
      matrices[i][15] = 1;
    }
    int[] zero = new int[3];
    for (int flags : new int[] {0, AugmentCodes.PERSPECTIVE}) {
      label(matrices, new int[] {4, 6, 6}, new int[] {1, 1, 1}, zero, zero, flags, Border.MIRROR);
    }
  }

  /**
   * Rows that end with a step of the threads or within one. Behind the last row there is nothing,
   * nor before the first that is read backwards.
   */
  private void rowsOfLabels(int width, int kind) {
    Random random = new Random(width + kind);
    for (int[] size : new int[][] {{1, 2, 8}, {2, 3, 9}, {1, 3, 16}, {3, 2, 33}, {1, 2, 130}}) {
      int voxels = size[0] * size[1] * size[2];
      int words = Parameters.words(0, 1);
      ByteBuffer parameters = Staged.bytes(4 * words * 2);
      for (int n = 0; n < 2; n++) { // backwards, and as it lies
        int step = n == 0 ? -1 : 1;
        int[] steps = {n == 0 ? voxels - 1 : 0, step * size[1] * size[2], step * size[2], step};
        for (int i = 0; i < 4; i++) {
          parameters.putInt(4 * (n * words + Parameters.LABEL_STEPS + i), steps[i]);
        }
      }
      ByteBuffer in = Staged.bytes(2 * voxels * width);
      for (int i = 0; i < in.remaining(); i++) {
        in.put(i, (byte) random.nextInt());
      }
      List<Object> arguments = new ArrayList<>();
      arguments.addAll(List.of(in, Staged.bytes(4 * 2 * voxels), parameters, words, width, kind));
      for (int i = 0; i < 6; i++) { // source and patch
        arguments.add(size[i % 3]);
      }
      launches.record(
          AugmentHostKernels.SOURCE,
          "labelCrop",
          run -> Spread.spread(run, new Size(size[0], size[1], size[2]), 2, false),
          arguments.toArray());
    }
  }

  /** Labels at places halfway between two voxels, and one bit to either side. */
  private void halfway() {
    float[] halves = new float[5];
    halves[0] = Math.nextDown(Math.nextDown(0.5f));
    for (int i = 1; i < 5; i++) {
      halves[i] = Math.nextUp(halves[i - 1]);
    }
    for (int axis = 0; axis < 3; axis++) {
      float[][] matrices = new float[halves.length][16];
      for (int i = 0; i < halves.length; i++) {
        matrices[i][4 * axis + 3] = halves[i];
      }
      int[] zero = new int[3];
      label(matrices, new int[] {3, 3, 3}, new int[] {1, 1, 1}, zero, zero, 0, Border.CLAMP);
    }
  }
}
