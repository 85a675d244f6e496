package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What a loader learns of a target that knows its epochs. */
@OnEveryDevice(everySchedule = false)
class EpochTargetTest {

  private final Device device = TestDevice.open();

  private record Epochs(long batchesPerEpoch, String description, @Nullable String refusal)
      implements EpochTarget {

    static Epochs of(long batches, String description) {
      return new Epochs(batches, description, null);
    }

    @Override
    public void check(BatchSpec spec) {
      if (refusal != null) {
        throw new IllegalArgumentException(refusal + " " + spec);
      }
    }

    @Override
    public void fill(HostBatch out, BatchContext context) {
      Numbered.fill(out, context);
    }
  }

  private BackgroundLoader.Builder loader(Epochs target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target);
  }

  private static IllegalArgumentException refused(BackgroundLoader.Builder builder) {
    return assertThrows(IllegalArgumentException.class, builder::start);
  }

  @Test
  @DisplayName("its epochs have the length it says, and do not end by default")
  void length() throws Exception {
    Epochs target = Epochs.of(2, "two");
    try (BackgroundLoader loader = loader(target).start()) {
      for (int i = 0; i < 7; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(i / 2, batch.epoch());
          assertEquals(i % 2, batch.index());
        }
      }
    }
    try (BackgroundLoader loader = loader(target).batchesPerEpoch(2).epochs(1).start()) {
      check(0, loader.get(patience()));
      check(1, loader.get(patience()));
      assertEquals(null, loader.poll(patience()));
    }
  }

  @Test
  @DisplayName("bad input: another length, no length, arrays it cannot fill, too many shards")
  void refusals() {
    assertSays(
        refused(loader(Epochs.of(2, "four samples")).batchesPerEpoch(3)),
        "batchesPerEpoch is 3, but the target says that an epoch has 2 batches (four samples)",
        "leave batchesPerEpoch out");
    assertSays(refused(loader(Epochs.of(0, "nothing"))), "an epoch has 0 batches", "nothing");
    assertSays(refused(loader(new Epochs(1, "", "no row in"))), "no row in {number: int64 [1]}");
    assertSays(refused(loader(Epochs.of(Long.MAX_VALUE, "endless"))), "and an end: endless");
    EpochTarget negative =
        new EpochTarget() {
          @Override
          public void fill(HostBatch out, BatchContext context) {}

          @Override
          public long batchesPerEpoch() {
            return 1;
          }

          @Override
          public String description() {
            return "negative";
          }

          @Override
          public long maxBadSamples() {
            return -1;
          }
        };
    assertSays(
        refused(BackgroundLoader.builder(device, Numbered.SPEC, negative)),
        "allows -1 bad samples",
        "Long.MAX_VALUE",
        "negative");
    assertSays(refused(loader(Epochs.of(2, "")).shard(2, 3)), "an epoch has 2 batches");
  }

  @Test
  @DisplayName("a queue refuses it: a job is one batch")
  void notAJob() throws Exception {
    try (BatchQueue queue = BatchQueue.builder(device, Numbered.SPEC.slotBytes()).start()) {
      Epochs target = Epochs.of(5, "five");
      for (IllegalArgumentException e :
          List.of(
              assertThrows(
                  IllegalArgumentException.class, () -> queue.submit(Numbered.SPEC, target)),
              assertThrows(
                  IllegalArgumentException.class, () -> queue.offer(Numbered.SPEC, target)),
              assertThrows(
                  IllegalArgumentException.class,
                  () -> queue.submit(Numbered.SPEC, target, patience())))) {
        assertSays(e, "a job is one batch", "epochs of 5 batches", "BackgroundLoader");
      }
    }
  }

  @Test
  @DisplayName("a position fits only a target of the same description, and the refusal says what")
  void position() throws Exception {
    Epochs target = Epochs.of(4, "1000 samples; shuffled; 250 in a batch");
    Position position;
    try (BackgroundLoader loader = loader(target).start();
        DeviceBatch batch = loader.get(patience())) {
      position = Position.parse(batch.position().toString());
      assertEquals(batch.position(), position);
    }
    try (BackgroundLoader loader = loader(target).startAt(position).start()) {
      check(1, loader.get(patience()));
    }
    assertSays(
        refused(loader(Epochs.of(4, "999 samples; shuffled; 250 in a batch")).startAt(position)),
        "other data (1000 samples there, 999 samples here)");
    assertSays(
        refused(
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .batchesPerEpoch(4)
                .startAt(position)),
        "other data (1000 samples; shuffled; 250 in a batch there, none here)");
    Position old = Position.parse("pentrough-position-1 0-0-0-0 0 0 - -");
    assertSays(
        refused(loader(target).startAt(old)), "a loader with other arrays, stages or data, ");
  }
}
