package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * How soon a consumer has a batch after its copy has ended, and what the threads that wait for it
 * spend. The end of each copy is the device's own time, from an event behind it; an event that the
 * host has waited for ties that clock to the host's.
 */
final class CopyWaits {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  /** Lets events have words; what is made to measure shall have none. */
  static final String WORDS = "pentrough.cuda.words";

  /**
   * What was measured.
   *
   * @param copyMicros median length of a copy
   * @param waits batches that were asked for before their copy had ended, of all
   * @param delaysMicros from the end of each copy, or the call of get if that is later, to the
   *     return of get
   * @param consumerCpuMicros CPU time of the consumer, a batch
   * @param copyThreadCpuMicros CPU time of the copy thread, a batch
   */
  record Result(
      double copyMicros,
      double waits,
      List<Double> delaysMicros,
      double consumerCpuMicros,
      double copyThreadCpuMicros) {}

  private final CudaDevice device;
  private final int batches;

  CopyWaits(CudaDevice device, int batches) {
    this.device = device;
    this.batches = batches;
  }

  /** A loader's copies of so many bytes. */
  Result measure(int bytes) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("data", DType.UINT8, bytes).build();
    long[] asked = new long[batches];
    long[] got = new long[batches];
    int warmUp = batches / 4;
    Thread consumer = Thread.currentThread();
    long[] cpu = new long[2];
    try (Marked marked = new Marked(device, batches + 16);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(marked, spec, (out, context) -> {})
                .name("waits")
                .consumerStream(marked.wrap(stream))
                .start()) {
      Thread copies = thread("pentrough-waits-copy");
      for (int i = 0; i < batches; i++) {
        if (i == warmUp) {
          cpu[0] = THREADS.getThreadCpuTime(consumer.getId());
          cpu[1] = THREADS.getThreadCpuTime(copies.getId());
        }
        asked[i] = System.nanoTime();
        DeviceBatch batch = loader.get(PATIENCE);
        got[i] = System.nanoTime();
        batch.close();
      }
      cpu[0] = THREADS.getThreadCpuTime(consumer.getId()) - cpu[0];
      cpu[1] = THREADS.getThreadCpuTime(copies.getId()) - cpu[1];
      return marked.result(asked, got, warmUp, cpu);
    }
  }

  /** CPU time of the copy thread, a second, while nobody consumes and the ring is full. */
  double idleMicros(int bytes) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("data", DType.UINT8, bytes).build();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, (out, context) -> {}).name("waits").start()) {
      loader.get(PATIENCE).close();
      Thread.sleep(100);
      Thread copies = thread("pentrough-waits-copy");
      long before = THREADS.getThreadCpuTime(copies.getId());
      Thread.sleep(1_000);
      return (THREADS.getThreadCpuTime(copies.getId()) - before) / 1e3;
    }
  }

  private static Thread thread(String name) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** Records an event before and behind each copy. */
  private static final class Marked extends ForwardingDevice {
    private final CudaDevice cuda;
    private final DeviceEvent[] began;
    private final DeviceEvent[] ended;
    private final DeviceEvent origin;
    private long originNanos;

    /** Written by the one thread that queues copies. */
    private volatile int copies;

    Marked(CudaDevice device, int max) {
      super(device);
      String words = System.setProperty(WORDS, "false");
      cuda = device;
      began = new DeviceEvent[max];
      ended = new DeviceEvent[max];
      for (int i = 0; i < max; i++) {
        began[i] = device.newEvent();
        ended[i] = device.newEvent();
      }
      origin = device.newEvent();
      if (words != null) {
        System.setProperty(WORDS, words);
      }
      synchronizeClocks();
    }

    /** The shortest of many tries: the event lies between two looks at the host's clock. */
    private void synchronizeClocks() {
      long shortest = Long.MAX_VALUE;
      try (DeviceStream stream = cuda.newStream()) {
        for (int i = 0; i < 500; i++) {
          long before = System.nanoTime();
          stream.record(origin);
          origin.synchronize();
          long took = System.nanoTime() - before;
          boolean isLast = i >= 300 && took <= shortest;
          shortest = Math.min(shortest, took);
          originNanos = before + took / 2;
          if (isLast) {
            return; // as good as the best of the first
          }
        }
      }
    }

    DeviceStream wrap(DeviceStream stream) {
      return new Stream(stream);
    }

    @Override
    public DeviceStream newStream() {
      return new Stream(inner.newStream());
    }

    @Override
    public DeviceStream defaultStream() {
      return new Stream(inner.defaultStream());
    }

    Result result(long[] asked, long[] got, int from, long[] cpu) {
      int count = asked.length - from;
      double[] length = new double[count];
      double[] delay = new double[count];
      int waited = 0;
      for (int i = from; i < asked.length; i++) {
        double end = originNanos + 1e6 * cuda.elapsedMillis(origin, ended[i]);
        length[i - from] = 1e3 * cuda.elapsedMillis(began[i], ended[i]);
        waited += asked[i] < end ? 1 : 0;
        delay[i - from] = (got[i] - Math.max(end, (double) asked[i])) / 1e3;
      }
      return new Result(
          Estimate.median(length),
          (double) waited / count,
          Arrays.stream(delay).boxed().toList(),
          cpu[0] / 1e3 / count,
          cpu[1] / 1e3 / count);
    }

    @Override
    public void close() {
      origin.close();
      for (int i = 0; i < began.length; i++) {
        began[i].close();
        ended[i].close();
      }
    }

    private final class Stream extends ForwardingStream {

      Stream(DeviceStream inner) {
        super(inner, Marked.this);
      }

      @Override
      public void copyToDevice(
          PinnedBuffer source, long sourceOffset, DeviceBuffer target, long offset, long bytes) {
        int number = copies;
        if (number < began.length) {
          inner.record(began[number]);
          inner.copyToDevice(source, sourceOffset, target, offset, bytes);
          inner.record(ended[number]);
          copies = number + 1;
        } else {
          inner.copyToDevice(source, sourceOffset, target, offset, bytes);
        }
      }
    }
  }
}
