package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** (I8) A batch's random numbers are a function of (seed, epoch, index), on every JDK. */
class Philox4x32Test {

  /** The known answers that Random123 publishes (kat_vectors, philox4x32 10). */
  @ParameterizedTest
  @CsvSource({
    "00000000 00000000 00000000 00000000, 00000000 00000000, 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "ffffffff ffffffff ffffffff ffffffff, ffffffff ffffffff, 408f276d 41c83b0e a20bc7c6 6d5451fd",
    "243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0, d16cfe09 94fdcceb 5001e420 24126ea1",
  })
  void knownAnswers(String counter, String key, String expected) {
    int[] c = words(counter);
    int[] k = words(key);
    Philox4x32 random = new Philox4x32(join(k[0], k[1]));
    random.begin(c[1], join(c[2], c[3]));
    random.seek(Integer.toUnsignedLong(c[0]));
    assertArrayEquals(
        words(expected),
        new int[] {random.nextInt(), random.nextInt(), random.nextInt(), random.nextInt()});
  }

  /**
   * Every drawing method, one after the other. The values come from an independent implementation
   * (Python, with exact integers, written from the papers), not from this one.
   */
  @Test
  void goldenValues() {
    Philox4x32 random = new Philox4x32(0x0123456789ABCDEFL);
    random.begin(3, 0x1_0000_0007L);

    assertEquals(0xe675cd90, random.nextInt());
    assertEquals(0xee15210094394e6fL, random.nextLong());
    assertTrue(random.nextBoolean());
    byte[] bytes = new byte[7];
    random.nextBytes(bytes);
    assertArrayEquals(
        new byte[] {(byte) 0xa6, 0x0c, (byte) 0xf2, 0x5f, (byte) 0x94, (byte) 0xe8, (byte) 0xcc},
        bytes);
    assertEquals(332, random.nextInt(1000));
    assertEquals(-2, random.nextInt(-5, 7));
    assertEquals(-424822235, random.nextInt(Integer.MIN_VALUE, Integer.MAX_VALUE));
    assertEquals(1393431445, random.nextInt(3 << 29));
    assertEquals(793247129484L, random.nextLong(1_000_000_000_000L));
    assertEquals(799852335992831265L, random.nextLong(-7, 1_000_000_000_000_000_000L));
    assertEquals(-7725526372251744505L, random.nextLong(Long.MIN_VALUE, Long.MAX_VALUE));
    assertEquals(6318787597872151131L, random.nextLong(3L << 61));
    assertEquals(0x1.cc93fp-2f, random.nextFloat());
    assertEquals(0x1.ac819ep-2f, random.nextFloat(2.5f));
    assertEquals(0x1.b329f8p-1f, random.nextFloat(-1, 3));
    assertEquals(0x1.1528a14747cb7p-1, random.nextDouble());
    assertEquals(0x1.1e1eea171c79dp+29, random.nextDouble(1e9));
    assertEquals(-0x1.d1011cd39db40p-5, random.nextDouble(-1, 3));
    assertEquals(0x1.6c9e0efe3e8b6p+1022, random.nextDouble(-Double.MAX_VALUE, Double.MAX_VALUE));
    assertEquals(-0x1.86948a6b6b891p-1, random.nextGaussian());
    assertEquals(0x1.d405febead996p+2, random.nextGaussian(10, 2));
    // fdlibm's logarithm, which Java defines; the C library's is one unit less in the last place.
    assertEquals(0x1.adc7a0e5f4da8p-2, random.nextExponential());
    assertEquals(0x15813040, random.nextInt());
  }

  /** A quarter of the words is rejected for the first bound; values from the same source. */
  @Test
  void goldenRejections() {
    Philox4x32 random = new Philox4x32(42);
    random.begin(0, 0);
    int hash = 0;
    for (int i = 0; i < 1000; i++) {
      hash = 31 * hash + random.nextInt(3 << 29);
    }
    assertEquals(1844810461, hash);
    long longHash = 0;
    for (int i = 0; i < 1000; i++) {
      longHash = 31 * longHash + random.nextLong(3L << 61);
    }
    assertEquals(-6268727697521453293L, longHash);
  }

  /** Many logarithms: pinned on JDK 17, to be met by every other. */
  @Test
  void goldenGaussians() {
    Philox4x32 random = new Philox4x32(42);
    random.begin(1, 2);
    long hash = 0;
    double sum = 0;
    double squares = 0;
    int n = 100_000;
    for (int i = 0; i < n; i++) {
      double gaussian = random.nextGaussian();
      hash = 31 * hash + Double.doubleToLongBits(gaussian);
      hash = 31 * hash + Double.doubleToLongBits(random.nextExponential());
      sum += gaussian;
      squares += gaussian * gaussian;
    }
    assertEquals(-1580375681710499555L, hash);
    // Fixed numbers, so no chance is involved: three standard errors are 0.0095 and 0.0134.
    assertEquals(0, sum / n, 0.0095);
    assertEquals(1, squares / n, 0.0134);
  }

  @Test
  void beginningABatchForgetsTheOneBefore() {
    Philox4x32 random = new Philox4x32(7);
    random.begin(0, 5);
    double gaussian = random.nextGaussian();
    random.nextInt(); // leaves a block half used
    random.begin(9, 9);
    random.nextGaussian();
    random.begin(0, 5);
    assertEquals(gaussian, random.nextGaussian());
  }

  @Test
  void otherSeedsEpochsAndIndexesGiveOtherNumbers() {
    long[] values = {0, 1, -1, 1L << 31, 1L << 32, Long.MIN_VALUE};
    Set<Long> seen = new HashSet<>();
    int streams = 0;
    for (long seed : values) {
      Philox4x32 random = new Philox4x32(seed);
      for (int epoch : new int[] {0, 1, -1}) {
        for (long index : values) {
          random.begin(epoch, index);
          streams++;
          seen.add(random.nextLong());
        }
      }
    }
    assertEquals(streams, seen.size());
  }

  @Test
  void aBatchHas2To34Words() {
    Philox4x32 random = new Philox4x32(1);
    random.begin(2, 3);
    random.seek((1L << 32) - 1);
    random.nextLong();
    random.nextLong();
    assertEquals(
        "all 2^34 random words of the batch (epoch 2, index 3) are drawn; seed a generator of your"
            + " own with nextLong() and draw from that",
        assertThrows(IllegalStateException.class, random::nextInt).getMessage());
    assertThrows(IllegalStateException.class, random::nextInt, "and stays at its end");
  }

  /** The unit draws that scale to the bound itself by rounding are kept below it. */
  @Test
  void boundsAreNeverReached() {
    Philox4x32 random = new Philox4x32(1);
    random.begin(0, 0);
    float nearOne = Math.nextUp(1f);
    double nextToOne = Math.nextUp(1.0);
    for (int i = 0; i < 1000; i++) {
      assertEquals(1f, random.nextFloat(1, nearOne));
      assertEquals(1.0, random.nextDouble(1, nextToOne));
      assertEquals(0f, random.nextFloat(Float.MIN_VALUE));
      assertEquals(0.0, random.nextDouble(Double.MIN_VALUE));
    }
  }

  @Test
  void boundsThatLeaveNothingToDrawAreRefused() {
    Philox4x32 random = new Philox4x32(1);
    Executable[] draws = {
      () -> random.nextInt(0),
      () -> random.nextInt(3, 3),
      () -> random.nextLong(-1),
      () -> random.nextLong(4, 3),
      () -> random.nextFloat(0),
      () -> random.nextFloat(Float.NaN),
      () -> random.nextFloat(0, Float.POSITIVE_INFINITY),
      () -> random.nextDouble(Double.POSITIVE_INFINITY),
      () -> random.nextDouble(Double.NaN, 1),
      () -> random.nextGaussian(0, -1),
    };
    for (Executable draw : draws) {
      assertThrows(IllegalArgumentException.class, draw);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7})
  void aContextsNumbersDependOnSeedEpochAndIndexAlone(int worker) {
    BatchContext first = new BatchContext(0, 99);
    first.begin(1, 2, 0);
    BatchContext retried = new BatchContext(worker, 99);
    retried.begin(5, 5, 0);
    retried.random().nextBytes(new byte[3]);
    retried.begin(1, 2, 3);

    assertEquals(first.random().nextLong(), retried.random().nextLong());
    assertEquals(1, retried.epoch());
    assertEquals(2, retried.index());
    assertEquals(3, retried.attempt());
    assertEquals(worker, retried.worker());
    assertEquals("epoch 1, index 2, attempt 3, worker " + worker, retried.toString());
  }

  @Test
  void purposesHaveNumbersOfTheirOwn() {
    BatchContext context = new BatchContext(0, 42);
    BatchContext stage = new BatchContext(0, Philox4x32.seedOfStage(42, 0));
    Set<Long> drawn = new HashSet<>();
    Set<Long> seeds = new HashSet<>();
    for (int epoch = 0; epoch < 2; epoch++) {
      context.begin(epoch, 7, 0);
      stage.begin(epoch, 7, 0);
      drawn.add(context.random().nextLong());
      drawn.add(stage.random().nextLong());
      for (String purpose : List.of("samples", "order", "")) {
        for (long number : new long[] {0, 1, 7, -1}) {
          drawn.add(context.random(purpose, number).nextLong());
        }
        drawn.add(stage.random(purpose, 7).nextLong());
        seeds.add(context.seed(purpose));
      }
    }
    assertEquals(2 * (2 + 3 * 5), drawn.size());
    assertEquals(3, seeds.size());
    assertEquals(0xfe5f76c7906222f2L, context.seed("samples"), "on every JDK");
  }

  @Test
  void thePlaceInAPurposesNumbersIsForgottenAndTheBatchDoesNotCount() {
    BatchContext context = new BatchContext(3, 42);
    context.begin(5, 1, 2);
    RandomGenerator random = context.random("samples", 9);
    long first = random.nextLong();
    long second = random.nextLong();
    assertNotEquals(first, second);
    assertSame(random, context.random("samples", 10));
    context.end();
    assertThrows(IllegalStateException.class, random::nextInt);
    assertThrows(IllegalStateException.class, () -> context.random("samples", 9));
    assertThrows(IllegalStateException.class, () -> context.seed("samples"));
    BatchContext other = new BatchContext(0, 42);
    other.begin(5, 1_000_000, 0);
    assertEquals(first, other.random("samples", 9).nextLong());
    assertEquals(first, other.random("samples", 9).nextLong(), "set back at each call");
  }

  @Test
  void drawingAllocatesNothing() throws Exception {
    BatchContext context = new BatchContext(0, 1);
    context.begin(0, 0, 0);
    RandomGenerator random = context.random();
    byte[] bytes = new byte[64];
    assertEquals(
        0,
        Allocations.bytesOf(
            () -> {
              for (int i = 0; i < 1000; i++) {
                context.begin(0, i, 0);
                random.nextInt(10);
                random.nextLong(10);
                random.nextFloat(-1, 1);
                random.nextDouble(-1, 1);
                random.nextGaussian();
                random.nextExponential();
                random.nextBytes(bytes);
                context.end();
              }
            }));
  }

  private static long join(int low, int high) {
    return Integer.toUnsignedLong(low) | (long) high << 32;
  }

  private static int[] words(String hex) {
    String[] words = hex.split(" ", -1);
    int[] result = new int[words.length];
    for (int i = 0; i < words.length; i++) {
      result[i] = Integer.parseUnsignedInt(words[i], 16);
    }
    return result;
  }
}
