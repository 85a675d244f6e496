package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.Jvm;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("LockNotBeforeTry") // whoever is left waiting is a daemon
class ThreadUsageTest {

  private static final BatchSpec SPEC = BatchSpec.builder().array("number", DType.INT64, 1).build();

  @Test
  void aRunningLoadersThreadsAreKnown() throws Exception {
    BackgroundLoader closed;
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, SPEC, (out, context) -> out.array(0).setLong(0, 1))
                .workers(2)
                .start()) {
      closed = loader;
      assertNull(usage(loader).unknown());
      assertEquals(ThreadUsage.UNKNOWN_NANOS, usage(loader).consumerNanos(), "there is none yet");
      loader.get().close();
      assertTrue(usage(loader).workersNanos() > 0);
      assertTrue(usage(loader).consumerNanos() > 0, "this thread has computed");

      Caller.run(() -> loader.get().close()).result();
      assertEquals(ThreadUsage.UNKNOWN_NANOS, usage(loader).consumerNanos(), "there are two");
      assertNull(usage(loader).unknown());
    }
    assertEquals("a worker has not started, or has ended", usage(closed).unknown());
  }

  private static ThreadUsage usage(BackgroundLoader loader) {
    return loader.stats().threads();
  }

  @Test
  void whoWaitsForALockIsSeen() throws Exception {
    Object monitor = new Object();
    ReentrantLock lock = new ReentrantLock();
    CountDownLatch end = new CountDownLatch(1);
    Caller<Boolean> onMonitor;
    Caller<Boolean> onLock;
    Caller<Boolean> elsewhere;
    synchronized (monitor) {
      lock.lock();
      onMonitor = Caller.run(() -> waitFor(monitor));
      onLock = Caller.run(() -> waitFor(lock)).untilWaiting();
      elsewhere = Caller.run(() -> Patience.await(end)).untilWaiting();
      Thread blocked = onMonitor.thread;
      Patience.until("it is blocked", () -> blocked.getState() == Thread.State.BLOCKED);
      long[] ids = {blocked.getId(), onLock.thread.getId(), elsewhere.thread.getId()};
      ThreadUsage usage = ThreadUsage.read(ids, ThreadUsage.NO_THREAD);
      assertNull(usage.unknown());
      assertEquals(2, usage.waiting());
      assertTrue(usage.blocked() >= 1);
      lock.unlock();
    }
    end.countDown();
    onMonitor.result();
    onLock.result();
    elsewhere.result();
  }

  private static void waitFor(Object monitor) {
    synchronized (monitor) {
      assertTrue(Thread.holdsLock(monitor));
    }
  }

  private static void waitFor(ReentrantLock lock) {
    lock.lock();
    lock.unlock();
  }

  @Test
  void aMeasurementThatIsTurnedOffIsNamed() {
    ThreadMXBean bean = ManagementFactory.getThreadMXBean();
    long[] self = {Thread.currentThread().getId()};
    bean.setThreadCpuTimeEnabled(false);
    try {
      ThreadUsage usage = ThreadUsage.read(self, ThreadUsage.NO_THREAD);
      assertEquals("its measurement is turned off", usage.unknown());
    } finally {
      bean.setThreadCpuTimeEnabled(true);
    }
  }

  @Test
  void withoutTheModuleTheSentencesSaySo(@TempDir Path folder) throws Exception {
    List<String> lines =
        new Jvm(folder)
            .withoutDriver()
            .flags("--limit-modules", "java.base")
            .start(Slow.class)
            .said();
    String said = String.join("\n", lines);
    assertTrue(said.contains("the module java.management is not there"), said);
  }

  /** A program whose target is slow, on a JVM without that module. */
  static final class Slow {
    public static void main(String[] args) throws InterruptedException {
      try (HostDevice device = HostDevice.open();
          BackgroundLoader loader =
              BackgroundLoader.builder(
                      device,
                      SPEC,
                      (out, context) -> {
                        out.array(0).setLong(0, 1);
                        LockSupport.parkNanos(5_000_000);
                      })
                  .start()) {
        for (int i = 0; i < 20; i++) {
          loader.get().close();
        }
        System.out.println(loader.stats());
        System.out.println(ThreadUsage.read(new long[] {1}, ThreadUsage.NO_THREAD).unknown());
      }
    }
  }
}
