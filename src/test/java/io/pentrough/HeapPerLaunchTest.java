package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestKernels;
import io.pentrough.testkit.Threads;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** I6: no Java heap per launch, neither where it is queued nor where it runs. */
@OnEveryDevice(everySchedule = false) // it takes very many launches
class HeapPerLaunchTest {

  private static final int WARM_UP = 3_000;
  private static final int LAUNCHES = TestDevice.IS_CUDA ? 2_500 : 10_000;

  /**
   * So many tries to see a round without a single byte. What is allocated once in {@link #LAUNCHES}
   * launches, or more often, is in every one of them. What the JVM does once is not: as the just in
   * time compiler takes a method on, it makes all strings in its class's constants, on the thread
   * that happens to launch; up to 3 KB a class, seen neither in the interpreter nor with {@code
   * -XX:TieredStopAtLevel=3}.
   */
  private static final int ROUNDS = 20;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Tests may have left devices, whose threads these are. */
  private final Set<Thread> before = Set.copyOf(Threads.of(""));

  private final Device device = TestDevice.open();

  @Test
  @DisplayName("I6: arguments of all kinds, set anew, of changing memory: no heap")
  void aLaunchAllocatesNothing() {
    try (DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceStream stream = device.newStream();
        DeviceBuffer whole = device.allocate(4096);
        DeviceBuffer out = device.allocate(64);
        DeviceKernel saxpy = module.kernel("saxpy");
        DeviceKernel arguments = module.kernel("arguments");
        DeviceKernel nothing = module.kernel("nothing")) {
      DeviceBuffer[] parts = new DeviceBuffer[3]; // as slots come round: no power of two
      for (int i = 0; i < parts.length; i++) {
        parts[i] = whole.slice(512L * (i + 1), 256, () -> {});
      }
      launch(saxpy, arguments, nothing, stream, parts, out, WARM_UP);
      long[] library = libraryThreads();
      long id = Thread.currentThread().getId();
      List<String> seen = new ArrayList<>();
      boolean ownIsQuiet = false;
      boolean libraryIsQuiet = false;
      while (!(ownIsQuiet && libraryIsQuiet)) {
        assertTrue(
            seen.size() < ROUNDS,
            () -> "bytes for " + LAUNCHES + " launches, here and on the stream's thread: " + seen);
        long libraryBefore = allocated(library);
        long before = threads.getThreadAllocatedBytes(id);
        launch(saxpy, arguments, nothing, stream, parts, out, LAUNCHES);
        long own = threads.getThreadAllocatedBytes(id) - before;
        long librarys = allocated(library) - libraryBefore;
        seen.add(own + " and " + librarys);
        ownIsQuiet |= own == 0;
        libraryIsQuiet |= librarys == 0;
      }
      assertEquals(TestDevice.IS_CUDA ? 0 : 1, library.length, "the host's stream");
    }
  }

  private static void launch(
      DeviceKernel saxpy,
      DeviceKernel arguments,
      DeviceKernel nothing,
      DeviceStream stream,
      DeviceBuffer[] parts,
      DeviceBuffer out,
      int launches) {
    for (int i = 0; i < launches; i += 3) {
      saxpy
          .setInt(0, 1)
          .setFloat(1, i)
          .set(2, parts[i % 3])
          .set(3, parts[(i + 1) % 3])
          .cover(1, 32)
          .launch(stream);
      arguments
          .setInt(0, i)
          .setLong(1, i)
          .setFloat(2, i)
          .setDouble(3, i)
          .set(4, parts[i % 3])
          .set(5, out)
          .cover(1, 1)
          .launch(stream);
      nothing
          .cover(1, 1)
          .launch(stream); // three kernels: each comes to each place of the host's queue
      if (i % 8 == 0) {
        stream.synchronize(); // else the host's queue would have to grow
      }
    }
    stream.synchronize();
  }

  private long[] libraryThreads() {
    return Threads.of("").stream()
        .filter(thread -> !before.contains(thread))
        .mapToLong(Thread::getId)
        .toArray();
  }

  private long allocated(long[] ids) {
    long[] bytes = threads.getThreadAllocatedBytes(ids);
    assertTrue(Arrays.stream(bytes).allMatch(b -> b >= 0), "a thread has ended");
    return Arrays.stream(bytes).sum();
  }
}
