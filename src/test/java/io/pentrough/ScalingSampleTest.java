package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The samples of docs/scaling.md do what the page says. */
class ScalingSampleTest {

  private final Device device = TestDevice.open();

  private static ScalingSample sample() {
    return new ScalingSample(Numbered.SPEC, Numbered::fill);
  }

  @Test
  @DisplayName(
      "3 processes, then 2, go through the epoch once; the shards may be at different steps")
  void elastic() throws Exception {
    ScalingSample all = sample();
    List<String> positions = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      positions.add(all.train(device, i, 3, null, 100 + i));
    }
    String checkpoint = ScalingSample.checkpoint(positions);
    for (int i = 0; i < 2; i++) {
      all.train(device, i, 2, checkpoint, (1000 - 303) / 2);
    }
    List<Long> taken = all.steps.stream().map(step -> step.get(0)).sorted().toList();
    assertEquals(999, taken.size()); // 697 are left for two, and DROP leaves one out
    assertEquals(999, taken.stream().distinct().count());
  }

  @Test
  @DisplayName("several devices in step, then another number of them, go through the epoch once")
  void inStep() throws Exception {
    List<Device> devices = TestDevice.open(3);
    ScalingSample all = sample();
    String checkpoint = all.trainInStep(devices, null, 100);
    assertEquals(List.of(297L, 298L, 299L), all.steps.get(99));
    all.trainInStep(devices.subList(0, 2), checkpoint, 350);
    assertEquals(List.of(998L, 999L), all.steps.get(449));
    assertEquals(1000, all.steps.stream().flatMap(List::stream).distinct().count());
  }

  @Test
  @DisplayName("several devices in step, epoch by epoch")
  void epochs() {
    ScalingSample sample = sample();
    try (ParallelLoader loader =
        ParallelLoader.builder(TestDevice.open(2), Numbered.SPEC, Numbered::fill)
            .batchesPerEpoch(4)
            .epochs(2)
            .start()) {
      sample.trainEpochs(loader, 2);
    }
    List<List<Long>> epoch = List.of(List.of(0L, 1L), List.of(2L, 3L), List.of());
    assertEquals(Stream.of(epoch, epoch).flatMap(List::stream).toList(), sample.steps);
  }

  @Test
  @DisplayName("an evaluation with PAD counts each batch once")
  void evaluation() {
    List<Long> counted = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
              .batchesPerEpoch(10)
              .epochs(1)
              .shard(i, 4, Remainder.PAD)
              .start()) {
        ScalingSample.evaluate(loader, counted);
      }
    }
    assertEquals(LongStream.range(0, 10).boxed().toList(), counted.stream().sorted().toList());
  }

  @Test
  @DisplayName("global batches are the same for 1, 2 and 4 shards, also behind a checkpoint")
  void globalBatches() throws Exception {
    List<List<Long>> one = globalBatches(1, 1);
    assertEquals(List.of(0L, 1L, 2L, 3L), one.get(0));
    assertEquals(List.of(16L, 17L, 18L, 19L), one.get(4));
    for (int before : new int[] {1, 2, 4}) {
      for (int behind : new int[] {1, 2, 4}) {
        assertEquals(one, globalBatches(before, behind));
      }
    }
  }

  /** Three steps on some shards, and two on others. */
  private List<List<Long>> globalBatches(int before, int behind) throws Exception {
    List<List<Long>> steps = new ArrayList<>();
    List<Position> positions = new ArrayList<>();
    run(before, null, 3, steps, positions);
    run(behind, Position.merge(positions), 2, steps, new ArrayList<>());
    return steps;
  }

  private void run(
      int shards,
      @Nullable Position from,
      int count,
      List<List<Long>> steps,
      List<Position> positions)
      throws Exception {
    List<ScalingSample> samples = new ArrayList<>();
    for (int i = 0; i < shards; i++) {
      ScalingSample sample = sample();
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
              .batchesPerEpoch(40)
              .shard(i, shards, Remainder.DROP);
      try (BackgroundLoader loader = (from == null ? builder : builder.startAt(from)).start()) {
        sample.trainGlobalBatches(loader, 4, shards, count);
        positions.add(loader.position());
      }
      samples.add(sample);
    }
    for (int step = 0; step < count; step++) {
      int at = step;
      steps.add(samples.stream().flatMap(of -> of.steps.get(at).stream()).sorted().toList());
    }
  }
}
