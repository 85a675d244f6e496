package io.pentrough.example;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostBatch;
import io.pentrough.LoaderStats;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** How fast a loop is on batches that it holds; and the example, which measures it. */
@OnEveryDevice(everySchedule = false)
class HeadspaceTest {

  private static final Duration A_MOMENT = Duration.ofMillis(5);

  private final Device device = TestDevice.open();

  @Test
  @DisplayName("each step is on a held batch in its turn, and no worker fills meanwhile")
  void replay() throws Exception {
    List<Long> seen = new ArrayList<>();
    try (DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .workers(2)
                .deviceSlots(3)
                .start()) {
      loader.get(patience()).close();
      double rate =
          Headspace.stepsPerSecond(
              loader,
              stream,
              patience(),
              A_MOMENT,
              batch -> {
                seen.add(batch.index());
                assertEquals(batch.index(), Numbered.number(batch));
              });
      assertTrue(rate > 0);
      for (int i = 0; i < seen.size(); i++) {
        assertEquals(1 + i % 3, seen.get(i));
      }
      assertTrue(seen.size() >= 6, "a round to come to rest, and one that is measured");
      LoaderStats stats = loader.stats();
      assertEquals(4, stats.batches(), "the held ones count as delivered");
      Numbered.check(4, loader.get(patience()));
    }
  }

  @Test
  @DisplayName("work that a step queues counts until it has run")
  void queuedSteps() throws Exception {
    long millis = 2;
    try (HostDevice host = HostDevice.open();
        DeviceStream stream = host.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(host, Numbered.SPEC, Numbered::fill).start()) {
      double rate =
          Headspace.stepsPerSecond(
              loader,
              stream,
              patience(),
              A_MOMENT,
              batch -> HostDevice.launch(stream, () -> pass(millis)));
      assertTrue(rate > 0 && rate <= 1e3 / millis, () -> "work that is queued counts: " + rate);
    }
  }

  private static void pass(long millis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  @Test
  @DisplayName("fewer batches than slots, or a step that throws: nothing is kept")
  void failures() throws Exception {
    try (DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .deviceSlots(3)
                .epochs(1)
                .batchesPerEpoch(5)
                .start()) {
      assertThrows(
          ArithmeticException.class,
          () -> Headspace.stepsPerSecond(loader, stream, patience(), A_MOMENT, this::fails));
      assertThrows(
          NoSuchElementException.class,
          () -> Headspace.stepsPerSecond(loader, stream, patience(), A_MOMENT, batch -> {}));
    } // and the device looks that nothing is left
  }

  private void fails(DeviceBatch batch) {
    throw new ArithmeticException(device.name() + batch);
  }

  @Test
  @DisplayName("a rehearsal leaves losses, step, weights and the optimiser as they were")
  void rehearsal() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 4, 27)
            .array("label", DType.INT32, 4)
            .build();
    try (HostDevice host = HostDevice.open()) {
      Normalisation unused = Normalisation.of(new int[2][256]);
      VoxelClassifier classifier = new VoxelClassifier(3, 2, 4, unused, 1);
      TrainingState state = new TrainingState(classifier, 3);
      Learner learner = new HostLearner(host, classifier, state::lossGotKnown);
      try (learner;
          BackgroundLoader loader =
              BackgroundLoader.builder(host, spec, HeadspaceTest::fillAtRandom).start()) {
        for (int i = 0; i < 3; i++) {
          try (DeviceBatch batch = loader.get(patience())) {
            state.learn(learner, batch);
          }
        }
        byte[] before = written(state);
        double rate =
            state.rehearse(
                () ->
                    Headspace.stepsPerSecond(
                        loader,
                        learner.stream(),
                        patience(),
                        A_MOMENT,
                        batch -> learner.learn(batch, 1)));
        assertTrue(rate > 0);
        assertEquals(3, state.known());
        assertArrayEquals(before, written(state));
      }
    }
  }

  private static void fillAtRandom(HostBatch out, BatchContext context) {
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 27; j++) {
        out.array("image").setFloat(27 * i + j, context.random().nextFloat());
      }
      out.array("label").setInt(i, i % 2);
    }
  }

  private static byte[] written(TrainingState state) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    state.write(new DataOutputStream(bytes));
    return bytes.toByteArray();
  }
}
