package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.CudaWork.check;
import static io.pentrough.testkit.Patience.patience;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderClosedException;
import io.pentrough.device.Collected;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Level;
import java.util.logging.Logger;
import jcuda.driver.CUcontext;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many streams, threads, loaders and contexts at once; what is closed in an unusual order. */
@OnCuda
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaSharedUseTest {

  private static final Logger LOG = Logger.getLogger("io.pentrough");

  /** What a kernel on the batch's stream has seen, once the stream has come that far. */
  private record Look(long index, PinnedBuffer seen) {

    static Look at(CudaDevice device, DeviceBatch batch) {
      DeviceBuffer numbers = batch.array("number").buffer();
      PinnedBuffer seen = device.allocatePinned(numbers.bytes());
      batch.stream().copyToHost(numbers, 0, seen, 0, numbers.bytes());
      return new Look(batch.index(), seen);
    }

    void check() {
      ByteBuffer bytes = seen.unsafeBuffer();
      while (bytes.hasRemaining()) {
        assertEquals(index, bytes.getLong());
      }
      seen.close();
    }
  }

  @Test
  @DisplayName(
      "I2, I4: any order of get, getQueued, reset and close on more streams than a slot knows")
  void manyStreams() throws Exception {
    try (CudaDevice device = CudaDevice.open(0)) {
      List<DeviceStream> streams = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        streams.add(device.newStream());
      }
      for (boolean unordered : new boolean[] {false, true}) {
        BackgroundLoader.Builder builder = Session.loader(device).deviceSlots(3);
        List<Look> looks = new ArrayList<>();
        try (BackgroundLoader loader = (unordered ? builder.ordered(false) : builder).start()) {
          takeAtRandom(device, streams, loader, looks);
        }
        streams.forEach(DeviceStream::synchronize);
        looks.forEach(Look::check);
        Set<Long> indexes = new HashSet<>();
        looks.forEach(look -> assertTrue(indexes.add(look.index), "delivered twice"));
      }
      streams.forEach(DeviceStream::close);
    }
  }

  private static void takeAtRandom(
      CudaDevice device, List<DeviceStream> streams, BackgroundLoader loader, List<Look> looks)
      throws Exception {
    Random random = new Random(4);
    Deque<DeviceBatch> open = new ArrayDeque<>();
    for (int i = 0; i < 60; i++) {
      DeviceStream stream = streams.get(random.nextInt(streams.size()));
      Duration patience = random.nextInt(3) == 0 ? Duration.ZERO : patience();
      try {
        open.add(
            random.nextInt(4) == 0
                ? loader.get(stream, patience)
                : loader.getQueued(stream, patience));
        looks.add(Look.at(device, open.getLast()));
      } catch (BatchTimeoutException e) {
        // nothing was there yet
      }
      if (random.nextInt(5) == 0) {
        loader.reset();
      }
      while (open.size() > random.nextInt(3)) {
        (random.nextBoolean() ? open.removeFirst() : open.removeLast()).close();
      }
    }
    open.forEach(DeviceBatch::close);
  }

  @Test
  @DisplayName("threads take queued batches while the loader is reset and closed")
  void manyThreads() throws Exception {
    try (CudaDevice device = CudaDevice.open(0)) {
      BackgroundLoader loader = Session.loader(device).deviceSlots(4).start();
      List<Caller<Void>> consumers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Caller<Void> consumer =
            Caller.start(
                () -> {
                  try (DeviceStream stream = device.newStream()) {
                    while (true) {
                      try (DeviceBatch batch = loader.getQueued(stream, patience())) {
                        assertEquals(batch.index(), Session.numberOf(batch));
                      }
                    }
                  } catch (LoaderClosedException e) {
                    return null;
                  }
                });
        consumers.add(consumer);
      }
      Patience.until("20 batches are taken", () -> loader.stats().batches() >= 20);
      loader.reset();
      Patience.until("40 batches are taken", () -> loader.stats().batches() >= 40);
      loader.close();
      for (Caller<Void> consumer : consumers) {
        consumer.result();
      }
    }
  }

  @Test
  @DisplayName("a batch taken early counts as the first one ready once its copy has run")
  void theFirstBatchReady() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream()) {
      BackgroundLoader loader =
          Session.loader(device).hostSlots(1).deviceSlots(1).consumerStream(stream).start();
      loader.getQueued(stream, patience()).close();
      loader.close();
      assertTrue(loader.stats().timeToFirstBatch().isPresent(), loader.stats()::toString);
    }
  }

  @Test
  @DisplayName("I7: leases outlive the loader and the device, in a context of the application")
  void leasesOutliveEverything() throws Exception {
    CUcontext own = CudaWork.newContext(0);
    CudaDevice device = CudaDevice.attach(own);
    LOG.setLevel(Level.OFF);
    try {
      BackgroundLoader loader = Session.loader(device).closeTimeout(Duration.ofMillis(50)).start();
      Caller<DeviceBatch> elsewhere = Caller.start(() -> loader.get(patience()));
      DeviceBatch theirs = elsewhere.result();
      DeviceBatch ours = loader.getQueued(device.defaultStream(), patience());
      loader.close();
      device.close();
      for (DeviceBatch batch : List.of(ours, theirs)) {
        assertEquals(batch.index(), Session.numberOf(batch));
        batch.close();
      }
    } finally {
      LOG.setLevel(null);
    }
    Patience.until(
        "the copy thread has freed the rest", () -> device.liveResources().handles() == 0);
    check(cuCtxDestroy(own));
  }

  @Test
  @DisplayName("a loader that was forgotten gives everything back")
  void aForgottenLoader() throws Exception {
    LOG.setLevel(Level.OFF);
    try (CudaDevice device = CudaDevice.open(0)) {
      Caller<Void> forgetful =
          Caller.start(
              () -> {
                BackgroundLoader loader = Session.loader(device).start();
                loader.getQueued(device.defaultStream(), patience()).close();
                return null;
              });
      forgetful.result();
      Patience.join(forgetful.thread);
      // A worker that comes late may still be binding itself, which keeps the context for that
      // long.
      Collected.until(
          "its context is given back",
          () -> device.liveResources().handles() == 0 && Threads.of("session-").isEmpty());
    } finally {
      LOG.setLevel(null);
    }
  }

  @Test
  @DisplayName("a target may work with CUDA, on another device too")
  void aTargetWorksWithCuda() throws Exception {
    int other = CudaDevice.list().size() - 1;
    try (CudaDevice device = CudaDevice.open(0);
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    Session.SPEC,
                    (out, context) -> {
                      long number = roundTrip(device, context.index());
                      try (CudaDevice another = CudaDevice.open(other)) {
                        number = roundTrip(device, roundTrip(another, number));
                      }
                      for (int i = 0; i < out.array(0).elements(); i++) {
                        out.array(0).setLong(i, number);
                      }
                    })
                .workers(2)
                .start()) {
      for (int i = 0; i < 8; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(i, Session.numberOf(batch));
        }
      }
    }
  }

  private static long roundTrip(CudaDevice device, long number) {
    try (DeviceStream stream = device.newStream();
        PinnedBuffer pinned = device.allocatePinned(Long.BYTES);
        DeviceBuffer buffer = device.allocate(Long.BYTES)) {
      pinned.unsafeBuffer().putLong(0, number);
      stream.copyToDevice(pinned, 0, buffer, 0, Long.BYTES);
      ByteBuffer back = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
      stream.read(buffer, back);
      return back.getLong(0);
    }
  }

  @Test
  @DisplayName("a batch of no bytes at all is a batch")
  void emptyBatches() throws Exception {
    BatchSpec spec = BatchSpec.builder().variableArray("rows", DType.UINT8, 100).build();
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec, (out, context) -> out.array(0).resize((int) context.index() % 2))
                .consumerStream(stream)
                .start()) {
      for (int i = 0; i < 12; i++) {
        try (DeviceBatch batch =
            i % 4 < 2 ? loader.getQueued(stream, patience()) : loader.get(patience())) {
          ByteBuffer rows = ByteBuffer.allocate(100);
          batch.array(0).copyTo(rows);
          assertEquals(i % 2, rows.position());
          assertEquals(i % 2, batch.array(0).elements());
        }
      }
    }
  }

  @Test
  @DisplayName("mapped slots, by both doors")
  void mappedSlots() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader = Session.loader(device).zeroCopy(true).start()) {
      List<Look> looks = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        try (DeviceBatch batch =
            i % 2 == 0 ? loader.getQueued(stream, patience()) : loader.get(stream, patience())) {
          assertEquals(i, batch.index());
          looks.add(Look.at(device, batch));
        }
        if (i == 9) {
          loader.reset();
        }
      }
      stream.synchronize();
      looks.forEach(Look::check);
    }
  }

  @Test
  @DisplayName("interrupts cost nobody a batch: not a caller's, nor one at a thread of the loader")
  void interrupts() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader = Session.loader(device).name("poked").start()) {
      for (int i = 0; i < 10; i++) {
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, () -> loader.getQueued(stream, patience()));
        Threads.of("poked-copy").forEach(Thread::interrupt);
        try (DeviceBatch batch = loader.getQueued(stream, patience())) {
          assertEquals(i, Session.numberOf(batch));
        }
      }
    }
  }

  @Test
  @DisplayName(
      "a stream or an event closed by one thread: the others get an exception, or all of it")
  void closedUnderUse() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        PinnedBuffer pinned = device.allocatePinned(64);
        DeviceBuffer buffer = device.allocate(64)) {
      for (int round = 0; round < 20; round++) {
        DeviceStream stream = device.newStream();
        DeviceEvent event = device.newEvent();
        stream.record(event);
        CountDownLatch inUse = new CountDownLatch(5);
        List<Throwable> ends = Collections.synchronizedList(new ArrayList<>());
        List<Thread> users = new ArrayList<>();
        for (Runnable use :
            List.<Runnable>of(
                () -> stream.copyToDevice(pinned, 0, buffer, 0, 64),
                () -> stream.record(event),
                () -> stream.waitFor(event),
                event::synchronize,
                stream::synchronize)) {
          Thread user = new Thread(() -> ends.add(endOf(use, inUse)));
          user.start();
          users.add(user);
        }
        inUse.await();
        (round % 2 == 0 ? stream : event).close();
        (round % 2 == 0 ? event : stream).close();
        for (Thread user : users) {
          user.join();
        }
        CudaWork.inContext(device, () -> check(cuCtxSynchronize())); // a closed stream runs on
        assertEquals(users.size(), ends.size());
        ends.forEach(
            end -> assertEquals(IllegalStateException.class, end.getClass(), end::toString));
      }
    }
  }

  private static Throwable endOf(Runnable use, CountDownLatch used) {
    try {
      while (true) {
        use.run();
        used.countDown();
      }
    } catch (Throwable t) {
      return t;
    }
  }
}
