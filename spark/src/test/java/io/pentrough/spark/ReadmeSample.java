package io.pentrough.spark;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.Remainder;
import io.pentrough.device.Device;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;

/** The Java block of the page, compiled, around what it takes for given. */
final class ReadmeSample {

  private static final int STEPS = 10_000;
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final BatchSpec spec = BatchSpec.builder().array("x", DType.FLOAT32, 1).build();
  private static final BatchTarget target = (out, context) -> out.array("x").setFloat(0, 1);

  private ReadmeSample() {}

  /** A network with one weight. */
  private static final class MyNetwork {

    private float weight;
    private float gradient;
    private int steps;

    static MyNetwork create() {
      return new MyNetwork();
    }

    void restore(byte[] state) {
      ByteBuffer in = ByteBuffer.wrap(state);
      weight = in.getFloat();
      steps = in.getInt();
    }

    byte[] save() {
      return ByteBuffer.allocate(8).putFloat(weight).putInt(steps).array();
    }

    int steps() {
      return steps;
    }

    void addGradients(DeviceBatch batch) {
      float[] x = new float[1];
      batch.array("x").copyTo(x);
      gradient += x[0] - weight;
    }

    void sumGradientsOverTasksAndUpdate() {
      weight += gradient / 100;
      gradient = 0;
      steps++;
    }

    double loss() {
      return weight;
    }
  }

  @SuppressWarnings("serial") // a page is no place for a serialVersionUID
  static List<Double> train(JavaSparkContext spark) throws InterruptedException {
    // [job]
    final class MyTask implements ElasticTask<Double> {
      static final int GLOBAL_BATCH = 8; // loader batches per step, over all tasks

      @Override
      public Double run(ElasticContext context) throws Exception {
        MyNetwork network = MyNetwork.create();
        context.state().ifPresent(network::restore);
        try (Device device = context.openDevice();
            BackgroundLoader loader =
                context.start(
                    BackgroundLoader.builder(device, spec, target).workers(4).seed(42).epochs(10),
                    Remainder.DROP)) {
          while (network.steps() < STEPS) {
            for (int i = 0; i < GLOBAL_BATCH / context.tasks(); i++) {
              try (DeviceBatch batch = loader.get(PATIENCE)) {
                network.addGradients(batch);
              }
            }
            network.sumGradientsOverTasksAndUpdate();
            context.step(); // ends this task if the attempt is over
            if (network.steps() % 1000 == 0) {
              context.checkpoint(network::save);
            }
          }
        }
        return network.loss();
      }
    }

    List<Double> losses =
        ElasticJob.builder(spark, new FolderStore(Path.of("/shared/run-7")), new MyTask())
            .name("run-7")
            .tasks(ElasticJob.largestDivisor(MyTask.GLOBAL_BATCH))
            .requireGpu()
            .run();
    // [/job]
    return losses;
  }
}
