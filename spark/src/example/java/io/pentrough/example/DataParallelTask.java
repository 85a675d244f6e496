package io.pentrough.example;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DeviceBatch;
import io.pentrough.Remainder;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.spark.ElasticContext;
import io.pentrough.spark.ElasticTask;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;

/**
 * Trains the example's network on shards of the batches, and sums the gradients of all tasks.
 *
 * <p>A step takes {@link #GLOBAL_BATCH} batches over all tasks, always the same ones. Their
 * gradients are added up as doubles. A sum of a few floats nearly always fits a double without
 * rounding, so the order of the sum, which depends on the number of tasks, makes no difference.
 *
 * <p>Loading, sampling and varying happen on the device. The network itself is the one in Java, so
 * it works on any device.
 */
final class DataParallelTask implements ElasticTask<DataParallelTask.Result> {

  private static final long serialVersionUID = 1;

  /** How many loader batches make a step; the number of tasks must divide it. */
  static final int GLOBAL_BATCH = 4;

  /** Patches in one loader batch: a step sees 256, as the example on one machine. */
  static final int BATCH = 64;

  static final int PATCH = 7;
  static final long SEED = 0;
  private static final int STEPS_PER_EPOCH = 100;
  private static final double TRAINING_SHARE = 0.7;
  private static final float LEARNING_RATE = 5e-3f;
  private static final Variation VARIATION = Variation.FLIPS;
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /** Called behind each step, in the task. For tests. */
  @FunctionalInterface
  interface AfterStep extends Serializable {
    void done(ElasticContext context, int step) throws Exception;
  }

  /** What a task has at the end, the same in all. */
  static final class Result implements Serializable {

    private static final long serialVersionUID = 1;

    /** Of each step. */
    final float[] losses;

    /** As the classifier writes it. */
    final byte[] network;

    Result(float[] losses, byte[] network) {
      this.losses = losses;
      this.network = network;
    }
  }

  private final int steps;
  private final int checkpointEvery;
  private final AfterStep afterStep;

  DataParallelTask(int steps, int checkpointEvery, AfterStep afterStep) {
    this.steps = steps;
    this.checkpointEvery = checkpointEvery;
    this.afterStep = afterStep;
  }

  /** The data, the same in each task and on the driver. */
  static final class Data {
    final Volume volume =
        VolumeReader.readResource(Options.BUNDLED_VOLUME, "/volumes/raw", "/volumes/tissue");
    private final int border = (int) Math.round(volume.width * TRAINING_SHARE);
    final Region training = new Region("training", volume, 0, border, PATCH, VARIATION.around);
    final int[][] greyHistogram = training.greyHistogram();
    final Normalisation normalisation = Normalisation.of(greyHistogram);

    VoxelClassifier classifier() {
      return new VoxelClassifier(PATCH, volume.classCount(), BATCH, normalisation, SEED);
    }

    Region validation() {
      return new Region("validation", volume, border, volume.width, PATCH, 0);
    }
  }

  @Override
  public Result run(ElasticContext context) throws Exception {
    if (GLOBAL_BATCH % context.tasks() != 0) {
      throw new IllegalArgumentException(
          context.tasks() + " tasks do not divide a global batch of " + GLOBAL_BATCH);
    }
    Data data = new Data();
    VoxelClassifier classifier = data.classifier();
    float[] losses = new float[steps];
    int step = restore(context.state(), classifier, losses);
    int source = PATCH + 2 * VARIATION.around;
    BatchSpec spec = PatchSampler.spec(BATCH, source);
    try (Device device = context.openDevice();
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            context.start(
                BackgroundLoader.builder(
                        device, spec, new PatchSampler(data.volume, data.training, source))
                    .stage(VARIATION.stage(spec, PATCH, data.normalisation))
                    .consumerStream(stream)
                    .workers(1)
                    .seed(SEED)
                    .batchesPerEpoch((long) GLOBAL_BATCH * STEPS_PER_EPOCH),
                Remainder.DROP);
        TcpRing ring = TcpRing.connect(context, ownAddress())) {
      GradientSum sum = new GradientSum(classifier.network());
      while (step < steps) {
        for (int i = 0; i < GLOBAL_BATCH / context.tasks(); i++) {
          try (DeviceBatch batch = loader.get(PATIENCE)) {
            sum.add(batch);
          }
        }
        losses[step] = sum.update(ring, LEARNING_RATE * (1 - (float) step / steps));
        step++;
        context.waited(ring.takeWaitedNanos());
        context.step();
        afterStep.done(context, step);
        if (step % checkpointEvery == 0 || step == steps) {
          int reached = step;
          context.checkpoint(() -> state(reached, classifier, losses));
        }
      }
    }
    return new Result(losses, network(classifier));
  }

  /** The address under which other machines know this one. */
  private static InetAddress ownAddress() throws IOException {
    String host = org.apache.spark.SparkEnv.get().blockManager().blockManagerId().host();
    return InetAddress.getByName(host);
  }

  /** Adds up the gradients of a step, here and over all tasks. */
  private static final class GradientSum {

    private final Mlp network;
    private final double[] sum; // and behind the gradient the loss
    private final float[] input;
    private final int[] label;

    GradientSum(Mlp network) {
      this.network = network;
      sum = new double[network.gradient.length + 1];
      input = new float[BATCH * network.inputs];
      label = new int[BATCH];
    }

    void add(DeviceBatch batch) {
      batch.array("image").copyTo(input);
      batch.array("label").copyTo(label);
      sum[sum.length - 1] += network.backward(input, label, BATCH);
      for (int i = 0; i < network.gradient.length; i++) {
        sum[i] += network.gradient[i];
      }
    }

    /** Makes the step, and returns its mean loss. */
    float update(TcpRing ring, float learningRate) throws IOException, InterruptedException {
      ring.sum(sum);
      for (int i = 0; i < network.gradient.length; i++) {
        network.gradient[i] = (float) (sum[i] / GLOBAL_BATCH);
      }
      float loss = (float) (sum[sum.length - 1] / GLOBAL_BATCH);
      network.update(learningRate);
      Arrays.fill(sum, 0);
      return loss;
    }
  }

  private static byte[] state(int step, VoxelClassifier classifier, float[] losses)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(step);
      for (int i = 0; i < step; i++) {
        out.writeFloat(losses[i]);
      }
      classifier.writeNetwork(out);
    }
    return bytes.toByteArray();
  }

  private static byte[] network(VoxelClassifier classifier) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      classifier.writeNetwork(out);
    }
    return bytes.toByteArray();
  }

  /** Goes where the state was saved, and returns how many steps that was. */
  private static int restore(Optional<byte[]> state, VoxelClassifier classifier, float[] losses)
      throws IOException {
    if (state.isEmpty()) {
      return 0;
    }
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(state.get()))) {
      int step = in.readInt();
      for (int i = 0; i < step; i++) {
        losses[i] = in.readFloat();
      }
      classifier.readNetwork(in);
      return step;
    }
  }
}
