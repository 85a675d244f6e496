package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.DeviceStream;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** What the tests that drive a {@link ScriptedDevice} have in common. */
final class Bench {

  /** For a close that is meant to run into its bound. */
  static final Duration SHORT = Duration.ofMillis(60);

  /** In all thread names, so that no other test's threads are taken for ours. */
  static final String NAME = "bench";

  static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.INT32, 4).build();

  private Bench() {}

  /** Fills each batch with its index, and counts. */
  static final class Numbers implements BatchTarget {
    private final AtomicInteger fills = new AtomicInteger();

    @Override
    public void fill(HostBatch out, BatchContext context) {
      write(out, context);
      fills.incrementAndGet();
    }

    int fills() {
      return fills.get();
    }
  }

  /** Whether all workers have looked for a slot in vain. */
  static boolean workersWait(BackgroundLoader loader) {
    return loader.snapshot().workers().stream()
        .allMatch(worker -> worker.activity() == LoaderSnapshot.Activity.WAITING);
  }

  static void write(HostBatch out, BatchContext context) {
    HostArray x = out.array(0);
    for (int i = 0; i < x.elements(); i++) {
      x.setInt(i, (int) context.index());
    }
  }

  static BackgroundLoader.Builder loader(ScriptedDevice device, BatchTarget target) {
    return BackgroundLoader.builder(device, SPEC, target)
        .name(NAME)
        .closeTimeout(patience().dividedBy(2));
  }

  /** What all elements are, as a kernel sees them. */
  static int number(ByteBuffer bytes) {
    int first = bytes.getInt(0);
    for (int i = 0; i < bytes.limit(); i += Integer.BYTES) {
      assertEquals(first, bytes.getInt(i), "a batch of two numbers");
    }
    return first;
  }

  /** What a batch holds, read on its stream, which must not be held. */
  static int read(DeviceBatch batch) {
    ByteBuffer bytes = ByteBuffer.allocate(16).order(ByteOrder.nativeOrder());
    batch.array(0).copyTo(bytes);
    return number(bytes.flip());
  }

  /** Queues a kernel that reads the batch when it is stepped. */
  static LateReader lateReader(ScriptedDevice device, DeviceBatch batch) {
    LateReader reader = new LateReader();
    device.launch(batch.stream(), batch.array(0).buffer(), bytes -> reader.seen = number(bytes));
    return reader;
  }

  static final class LateReader {
    volatile int seen = -1;
  }

  static DeviceBatch get(BackgroundLoader loader) throws Exception {
    return loader.get(patience());
  }

  static DeviceBatch get(BackgroundLoader loader, DeviceStream stream) throws Exception {
    return loader.get(stream, patience());
  }

  /** Everything given back, no thread left, and nothing done that must not be done. */
  static void assertAllGone(ScriptedDevice device) {
    Patience.until("nothing is live but " + device.live(), () -> device.live().isEmpty());
    assertNoThreads();
    assertEquals(List.of(), device.violations());
  }

  static void assertNoThreads() {
    Patience.until("the loader's threads have ended", () -> threads().isEmpty());
  }

  static List<Thread> threads() {
    return Threads.of(NAME);
  }
}
