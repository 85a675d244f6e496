package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static io.pentrough.device.cuda.RawCuda.value;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import io.pentrough.device.cuda.RawCuda.Stream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUstreamWaitValue_flags;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the five schedules of the software CUDA driver promise. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverScheduleTest {

  private static final int SIZE = 4096;
  private static final int GEQ = CUstreamWaitValue_flags.CU_STREAM_WAIT_VALUE_GEQ;
  private static final long NEVER = 3_600_000_000L;

  // --- seeded

  @Test
  void theSeedFixesEveryChoice() {
    List<String> first = logOfAProgram(42);
    assertTrue(first.stream().anyMatch(line -> line.startsWith("  runs copyHtoD of stream")));
    assertEquals(first, logOfAProgram(42));
    assertNotEquals(first, logOfAProgram(43));
  }

  private static List<String> logOfAProgram(long seed) {
    CudaSim.reset();
    CudaSim.configure(Schedule.SEEDED, seed);
    try (RawCuda cuda = RawCuda.primary()) {
      randomProgram(cuda, new SplittableRandom(7), 200);
    }
    return CudaSim.log();
  }

  /** Any calls on a few streams, among them host functions and polls. */
  private static void randomProgram(RawCuda cuda, SplittableRandom random, int calls) {
    Stream[] streams = {cuda.stream(), cuda.stream(), cuda.stream(RawCuda.BLOCKING)};
    CUevent[] events = {cuda.event(), cuda.event(), cuda.event(), cuda.event()};
    Memory memory = cuda.memory(SIZE);
    Pinned pinned = cuda.pinned(SIZE, 1);
    for (int i = 0; i < calls; i++) {
      Stream stream = streams[random.nextInt(streams.length)];
      CUevent event = events[random.nextInt(events.length)];
      switch (random.nextInt(7)) {
        case 0 -> ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
        case 1 -> ok(cuMemcpyDtoHAsync(pinned, memory, SIZE, stream));
        case 2 -> ok(cuEventRecord(event, stream));
        case 3 -> ok(cuStreamWaitEvent(stream, event, 0));
        case 4 -> assertTrue(cuEventQuery(event) <= CUDA_ERROR_NOT_READY);
        case 5 -> ok(cuMemsetD8Async(memory, (byte) 1, SIZE, null));
        default -> ok(cuLaunchHostFunc(stream, given -> {}, pinned));
      }
    }
    ok(cuCtxSynchronize());
  }

  @Test
  void pollingAlwaysGetsThere() {
    for (int seed = 0; seed < 200; seed++) {
      CudaSim.configure(Schedule.SEEDED, seed);
      try (RawCuda cuda = RawCuda.primary()) {
        CUevent event = cuda.event();
        ok(cuEventRecord(event, cuda.stream()));
        int polls = 0;
        while (cuEventQuery(event) == CUDA_ERROR_NOT_READY) {
          assertTrue(++polls < 8, CudaSim::configuration);
        }
      }
    }
  }

  /** The driver looks at a word more than once, and the host may write it between two looks. */
  @Test
  void aWordWrittenWhileTheDriverLooksIsNoDeadlock() throws InterruptedException {
    CudaSim.configure(Schedule.SEEDED, 0);
    int rounds = 3_000;
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Pinned pinned = cuda.pinned(Integer.BYTES, 0);
      CUdeviceptr address = new CUdeviceptr();
      ok(cuMemHostGetDevicePointer(address, pinned, 0));
      ByteBuffer word = pinned.bytes().order(ByteOrder.nativeOrder());
      AtomicInteger waitedFor = new AtomicInteger();
      Thread host =
          new Thread(
              () -> {
                var random = new SplittableRandom(1);
                for (int round = 1; round <= rounds; round++) {
                  while (waitedFor.get() < round) {
                    Thread.onSpinWait();
                  }
                  for (int spins = random.nextInt(2_000); spins > 0; spins--) {
                    Thread.onSpinWait();
                  }
                  word.putInt(0, round);
                }
              },
              "host");
      host.start();
      try {
        for (int round = 1; round <= rounds; round++) {
          ok(cuStreamWaitValue32(stream, address, round, GEQ));
          waitedFor.set(round);
          ok(cuStreamSynchronize(stream));
        }
      } finally {
        waitedFor.set(rounds);
        host.join();
      }
    }
  }

  // --- lag

  @Test
  void operationsRunLateUnlessSomebodyWaits() {
    CudaSim.configure(Schedule.LAG, 0);
    CudaSim.lag(NEVER);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Stream other = cuda.stream();
      CUevent event = cuda.event();
      CUevent ofOther = cuda.event();
      ok(cuEventRecord(event, stream));
      ok(cuEventRecord(ofOther, other));
      for (int i = 0; i < 1000; i++) {
        fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
      }
      ok(cuStreamSynchronize(other));
      ok(cuEventQuery(ofOther));
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
      ok(cuStreamWaitEvent(other, event, 0));
      ok(cuStreamSynchronize(other)); // which is to wait for what holds it, too
      ok(cuEventQuery(event));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LAG", "RACE"})
  void lateOperationsRunByThemselvesInTheEnd(Schedule schedule) {
    CudaSim.configure(schedule, 0);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent event = cuda.event();
      long start = System.nanoTime();
      ok(cuEventRecord(event, stream));
      while (cuEventQuery(event) == CUDA_ERROR_NOT_READY) {
        Thread.onSpinWait();
      }
      assertTrue(System.nanoTime() - start >= 2_000_000);
    }
  }

  // --- all of them, many threads

  @ParameterizedTest
  @EnumSource
  void manyThreadsEachSeeWhatTheyWrote(Schedule schedule) throws InterruptedException {
    CudaSim.lag(100);
    CudaSim.configure(schedule, 6);
    try (RawCuda cuda = RawCuda.primary()) {
      List<Thread> threads = new ArrayList<>();
      var failure = new AtomicReference<Throwable>();
      for (int i = 0; i < 4; i++) {
        int number = i;
        Stream[] streams = {cuda.stream(), cuda.stream(i % 2)};
        CUevent[] events = {cuda.event(), cuda.event()};
        Memory memory = cuda.memory(SIZE);
        Pinned[] pinned = {cuda.pinned(SIZE), cuda.pinned(SIZE)};
        Thread thread =
            new Thread(
                () -> {
                  cuda.makeCurrent();
                  for (int round = 0; round < 25; round++) {
                    thereAndBack(streams, events, memory, pinned, 1 + number + 4 * round);
                  }
                },
                "caller-" + i);
        thread.setUncaughtExceptionHandler((t, e) -> failure.compareAndSet(null, e));
        threads.add(thread);
      }
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
      if (failure.get() != null) {
        throw new AssertionError(CudaSim.configuration(), failure.get());
      }
    }
  }

  private static void thereAndBack(
      Stream[] streams, CUevent[] events, Memory memory, Pinned[] pinned, int value) {
    RawCuda.fill(pinned[0], value);
    ok(cuMemcpyHtoDAsync(memory, pinned[0], SIZE, streams[0]));
    ok(cuEventRecord(events[0], streams[0]));
    ok(cuStreamWaitEvent(streams[1], events[0], 0));
    ok(cuMemcpyDtoHAsync(pinned[1], memory, SIZE, streams[1]));
    ok(cuEventRecord(events[1], streams[1]));
    ok(cuStreamWaitEvent(streams[0], events[1], 0));
    if (value % 2 == 0) {
      ok(cuEventSynchronize(events[1]));
    } else {
      while (cuEventQuery(events[1]) == CUDA_ERROR_NOT_READY) {
        Thread.onSpinWait();
      }
    }
    assertEquals(value, value(pinned[1]));
  }
}
