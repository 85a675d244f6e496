package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The same fills through {@link HostArray} and into a plain direct buffer, all of them on a
 * worker's thread within its target, for a {@code HostArray} is good nowhere else. An operation is
 * a row, a bulk, or an element.
 */
public class HostArrayBenchmark {

  private static final int ROW = 185;
  private static final int ROWS = 270;
  private static final int ELEMENTS = ROWS * ROW; // 50k, of a batch that fits a cache

  /** How often the batch is filled in an invocation: for some milliseconds, so a wake is little. */
  private static final int PASSES = 200;

  private interface Fill {
    void run(HostArray array, FloatBuffer plain, float[] source);
  }

  /** A target that runs whatever it is given. */
  @State(Scope.Thread)
  public static class Worker {
    private final float[] source = new float[ELEMENTS];
    private final FloatBuffer plain =
        ByteBuffer.allocateDirect(4 * ELEMENTS + 512) // both ends are aligned
            .alignedSlice(256) // as the loader's memory is
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    private final Device device = HostDevice.open();
    private final BackgroundLoader loader;
    private @Nullable Fill fill;
    private volatile @Nullable RuntimeException failure;
    private boolean ended;

    /** Starts the worker. */
    @SuppressWarnings("this-escape") // JMH extends it, and adds nothing but padding
    public Worker() {
      for (int i = 0; i < ELEMENTS; i++) {
        source[i] = i;
      }
      loader =
          BackgroundLoader.builder(
                  device,
                  BatchSpec.builder().array("data", DType.FLOAT32, ELEMENTS).build(),
                  this::work)
              .start();
    }

    private void work(HostBatch out, BatchContext context) throws InterruptedException {
      HostArray array = out.array(0);
      while (true) {
        Fill next = await();
        if (next == null) {
          return;
        }
        try {
          for (int pass = 0; pass < PASSES; pass++) {
            next.run(array, plain, source);
          }
        } catch (RuntimeException e) {
          failure = e;
        }
        synchronized (this) {
          fill = null;
          notifyAll();
        }
      }
    }

    /** What to run next; null when it has ended. */
    private synchronized @Nullable Fill await() throws InterruptedException {
      while (fill == null && !ended) {
        wait();
      }
      return ended ? null : fill;
    }

    /** On the worker, so many times; back when it is done. */
    private synchronized void run(Fill next) throws InterruptedException {
      fill = next;
      notifyAll();
      while (fill != null) {
        wait();
      }
      RuntimeException thrown = failure;
      if (thrown != null) {
        throw thrown;
      }
    }

    /** Ends the worker. */
    @TearDown
    public void close() {
      synchronized (this) {
        ended = true;
        notifyAll();
      }
      loader.close();
      device.close();
    }
  }

  /** A row of a patch at a time. */
  @Benchmark
  @OperationsPerInvocation(PASSES * ROWS)
  public void rowsHostArray(Worker worker) throws InterruptedException {
    worker.run(
        (array, plain, source) -> {
          for (int row = 0; row < ROWS; row++) {
            array.set(row * ROW, source, row * ROW, ROW);
          }
        });
  }

  /** A row of a patch at a time. */
  @Benchmark
  @OperationsPerInvocation(PASSES * ROWS)
  public void rowsPlain(Worker worker) throws InterruptedException {
    worker.run(
        (array, plain, source) -> {
          for (int row = 0; row < ROWS; row++) {
            plain.put(row * ROW, source, row * ROW, ROW);
          }
        });
  }

  /** All at once. */
  @Benchmark
  @OperationsPerInvocation(PASSES)
  public void bulkHostArray(Worker worker) throws InterruptedException {
    worker.run(
        (array, plain, source) -> {
          array.set(0, source, 0, ELEMENTS);
        });
  }

  /** All at once. */
  @Benchmark
  @OperationsPerInvocation(PASSES)
  public void bulkPlain(Worker worker) throws InterruptedException {
    worker.run(
        (array, plain, source) -> {
          plain.put(0, source, 0, ELEMENTS);
        });
  }

  /** Element by element. */
  @Benchmark
  @OperationsPerInvocation(PASSES * ELEMENTS)
  public void elementsHostArray(Worker worker) throws InterruptedException {
    worker.run(
        (array, plain, source) -> {
          for (int i = 0; i < ELEMENTS; i++) {
            array.setFloat(i, source[i]);
          }
        });
  }

  /** Element by element. */
  @Benchmark
  @OperationsPerInvocation(PASSES * ELEMENTS)
  public void elementsPlain(Worker worker) throws InterruptedException {
    worker.run(
        (array, plain, source) -> {
          for (int i = 0; i < ELEMENTS; i++) {
            plain.put(i, source[i]);
          }
        });
  }
}
