package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A device whose copies take their time, as a GPU's do: they begin late and read their source in
 * two parts with a pause between, all of it drawn from a seed. So whoever takes a copy for done
 * before it is gets caught.
 *
 * <p>It can play a copy of two steps too: the batch is then put in place only when the mark behind
 * its copy is queued, and ahead of that mark.
 */
final class SlowDevice extends ForwardingDevice {

  private final long seed;
  private final boolean slow;
  private final boolean staged;
  private final SlowStream defaultStream;
  private int streams;

  /**
   * @param slow whether copies take their time, else they only pass through
   * @param staged whether to play a stage
   */
  SlowDevice(Device inner, long seed, boolean slow, boolean staged) {
    super(inner);
    this.seed = seed;
    this.slow = slow;
    this.staged = staged;
    defaultStream = new SlowStream(inner.defaultStream());
  }

  /** {@link TestDevice#launch} for streams of this device. */
  static void launch(DeviceStream stream, Runnable work) {
    ((SlowStream) stream).launch(work);
  }

  /** Passes time without sleeping: gives the processor away now and then. */
  @SuppressWarnings("ThreadPriorityCheck") // nothing relies on it: it only mixes up who runs when
  static void linger(int units) {
    for (int i = 1; i <= units; i++) {
      if (i % 64 == 0) {
        Thread.yield();
      } else {
        Thread.onSpinWait();
      }
    }
  }

  /** How long to {@link #linger}: often not at all, mostly short, at most about a millisecond. */
  static int someUnits(Random random) {
    return random.nextInt(3) == 0 ? 0 : random.nextInt(1 << (1 + random.nextInt(13)));
  }

  @Override
  public String name() {
    return "slow " + inner.name();
  }

  @Override
  public String description() {
    return name();
  }

  @Override
  public synchronized DeviceStream newStream() {
    streams++;
    return new SlowStream(inner.newStream());
  }

  @Override
  public DeviceStream defaultStream() {
    return defaultStream;
  }

  private final class SlowStream extends ForwardingStream {

    private final Random random = new Random(seed + streams);

    // The stage; used by the one thread that queues copies.
    private @Nullable DeviceBuffer received;
    private @Nullable PinnedBuffer staging;
    private @Nullable DeviceBuffer target;
    private long targetOffset;
    private long bytes;

    SlowStream(DeviceStream inner) {
      super(inner, SlowDevice.this);
    }

    @Override
    public void copyToDevice(
        PinnedBuffer source, long from, DeviceBuffer target, long to, long bytes) {
      if (!staged || bytes == 0) {
        copyInParts(source, from, target, to, bytes);
        return;
      }
      if (received == null) {
        received = SlowDevice.this.inner.allocate(source.bytes());
        staging = SlowDevice.this.inner.allocatePinned(source.bytes());
      }
      copyInParts(source, from, received, 0, bytes);
      this.target = target;
      this.targetOffset = to;
      this.bytes = bytes;
    }

    private void copyInParts(
        PinnedBuffer source, long from, DeviceBuffer target, long to, long bytes) {
      long first = slow ? bytes / 2 : 0;
      pause();
      inner.copyToDevice(source, from, target, to, first);
      pause();
      inner.copyToDevice(source, from + first, target, to + first, bytes - first);
    }

    private void launch(Runnable work) {
      TestDevice.launch(inner, work);
    }

    private void pause() {
      int units = slow ? someUnits(random) : 0;
      if (units > 0) {
        launch(() -> linger(units));
      }
    }

    @Override
    public void record(DeviceEvent event) {
      DeviceBuffer waiting = target;
      if (waiting != null) {
        PinnedBuffer on = Objects.requireNonNull(staging);
        pause();
        inner.copyToHost(Objects.requireNonNull(received), 0, on, 0, bytes);
        inner.copyToDevice(on, 0, waiting, targetOffset, bytes);
        target = null;
      }
      inner.record(event);
    }

    @Override
    public void close() {
      if (received != null && staging != null) {
        received.close();
        staging.close();
      }
      inner.close();
    }

    @Override
    public String toString() {
      return "slow " + inner;
    }
  }
}
