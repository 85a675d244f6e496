package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchTarget;
import io.pentrough.DeviceBatch;
import io.pentrough.HostArray;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.time.Duration;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Pentrough on the host device, through its public API. */
final class PentroughLoader implements Loader {

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Device device = HostDevice.open();
  private final BackgroundLoader loader;
  private final boolean holds;
  private @Nullable DeviceBatch held;

  PentroughLoader(Setup setup, boolean zeroCopy) {
    this(setup, zeroCopy, false);
  }

  /**
   * A running loader.
   *
   * @param zeros whether each batch is zeroed before the target fills it
   */
  PentroughLoader(Setup setup, boolean zeroCopy, boolean zeros) {
    this(
        setup,
        target(setup.workload(), setup.workers(), zeros),
        builder ->
            zeroCopy ? builder.zeroCopy(true) : builder); // its ring has both depths together
  }

  /** A running loader, with options beside those of the setup. */
  PentroughLoader(
      Setup setup, BatchTarget target, UnaryOperator<BackgroundLoader.Builder> options) {
    holds = setup.holds();
    loader =
        options
            .apply(
                BackgroundLoader.builder(device, setup.workload().shape.spec, target)
                    .workers(setup.workers())
                    .hostSlots(setup.hostSlots())
                    .deviceSlots(setup.deviceSlots()))
            .start();
  }

  /**
   * What so many workers run.
   *
   * @param zeros whether each batch is zeroed before it is filled
   */
  static BatchTarget target(Workload workload, int workers, boolean zeros) {
    Target[] targets = new Target[workers];
    HostOutput[] outputs = new HostOutput[workers];
    for (int i = 0; i < workers; i++) {
      targets[i] = workload.targets().get();
      outputs[i] = new HostOutput();
    }
    return (out, context) -> {
      HostOutput output = outputs[context.worker()];
      output.data = out.array(0);
      output.label = out.array(1);
      if (zeros) {
        output.data.fillZero();
        output.label.fillZero();
      }
      targets[context.worker()].fill(output, context.random());
    };
  }

  @Override
  public float consume(boolean read) throws Exception {
    if (held != null) {
      held.close();
      held = null;
    }
    if (holds) {
      held = loader.get(PATIENCE);
      return read ? read(held) : 0;
    }
    try (DeviceBatch batch = loader.get(PATIENCE)) {
      return read ? read(batch) : 0;
    }
  }

  /** Reads one float of every 4 KiB. */
  static float read(DeviceBatch batch) {
    return BufferOutput.read(HostDevice.bytes(batch.array(0).buffer()).asFloatBuffer());
  }

  @Override
  public void close() {
    if (held != null) {
      held.close();
    }
    loader.close();
    device.close();
  }

  /** A batch in a host slot. */
  private static final class HostOutput implements Output {

    @Nullable HostArray data;
    @Nullable HostArray label;

    @Override
    public void data(int at, float[] from, int offset, int count) {
      Objects.requireNonNull(data).set(at, from, offset, count);
    }

    @Override
    public void labels(int at, short[] from, int offset, int count) {
      Objects.requireNonNull(label).set(at, from, offset, count);
    }

    @Override
    public void labels(int at, int[] from, int offset, int count) {
      Objects.requireNonNull(label).set(at, from, offset, count);
    }

    @Override
    public void labels(int at, long[] from, int offset, int count) {
      Objects.requireNonNull(label).set(at, from, offset, count);
    }
  }
}
