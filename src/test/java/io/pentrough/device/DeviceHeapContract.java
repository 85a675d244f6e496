package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.pentrough.testkit.Threads;
import java.lang.management.ManagementFactory;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/**
 * The contract of a device that loaders run on in earnest: it also takes no Java heap per operation
 * (I6). This is apart from {@link DeviceContract} because it means nothing for a device of the
 * tests that writes every call down.
 */
public abstract class DeviceHeapContract extends DeviceContract {

  /**
   * What the JVM may allocate on a thread for reasons of its own, however often the test repeats.
   */
  private static final int ONCE = 4_096;

  @Test
  void aSliceTakesAtMost40BytesOfHeap() {
    DeviceBuffer buffer = buffer(64);
    DeviceBuffer[] kept = new DeviceBuffer[10_000];
    long bytes =
        allocatedBy(
            () -> {
              for (int i = 0; i < kept.length; i++) {
                kept[i] = buffer.slice(i & 31, 32, OPEN);
              }
            });
    assertTrue(bytes <= 41L * kept.length, bytes + " bytes for " + kept.length + " slices");
  }

  @Test
  void operationsAllocateNoHeap() {
    DeviceStream first = stream();
    DeviceStream second = stream();
    DeviceEvent event = event();
    DeviceEvent done = event();
    PinnedBuffer pinned = pinned(1, 2, 3, 4);
    DeviceBuffer buffer = buffer(4);
    int rounds = Math.max(300, effort(4_000)); // an object is 16 bytes or more
    long bytes =
        allocatedBy(
            () -> {
              for (int i = 0; i < rounds; i++) {
                first.fillZero(buffer, 0, 4);
                first.copyToDevice(pinned, 0, buffer, 0, 4);
                first.record(event);
                second.waitFor(event);
                second.copyToHost(buffer, 0, pinned, 0, 4);
                second.record(done);
                while (!done.isComplete()) {
                  done.park(AN_HOUR);
                }
                first.waitFor(done);
                first.record(event);
                event.synchronize();
                second.synchronize();
              }
            });
    assertTrue(bytes < rounds + ONCE, bytes + " bytes in " + rounds + " rounds");
  }

  @Test
  void parkingInVainAllocatesNoHeap() {
    DeviceStream stream = stream();
    DeviceEvent event = event();
    hold(stream);
    stream.record(event);
    int rounds = 500;
    long bytes =
        allocatedBy(
            () -> {
              for (int i = 0; i < rounds; i++) {
                event.park(1);
              }
            });
    assertTrue(bytes < rounds + ONCE, bytes + " bytes in " + rounds + " rounds");
  }

  /**
   * Heap taken by a run behind the first, on the calling thread and all of the library's: the least
   * of three, since whatever the JVM does once may happen in any of them.
   */
  protected static long allocatedBy(Runnable work) {
    work.run();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] ids =
        LongStream.concat(
                LongStream.of(Thread.currentThread().getId()),
                Threads.of("").stream().mapToLong(Thread::getId))
            .toArray();
    long least = Long.MAX_VALUE;
    for (int run = 0; run < 3; run++) {
      long before = LongStream.of(threads.getThreadAllocatedBytes(ids)).sum();
      work.run();
      long after = LongStream.of(threads.getThreadAllocatedBytes(ids)).sum();
      least = Math.min(least, after - before);
    }
    return least;
  }
}
