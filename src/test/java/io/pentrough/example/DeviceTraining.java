package io.pentrough.example;

import static io.pentrough.testkit.Patience.patience;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** Trains a small classifier on a CUDA device, as the example does. */
final class DeviceTraining {

  static final int BATCH = 17;
  private static final int PATCH = 3;
  private static final int CLASSES = 3;

  /** What a training ends with. */
  record Result(List<Float> losses, List<float[]> state) {

    /** Bit for bit. */
    boolean equalTo(Result other) {
      boolean equal = losses.equals(other.losses);
      for (int i = 0; i < state.size(); i++) {
        equal &= Arrays.equals(state.get(i), other.state.get(i));
      }
      return equal;
    }
  }

  private DeviceTraining() {}

  static Result run(CudaDevice device, int steps) throws Exception {
    return run(device, steps, stream -> stream, () -> {});
  }

  /**
   * Trains.
   *
   * @param loaders which stream the batches are got for, of that which the network works on
   * @param afterStep runs after each step
   */
  static Result run(
      CudaDevice device, int steps, UnaryOperator<DeviceStream> loaders, Runnable afterStep)
      throws Exception {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(5);
    Volume volume = TestVolumes.random(6, 6, 12, CLASSES, random);
    Region region = new Region("training", volume, 0, volume.width, PATCH, 0);
    Normalisation normalisation = Normalisation.of(region.greyHistogram());
    VoxelClassifier classifier = new VoxelClassifier(PATCH, CLASSES, BATCH, normalisation, 4);
    BatchSpec spec = PatchSampler.spec(BATCH, PATCH);
    List<Float> losses = new ArrayList<>();
    try (Learner learner = new DeviceLearner(device, classifier, losses::add);
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, new PatchSampler(volume, region, PATCH))
                .stage(Variation.FLIPS.stage(spec, PATCH, normalisation))
                .workers(2)
                .seed(3)
                .consumerStream(loaders.apply(learner.stream()))
                .start()) {
      for (int step = 0; step < steps; step++) {
        try (DeviceBatch batch = loader.get(patience())) {
          learner.learn(batch, 5e-3f);
        }
        afterStep.run();
      }
      learner.settle();
    }
    return new Result(losses, classifier.network().state().stream().map(float[]::clone).toList());
  }
}
