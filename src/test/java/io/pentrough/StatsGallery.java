package io.pentrough;

import io.pentrough.LoaderStats.Bottleneck;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.host.HostDevice;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Provokes each bottleneck of {@link LoaderStats} on the host device, with targets, copies and
 * steps that only take time, and prints the statistics: what docs/reading-the-stats.md shows.
 *
 * <p>{@code mvn -q test-compile exec:java -Dexec.mainClass=io.pentrough.StatsGallery}
 */
public final class StatsGallery {

  /**
   * One program: what takes how long, and what the loader was given.
   *
   * @param bottleneck what the document says about it
   * @param dtype of the elements
   * @param elements how many a batch has
   * @param batches how many the loop takes
   * @param fillMillis how long the target takes
   * @param copyMillisPerMiB how long a copy takes, for each MiB
   * @param stageMillis how long a stage takes; 0 for none
   * @param stepMillis how long the loop works on a batch
   * @param pauseMillis how much longer the loop takes for every tenth batch
   * @param queued whether the loop queues its work on the stream, as on a GPU, and does not wait
   * @param jobsAhead 0 for a loader; else the batches are jobs of a queue, of which the loop keeps
   *     so many submitted
   */
  record Exhibit(
      String title,
      Bottleneck bottleneck,
      DType dtype,
      int elements,
      int batches,
      int workers,
      int hostSlots,
      int fillMillis,
      int copyMillisPerMiB,
      int stageMillis,
      int stepMillis,
      int pauseMillis,
      boolean queued,
      int jobsAhead) {}

  private static final int MILLION = 1 << 20;

  static final List<Exhibit> EXHIBITS =
      List.of(
          exhibit("the target is slow", Bottleneck.PRODUCER, DType.UINT8, 1, 3, 20, 1, 0, 8),
          exhibit("three workers", Bottleneck.CONSUMER, DType.UINT8, 3, 5, 20, 1, 0, 8),
          exhibit("the copy is slow", Bottleneck.COPY, DType.FLOAT32, 2, 4, 4, 5, 0, 8),
          exhibit("uint8 for float32", Bottleneck.CONSUMER, DType.UINT8, 2, 4, 4, 5, 0, 8),
          exhibit("the loop is slow", Bottleneck.CONSUMER, DType.UINT8, 2, 4, 8, 1, 0, 12),
          pausing("the loop pauses", Bottleneck.BALANCED, 1),
          pausing("twelve host slots", Bottleneck.CONSUMER, 12),
          exhibit("the stage is slow", Bottleneck.STAGE, DType.UINT8, 2, 4, 8, 1, 20, 8),
          queue("one job ahead", Bottleneck.SUBMITTER, 1),
          queue("six jobs ahead", Bottleneck.CONSUMER, 6),
          nothingToDo("next to no work", 1 << 10, 20_000),
          new Exhibit(
              "the stream is slow",
              Bottleneck.CONSUMER,
              DType.UINT8,
              MILLION,
              200,
              2,
              4,
              8,
              1,
              0,
              12,
              0,
              true,
              0));

  private StatsGallery() {}

  private static Exhibit exhibit(
      String title,
      Bottleneck bottleneck,
      DType dtype,
      int workers,
      int hostSlots,
      int fillMillis,
      int copyMillisPerMiB,
      int stageMillis,
      int stepMillis) {
    return new Exhibit(
        title,
        bottleneck,
        dtype,
        MILLION,
        200,
        workers,
        hostSlots,
        fillMillis,
        copyMillisPerMiB,
        stageMillis,
        stepMillis,
        0,
        false,
        0);
  }

  private static Exhibit pausing(String title, Bottleneck bottleneck, int hostSlots) {
    return new Exhibit(
        title, bottleneck, DType.UINT8, MILLION, 200, 1, hostSlots, 10, 1, 0, 4, 100, false, 0);
  }

  private static Exhibit queue(String title, Bottleneck bottleneck, int jobsAhead) {
    return new Exhibit(
        title, bottleneck, DType.UINT8, MILLION, 200, 3, 5, 20, 1, 0, 8, 0, false, jobsAhead);
  }

  private static Exhibit nothingToDo(String title, int elements, int batches) {
    return new Exhibit(
        title, Bottleneck.OVERHEAD, DType.UINT8, elements, batches, 2, 4, 0, 0, 0, 0, 0, false, 0);
  }

  /**
   * Prints all of them; takes some 30 seconds.
   *
   * @param args none
   */
  public static void main(String[] args) throws InterruptedException {
    for (Exhibit exhibit : EXHIBITS) {
      System.out.printf(
          "== %s%n%s%n%n", exhibit.title(), run(exhibit, exhibit.batches(), 1_000_000));
    }
  }

  /**
   * Runs a program.
   *
   * @param nanosPerMilli how long a millisecond is to be; 0 to go as fast as the machine can
   */
  static LoaderStats run(Exhibit exhibit, int batches, long nanosPerMilli)
      throws InterruptedException {
    BatchSpec spec =
        BatchSpec.builder().array("image", exhibit.dtype(), exhibit.elements()).build();
    long copyNanos = (spec.slotBytes() >> 20) * exhibit.copyMillisPerMiB() * nanosPerMilli;
    BatchTarget target = (out, context) -> pass(exhibit.fillMillis() * nanosPerMilli);
    try (HostDevice host = HostDevice.open();
        Device device = behindSlowLink(host, copyNanos);
        DeviceStream work = host.newStream()) {
      DeviceStream stream = slowStream(work, device, 0);
      if (exhibit.jobsAhead() > 0) {
        try (BatchQueue queue =
            BatchQueue.builder(device, spec.slotBytes())
                .workers(exhibit.workers())
                .hostSlots(exhibit.hostSlots())
                .consumerStream(stream)
                .start()) {
          for (int i = 0; i < exhibit.jobsAhead(); i++) {
            queue.submit(spec, target);
          }
          for (int i = 0; i < batches; i++) {
            try (DeviceBatch batch = queue.get()) {
              queue.submit(spec, target);
              step(exhibit, batch, work, nanosPerMilli);
            }
          }
          return queue.stats();
        }
      }
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, spec, target)
              .workers(exhibit.workers())
              .hostSlots(exhibit.hostSlots())
              .consumerStream(stream);
      if (exhibit.stageMillis() > 0) {
        builder.stage(stage(exhibit.stageMillis() * nanosPerMilli));
      }
      try (BackgroundLoader loader = builder.start()) {
        for (int i = 0; i < batches; i++) {
          try (DeviceBatch batch = loader.get()) {
            step(exhibit, batch, work, nanosPerMilli);
          }
        }
        return loader.stats();
      }
    }
  }

  /** What the loop does with a batch. */
  private static void step(
      Exhibit exhibit, DeviceBatch batch, DeviceStream work, long nanosPerMilli) {
    boolean pause = batch.index() % 10 == 9;
    long step = (exhibit.stepMillis() + (pause ? exhibit.pauseMillis() : 0)) * nanosPerMilli;
    if (exhibit.queued()) {
      HostDevice.launch(work, () -> pass(step));
    } else {
      pass(step);
    }
  }

  /** A stage that only takes time. */
  static BatchStage stage(long nanos) {
    return new BatchStage() {
      @Override
      public void declare(StageArrays arrays) {
        arrays.reads("image");
      }

      @Override
      public StageWork prepare(StageSlot slot) {
        return run -> ((SlowStream) run.stream()).launch(() -> pass(nanos));
      }
    };
  }

  static void pass(long nanos) {
    if (nanos == 0) {
      return; // to sleep for no time would take some
    }
    try {
      TimeUnit.NANOSECONDS.sleep(nanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the loader is being closed
    }
  }

  private interface SlowStream extends DeviceStream {
    void launch(Runnable work);
  }

  /** The host as a device whose copies to the device take a while longer. */
  static Device behindSlowLink(HostDevice host, long copyNanos) {
    return proxy(
        Device.class,
        (device, method, args) ->
            method.getName().equals("newStream")
                ? slowStream(host.newStream(), (Device) device, copyNanos)
                : call(host, method, args));
  }

  static DeviceStream slowStream(DeviceStream stream, Device device, long copyNanos) {
    return proxy(
        SlowStream.class,
        (self, method, args) -> {
          if (method.getName().equals("launch")) {
            HostDevice.launch(stream, (Runnable) Objects.requireNonNull(args)[0]);
            return null;
          }
          if (method.getName().equals("device")) {
            return device;
          }
          if (method.getName().equals("copyToDevice")) {
            HostDevice.launch(stream, () -> pass(copyNanos));
          }
          return call(stream, method, args);
        });
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private static @Nullable Object call(Object target, Method method, Object @Nullable [] args)
      throws Throwable {
    try {
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
