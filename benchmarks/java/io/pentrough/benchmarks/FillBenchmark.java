package io.pentrough.benchmarks;

import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What a worker pays for a batch besides its target: the slot handed on, the next one claimed. An
 * operation is a batch.
 */
public class FillBenchmark {

  private static final int BURST = 256;

  /** Room for a burst; waking the worker, and the caller, is spread over it. */
  @State(Scope.Thread)
  public static class Copied {
    private final GatedLoader gated;

    /** Starts the loader. */
    public Copied() {
      this(new GatedLoader(BURST, BURST + 1, 1, false));
    }

    private Copied(GatedLoader gated) {
      this.gated = gated;
    }

    /** Empties the rings of what the last invocation has left there. */
    @TearDown(Level.Invocation)
    public void drain() throws Exception {
      gated.consume();
      LockSupport.parkNanos(300_000);
    }

    /** Ends the loader. */
    @TearDown
    public void close() {
      gated.close();
    }

    long burst() throws InterruptedException {
      gated.go();
      gated.awaitFilled();
      return BURST;
    }
  }

  /** The same without a copy: the slot is ready when the target returns. */
  @State(Scope.Thread)
  public static class ZeroCopy extends Copied {

    /** Starts the loader. */
    public ZeroCopy() {
      super(new GatedLoader(BURST, BURST + 1, 1, true));
    }
  }

  /** The copy thread is signalled for each batch; it has room for one of them. */
  @Benchmark
  @OperationsPerInvocation(BURST)
  public long fillCopied(Copied loader) throws InterruptedException {
    return loader.burst();
  }

  /** Without a copy. */
  @Benchmark
  @OperationsPerInvocation(BURST)
  public long fillZeroCopy(ZeroCopy loader) throws InterruptedException {
    return loader.burst();
  }
}
