package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** A {@link BatchContext} in the wrong hands, or at the wrong time: found, and harmless. */
@OnEveryDevice(everySchedule = false)
class KeptContextTest {

  private final Device device = TestDevice.open();
  private final AtomicReference<BatchContext> context = new AtomicReference<>();
  private final AtomicReference<RandomGenerator> random = new AtomicReference<>();

  private void keep(BatchContext of) {
    context.set(of);
    random.set(of.random());
  }

  private List<Executable> uses() {
    BatchContext kept = Objects.requireNonNull(context.get());
    RandomGenerator generator = Objects.requireNonNull(random.get());
    return List.of(
        kept::epoch,
        kept::index,
        kept::attempt,
        kept::worker,
        kept::random,
        kept::endOfEpoch,
        generator::nextInt,
        generator::nextLong,
        generator::nextBoolean,
        generator::nextFloat,
        generator::nextDouble,
        generator::nextGaussian,
        generator::nextExponential,
        () -> generator.nextBytes(new byte[1]),
        () -> generator.nextInt(3),
        () -> generator.nextInt(1, 3),
        () -> generator.nextLong(3),
        () -> generator.nextLong(1, 3),
        () -> generator.nextFloat(3),
        () -> generator.nextDouble(3),
        () -> generator.nextGaussian(0, 1),
        () -> generator.ints(1).sum());
  }

  private void assertRefused(String... words) {
    for (Executable use : uses()) {
      assertSays(assertThrows(IllegalStateException.class, use), words);
    }
    assertEquals(
        "a context of no batch that this thread makes",
        Objects.requireNonNull(context.get()).toString());
  }

  @Test
  @DisplayName("after its fill, also of a failed one, it is refused")
  void keptAfterTheFill() throws Exception {
    BatchTarget target =
        (out, of) -> {
          Numbered.fill(out, of);
          keep(of);
          if (of.index() == 1) {
            throw new IllegalStateException("on purpose");
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, target).epochs(1).hostSlots(1).start()) {
      for (int i = 0; i < 3; i++) {
        if (i == 1) {
          assertThrows(TargetException.class, loader::get);
        } else {
          check(i, loader.get());
        }
      }
    } // the worker has ended
    assertRefused("has returned: copy out what must live longer");
  }

  @Test
  @DisplayName("I8: another thread is refused during a fill, and its numbers stay what they are")
  void otherThread() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch tried = new CountDownLatch(1);
    BatchTarget target =
        (out, of) -> {
          if (of.index() == 0) {
            keep(of);
          } else if (of.index() == 1) {
            int first = of.random().nextInt(); // three words of the block are left
            begun.countDown();
            await(tried);
            out.array(0).setLong(0, pair(first, of.random().nextInt()));
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, target).seed(5).start()) {
      await(begun);
      assertRefused("used on thread " + Thread.currentThread().getName(), "copy out what other");
      tried.countDown();
      loader.get().close();
      Philox4x32 expected = new Philox4x32(5);
      expected.begin(0, 1);
      try (DeviceBatch batch = loader.get()) {
        long drawn = pair(expected.nextInt(), expected.nextInt());
        assertEquals(drawn, Numbered.number(batch));
      }
    }
  }

  private static long pair(int high, int low) {
    return (long) high << 32 | Integer.toUnsignedLong(low);
  }

  @Test
  @DisplayName("I8: a retry has the same object, good again and with the same numbers")
  void retried() throws Exception {
    BatchTarget target =
        (out, of) -> {
          long drawn = of.random().nextLong();
          if (of.attempt() == 0) {
            keep(of);
            of.random().nextLong();
            throw new IllegalStateException("on purpose");
          }
          assertEquals(1, Objects.requireNonNull(context.get()).attempt());
          out.array(0).setLong(0, drawn);
        };
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, target)
                .onFailure(FailurePolicy.retry(1))
                .start();
        DeviceBatch batch = loader.get()) {
      Philox4x32 expected = new Philox4x32(0);
      expected.begin(0, 0);
      assertEquals(expected.nextLong(), Numbered.number(batch));
    }
  }

  @Test
  @DisplayName("that of a stage's draw is refused from then on, in the target too")
  void ofADraw() throws Exception {
    BatchStage stage =
        new BatchStage() {
          @Override
          public void declare(StageArrays arrays) {}

          @Override
          public void draw(BatchContext of, ByteBuffer parameters) {
            keep(of);
          }

          @Override
          public StageWork prepare(StageSlot slot) {
            return run -> {};
          }
        };
    BatchTarget target =
        (out, of) -> {
          Numbered.fill(out, of);
          assertRefused("has returned");
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, target).stage(stage).start()) {
      check(0, loader.get());
    }
    assertRefused("has returned");
  }

  @Test
  @DisplayName("that of the first batch, from which arrays are inferred, is refused after start")
  void ofATrial() throws Exception {
    ArraySource source =
        of -> {
          if (context.get() == null) {
            keep(of);
          }
          return new Object[] {new long[] {of.index()}};
        };
    try (BackgroundLoader loader = BackgroundLoader.infer(device, source).start()) {
      assertRefused("has returned");
      check(0, loader.get());
    }
  }
}
