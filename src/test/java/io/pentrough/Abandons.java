package io.pentrough;

import static io.pentrough.testkit.Patience.patience;

import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Layout;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.host.HostDevice;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.function.LongSupplier;

/**
 * Uses of Pentrough whose class loader is closed before they end; {@link ClosedClassLoaderTest}
 * runs them. What goes in and out is of the JDK's classes only.
 */
public final class Abandons {

  private final Device device;
  private final CountDownLatch stuck = new CountDownLatch(1);

  /** What is closed late, the last first; the rest is forgotten. */
  private final Deque<AutoCloseable> kept = new ArrayDeque<>();

  /** Whether the device fails meanwhile. */
  private final boolean broken;

  private Abandons(Device device, boolean broken) {
    this.device = device;
    this.broken = broken;
  }

  /**
   * Begins a use, and returns from the middle of it.
   *
   * @param use words that say what is used, and what is kept to be closed late
   * @return a {@link LongSupplier} of what is left on the device; and a {@link Runnable} that
   *     closes what was kept
   */
  public static Object[] begin(String use) throws Exception {
    Abandons abandons =
        new Abandons(
            use.contains("cuda") ? CudaDevice.open(0) : HostDevice.open(), use.contains("broken"));
    abandons.use(use);
    LongSupplier left = abandons::left;
    if (left.getAsLong() == 0) { // nothing of the question is loaded later
      throw new AssertionError("nothing is in use");
    }
    return new Object[] {left, (Runnable) abandons::end};
  }

  private long left() {
    if (device instanceof CudaDevice gpu) {
      return gpu.liveResources().handles();
    }
    HostDevice.Usage usage = ((HostDevice) device).liveResources();
    return (long) usage.buffers() + usage.streams() + usage.events() + usage.modules();
  }

  private void end() {
    kept.addLast(stuck::countDown);
    kept.addLast(device);
    while (!kept.isEmpty()) {
      try {
        kept.pop().close();
      } catch (Exception e) {
        if (!(broken && e instanceof DeviceException)) {
          throw new AssertionError(e);
        }
      }
    }
  }

  private void use(String use) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("x", DType.UINT8, 2, 4, 4).build();
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 4 && use.contains("failing")) {
            throw new IllegalArgumentException("a target that fails");
          }
          if (context.index() == 4 && use.contains("stuck")) {
            awaitEnd();
          }
        };
    if (use.contains("queue")) {
      BatchQueue.Builder builder = BatchQueue.builder(device, 1000);
      BatchQueue queue = builder.closeTimeout(Duration.ofMillis(200)).start();
      for (int i = 0; i < 5; i++) {
        queue.submit(spec, target);
      }
      keep(use, queue, queue.get(patience()));
      return;
    }
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, target).closeTimeout(Duration.ofMillis(200));
    if (use.contains("staged")) {
      builder.stage(Augmentation.builder(spec.array("x"), Layout.NYX).flip(Axis.X).build());
    }
    if (use.contains("zero-copy")) {
      builder.zeroCopy(true);
    }
    if (use.contains("watched")) {
      builder.leaseWarnAfter(Duration.ofMillis(100));
    }
    BackgroundLoader loader = builder.start();
    keep(
        use,
        loader,
        use.contains("queued")
            ? loader.getQueued(device.defaultStream(), patience())
            : loader.get(patience()));
  }

  private void keep(String use, AutoCloseable loader, DeviceBatch batch) {
    if (use.contains("loader kept")) {
      kept.push(loader);
    }
    if (use.contains("batch kept")) {
      kept.push(batch);
    } else if (use.contains("batch outlives")) {
      kept.addLast(batch);
    } else if (!use.contains("batch lost")) {
      batch.close();
    }
  }

  @SuppressWarnings("Interruption") // stuck means stuck
  private void awaitEnd() {
    while (true) {
      try {
        stuck.await();
        return;
      } catch (InterruptedException e) {
        // The next one will be slept through, too.
      }
    }
  }
}
