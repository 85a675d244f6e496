package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderStats;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What a consumer's calls cost. An operation is a batch got and given back. */
public class GetBenchmark {

  /** Batches of a ring that is full when the measurement begins. */
  static final int RING = 64;

  /** Long enough for the woken thread to have parked again. */
  private static final long SETTLE_NANOS = 300_000;

  /** All slots ready, the worker held up in its target, the copy thread parked for good. */
  @State(Scope.Thread)
  public static class ReadyRing {
    private final GatedLoader gated = new GatedLoader(RING, 1, RING, false);

    /** A full ring. */
    @Setup(Level.Invocation)
    public void fill() throws InterruptedException {
      gated.go();
      gated.awaitFilled(); // with one host slot: all of them are copied, too
      LockSupport.parkNanos(SETTLE_NANOS);
    }

    /** Ends the loader. */
    @TearDown
    public void close() {
      gated.close();
    }
  }

  /** A usual ring that is full, behind it a copy thread and a worker that wait for room. */
  @State(Scope.Thread)
  public static class FullPipeline {
    private final Device device = HostDevice.open();
    private final BackgroundLoader loader =
        BackgroundLoader.builder(device, GatedLoader.SPEC, (out, context) -> {}).start();

    /** Until all threads are parked. */
    @Setup(Level.Invocation)
    public void settle() {
      LockSupport.parkNanos(SETTLE_NANOS);
    }

    /** Ends the loader. */
    @TearDown
    public void close() {
      loader.close();
      device.close();
    }
  }

  /** The same, left alone. */
  @State(Scope.Thread)
  public static class Idle {
    private final Device device = HostDevice.open();
    private final BackgroundLoader loader =
        BackgroundLoader.builder(device, GatedLoader.SPEC, (out, context) -> {}).start();

    /** Ends the loader. */
    @TearDown
    public void close() {
      loader.close();
      device.close();
    }
  }

  /** What a page of Java has in the place of the ring. */
  @State(Scope.Thread)
  public static class Queues {
    private final BlockingQueue<BufferOutput> ready = new ArrayBlockingQueue<>(RING);
    private final BlockingQueue<BufferOutput> free = new ArrayBlockingQueue<>(RING);

    /** Makes the batches. */
    public Queues() {
      for (int i = 0; i < RING; i++) {
        free.add(new BufferOutput(Shape.SMALL));
      }
    }

    /** A full ring. */
    @Setup(Level.Invocation)
    public void fill() {
      free.drainTo(ready);
      LockSupport.parkNanos(SETTLE_NANOS);
    }
  }

  /** No thread to wake. */
  @Benchmark
  @OperationsPerInvocation(RING)
  public long readyRing(ReadyRing ring) throws Exception {
    return ring.gated.consume();
  }

  /** The same, and both arrays of the batch asked for. */
  @Benchmark
  @OperationsPerInvocation(RING)
  public long readyRingWithArrays(ReadyRing ring) throws Exception {
    long sum = 0;
    for (int i = 0; i < RING; i++) {
      try (DeviceBatch batch = ring.gated.loader.get(GatedLoader.PATIENCE)) {
        sum += batch.array(0).elements() + batch.array(1).elements();
      }
    }
    return sum;
  }

  /** The copy thread is woken, and in its turn wakes the worker. */
  @Benchmark
  public long threadsToWake(FullPipeline pipeline) throws Exception {
    try (DeviceBatch batch = pipeline.loader.get(GatedLoader.PATIENCE)) {
      return batch.index();
    }
  }

  /** A page of Java: one queue to take from, one to give back to. */
  @Benchmark
  @OperationsPerInvocation(RING)
  public long textbookQueues(Queues queues) throws InterruptedException {
    long sum = 0;
    for (int i = 0; i < RING; i++) {
      BufferOutput batch = queues.ready.take();
      sum += batch.bytes.capacity();
      queues.free.put(batch);
    }
    return sum;
  }

  /** A snapshot of the statistics. */
  @Benchmark
  public LoaderStats stats(Idle idle) {
    return idle.loader.stats();
  }
}
