package io.pentrough;

import io.pentrough.device.Device;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The samples of docs/scaling.md, compiled. */
final class ScalingSample {

  /** What each step trained on: batches by their index. */
  final List<List<Long>> steps = new ArrayList<>();

  private final BatchSpec spec;
  private final BatchTarget target;

  ScalingSample(BatchSpec spec, BatchTarget target) {
    this.spec = spec;
    this.target = target;
  }

  // [process]
  /** What each process runs: shard number of so many, from a position of the whole. */
  String train(Device device, int shard, int shards, @Nullable String checkpoint, int batches)
      throws InterruptedException {
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, target)
            .workers(4)
            .seed(42)
            .batchesPerEpoch(1000)
            .shard(shard, shards, Remainder.DROP);
    if (checkpoint != null) {
      builder.startAt(Position.parse(checkpoint));
    }
    try (BackgroundLoader loader = builder.start()) {
      for (int i = 0; i < batches; i++) {
        try (DeviceBatch batch = loader.get()) {
          step(batch);
        }
      }
      return loader.position().toString(); // of this shard
    }
  }

  // [/process]

  // [parallel]
  /** All GPUs of a machine, in step, from a position of the whole. */
  String trainInStep(List<? extends Device> devices, @Nullable String checkpoint, int steps)
      throws InterruptedException {
    ParallelLoader.Builder builder =
        ParallelLoader.builder(devices, spec, target)
            .workers(4) // for each device
            .seed(42)
            .batchesPerEpoch(1000); // of all devices together
    if (checkpoint != null) {
      builder.startAt(Position.parse(checkpoint));
    }
    try (ParallelLoader loader = builder.start()) {
      for (int i = 0; i < steps; i++) {
        try (ParallelBatch step = loader.get()) {
          stepOnAll(step.batches()); // one for each device
        }
      }
      return loader.position().toString();
    }
  }

  // [/parallel]

  void trainEpochs(ParallelLoader loader, int epochs) {
    // [epochs]
    for (int epoch = 0; epoch < epochs; epoch++) {
      for (ParallelBatch step : loader.epoch()) {
        stepOnAll(step.batches());
      }
      validate();
    }
    // [/epochs]
  }

  private void validate() {
    steps.add(List.of());
  }

  // [merge]
  /** What the checkpoint keeps: the position of the whole, for any number of shards. */
  static String checkpoint(List<String> ofAllShards) {
    return Position.merge(ofAllShards.stream().map(Position::parse).toList()).toString();
  }

  // [/merge]

  static void evaluate(BackgroundLoader loader, List<Long> counted) {
    // [evaluate]
    for (DeviceBatch batch : loader.batches()) { // sharded with Remainder.PAD
      if (!batch.isRepeat()) {
        count(batch, counted);
      }
    }
    // [/evaluate]
  }

  void trainGlobalBatches(BackgroundLoader loader, int globalBatch, int shards, int steps)
      throws InterruptedException {
    // [global]
    for (int step = 0; step < steps; step++) {
      for (int i = 0; i < globalBatch / shards; i++) {
        try (DeviceBatch batch = loader.get()) {
          accumulateGradients(batch);
        }
      }
      sumGradientsOfAllShardsAndUpdate();
    }
    // [/global]
  }

  private List<Long> accumulated = new ArrayList<>();

  private void accumulateGradients(DeviceBatch batch) {
    accumulated.add(batch.index());
  }

  private void sumGradientsOfAllShardsAndUpdate() {
    steps.add(accumulated);
    accumulated = new ArrayList<>();
  }

  private void step(DeviceBatch batch) {
    steps.add(List.of(batch.index()));
  }

  private void stepOnAll(List<DeviceBatch> batches) {
    steps.add(batches.stream().map(DeviceBatch::index).toList());
  }

  private static void count(DeviceBatch batch, List<Long> counted) {
    counted.add(batch.index());
  }
}
