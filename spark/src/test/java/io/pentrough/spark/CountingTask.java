package io.pentrough.spark;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostBatch;
import io.pentrough.Remainder;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.TreeSet;
import java.util.random.RandomGenerator;

/**
 * Takes batches and writes down which they were, in the state. So the state of a checkpoint tells
 * what was committed, and must agree with its position.
 */
final class CountingTask implements ElasticTask<Integer> {

  private static final long serialVersionUID = 1;

  /** Called before each batch, in the task. */
  @FunctionalInterface
  interface Before extends Serializable {
    void batch(ElasticContext context, int number) throws Exception;
  }

  private final long batches;
  private final int epochs;
  private final int every;
  private final Remainder remainder;
  private final Before before;
  private long seed = 42;

  /**
   * A job.
   *
   * @param batches of an epoch
   * @param every how many batches a task takes between checkpoints
   */
  CountingTask(long batches, int epochs, int every, Remainder remainder, Before before) {
    this.batches = batches;
    this.epochs = epochs;
    this.every = every;
    this.remainder = remainder;
    this.before = before;
  }

  CountingTask seed(long seed) {
    this.seed = seed;
    return this;
  }

  BackgroundLoader.Builder builder(Device device) {
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT64, 4).build();
    return BackgroundLoader.builder(device, spec, CountingTask::fill)
        .workers(2)
        .seed(seed)
        .batchesPerEpoch(batches)
        .epochs(epochs);
  }

  private static void fill(HostBatch out, BatchContext context) {
    RandomGenerator random = context.random();
    out.array("x").setLong(0, context.epoch());
    out.array("x").setLong(1, context.index());
    out.array("x").setLong(2, random.nextLong());
    out.array("x").setLong(3, random.nextLong());
  }

  private static String line(DeviceBatch batch) {
    long[] x = new long[4];
    batch.array("x").copyTo(x);
    return x[0] + " " + x[1] + " " + Long.toHexString(x[2] ^ Long.rotateLeft(x[3], 1)) + "\n";
  }

  @Override
  public Integer run(ElasticContext context) throws Exception {
    int done = 0;
    byte[] committed = context.state().orElse(new byte[0]);
    BackgroundLoader loader = context.start(builder(context.openDevice()), remainder);
    for (boolean more = true; more; ) {
      StringBuilder since = new StringBuilder();
      for (int i = 0; i < every && more; i++) {
        before.batch(context, done);
        try (DeviceBatch batch = loader.get(Duration.ofSeconds(10))) {
          since.append(line(batch));
          done++;
          context.step();
        } catch (NoSuchElementException e) {
          more = false;
        }
      }
      committed = joined(committed, context.gather(bytes(since)));
      byte[] all = committed;
      context.checkpoint(() -> all);
    }
    return done; // the context closes loader and device
  }

  private static byte[] bytes(CharSequence text) {
    return text.toString().getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] joined(byte[] first, List<byte[]> others) {
    StringBuilder all = new StringBuilder(new String(first, StandardCharsets.US_ASCII));
    others.forEach(other -> all.append(new String(other, StandardCharsets.US_ASCII)));
    return bytes(all);
  }

  /** What a state says was committed, sorted; a batch that came twice is there twice. */
  static List<String> committed(byte[] state) {
    return new String(state, StandardCharsets.US_ASCII).lines().sorted().toList();
  }

  /** What one loader gives, sorted. */
  List<String> expected() {
    List<String> lines = new ArrayList<>();
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader = builder(device).start()) {
      for (DeviceBatch batch : loader.batches()) {
        lines.add(line(batch).strip());
      }
    }
    return new TreeSet<>(lines).stream().toList();
  }
}
