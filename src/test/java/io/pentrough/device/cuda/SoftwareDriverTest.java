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
import io.pentrough.testkit.Patience;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Streams, events and words of the software CUDA driver: each rule fires, and only when broken. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverTest {

  private static final int SIZE = 8192;

  // --- order

  @ParameterizedTest
  @EnumSource
  void oneStreamKeepsItsOrder(Schedule schedule) {
    CudaSim.configure(schedule, 1);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(SIZE);
      Pinned first = cuda.pinned(SIZE, 1);
      Pinned second = cuda.pinned(SIZE, 2);
      Pinned between = cuda.pinned(SIZE);
      Pinned end = cuda.pinned(SIZE);

      ok(cuMemcpyHtoDAsync(memory, first, SIZE, stream));
      ok(cuMemcpyDtoHAsync(between, memory, SIZE, stream));
      ok(cuMemcpyHtoDAsync(memory, second, SIZE, stream));
      ok(cuMemsetD8Async(memory.withByteOffset(SIZE / 2), (byte) 2, SIZE / 2, stream));
      ok(cuMemcpyDtoHAsync(end, memory, SIZE, stream));
      ok(cuStreamSynchronize(stream));

      assertEquals(1, value(between));
      assertEquals(2, value(end));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aStreamThatWaitsForAnEventSeesWhatWasBeforeIt(Schedule schedule) {
    for (int seed = 0; seed < 20; seed++) {
      CudaSim.configure(schedule, seed);
      assertTrue(secondStreamSeesTheFirst(true), CudaSim::configuration);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SEEDED", "LAG"})
  void aMissingWaitIsNoticed(Schedule schedule) {
    CudaSim.lag(3_600_000_000L); // an hour: in the lag schedule nothing runs by itself
    int noticed = 0;
    for (int seed = 0; seed < 20; seed++) {
      CudaSim.configure(schedule, seed);
      noticed += secondStreamSeesTheFirst(false) ? 0 : 1;
    }
    assertTrue(noticed >= (schedule == Schedule.LAG ? 20 : 8), "noticed in " + noticed);
  }

  private static boolean secondStreamSeesTheFirst(boolean wait) {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream first = cuda.stream();
      Stream second = cuda.stream();
      CUevent copied = cuda.event();
      Memory memory = cuda.memory(SIZE);
      Pinned source = cuda.pinned(SIZE, 7);
      Pinned target = cuda.pinned(SIZE);

      ok(cuMemcpyHtoDAsync(memory, source, SIZE, first));
      ok(cuEventRecord(copied, first));
      if (wait) {
        ok(cuStreamWaitEvent(second, copied, 0));
      }
      ok(cuMemcpyDtoHAsync(target, memory, SIZE, second));
      ok(cuStreamSynchronize(second));
      boolean seen = value(target) == 7;
      ok(cuStreamSynchronize(first));
      return seen;
    }
  }

  // --- the legacy default stream

  @ParameterizedTest
  @EnumSource
  void theDefaultStreamWaitsForBlockingStreams(Schedule schedule) {
    CudaSim.configure(schedule, 2);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream blocking = cuda.stream(RawCuda.BLOCKING);
      CUevent inDefault = cuda.event();

      gate.hold(blocking);
      ok(cuEventRecord(inDefault, null));
      CudaSim.settle(0);
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(inDefault));
      gate.open();
      ok(cuEventSynchronize(inDefault));
    }
  }

  @ParameterizedTest
  @EnumSource
  void blockingStreamsWaitForTheDefaultStreamAndOthersDoNot(Schedule schedule) {
    CudaSim.configure(schedule, 3);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream blocking = cuda.stream(RawCuda.BLOCKING);
      Stream other = cuda.stream(RawCuda.NON_BLOCKING);
      CUevent inBlocking = cuda.event();
      CUevent inOther = cuda.event();

      gate.hold(CU_STREAM_LEGACY);
      ok(cuEventRecord(inBlocking, blocking));
      ok(cuEventRecord(inOther, other));
      ok(cuEventSynchronize(inOther));
      CudaSim.settle(blocking.handle());
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(inBlocking));
      gate.open();
      ok(cuEventSynchronize(inBlocking));
    }
  }

  @ParameterizedTest
  @EnumSource
  void theDefaultStreamDoesNotWaitForOthers(Schedule schedule) {
    CudaSim.configure(schedule, 4);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream other = cuda.stream(RawCuda.NON_BLOCKING);
      CUevent inDefault = cuda.event();

      gate.hold(other);
      ok(cuEventRecord(inDefault, null));
      ok(cuEventSynchronize(inDefault));
      gate.open();
      ok(cuStreamSynchronize(other));
    }
  }

  @Test
  void thePerThreadStreamIsAnotherInEachThread() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      CUstream perThread = CU_STREAM_PER_THREAD;
      var gate = cuda.gate();
      CUevent here = cuda.event();
      CUevent there = cuda.event();

      gate.hold(perThread);
      ok(cuEventRecord(here, perThread));
      inThread(
          () -> {
            cuda.makeCurrent();
            ok(cuEventRecord(there, perThread));
            ok(cuEventSynchronize(there));
          });
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(here));
      gate.open();
      ok(cuEventSynchronize(here));
    }
  }

  // --- events

  @ParameterizedTest
  @EnumSource
  void anEventIsPendingUntilItsMarkIsReached(Schedule schedule) {
    CudaSim.configure(schedule, 5);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream stream = cuda.stream();
      CUevent event = cuda.event();

      ok(cuEventQuery(event)); // never recorded counts as complete
      ok(cuEventSynchronize(event));
      gate.hold(stream);
      ok(cuEventRecord(event, stream));
      CudaSim.settle(stream.handle());
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
      fails(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
      gate.open();
      poll(() -> cuEventQuery(event) == CUDA_SUCCESS);
      poll(() -> cuStreamQuery(stream) == CUDA_SUCCESS);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aWaitIsForTheMarkAsOfTheCall(Schedule schedule) {
    CudaSim.configure(schedule, 6);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream first = cuda.stream();
      Stream second = cuda.stream();
      CUevent event = cuda.event();
      CUevent waited = cuda.event();

      ok(cuStreamWaitEvent(second, event, 0)); // never recorded: holds up nothing
      ok(cuEventRecord(event, first));
      ok(cuStreamWaitEvent(second, event, 0));
      gate.hold(first);
      ok(cuEventRecord(event, first)); // a new mark, behind the gate
      ok(cuEventRecord(waited, second));
      ok(cuEventSynchronize(waited));
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));

      ok(cuStreamWaitEvent(second, event, 0));
      ok(cuEventRecord(waited, second));
      CudaSim.settle(second.handle());
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(waited));
      gate.open();
      ok(cuEventSynchronize(waited));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDestroyedEventStillHoldsThoseThatWaitForIt(Schedule schedule) {
    CudaSim.configure(schedule, 7);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream first = cuda.stream();
      Stream second = cuda.stream();
      CUevent waited = cuda.event();
      CUevent event = new CUevent();
      ok(cuEventCreate(event, RawCuda.NO_TIMING));

      gate.hold(first);
      ok(cuEventRecord(event, first));
      ok(cuStreamWaitEvent(second, event, 0));
      ok(cuEventDestroy(event));
      ok(cuEventRecord(waited, second));
      CudaSim.settle(second.handle());
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(waited));
      gate.open();
      ok(cuEventSynchronize(waited));
    }
  }

  @Test
  void onlyEventsWithTimingTellTimes() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent start = cuda.event(0);
      CUevent end = cuda.event(0);
      CUevent untimed = cuda.event(RawCuda.NO_TIMING);
      float[] milliseconds = {-1};

      fails(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(milliseconds, start, end));
      for (CUevent event : List.of(start, untimed, end)) {
        ok(cuEventRecord(event, stream));
      }
      ok(cuStreamSynchronize(stream));
      ok(cuEventElapsedTime(milliseconds, start, end));
      assertTrue(milliseconds[0] >= 0);
      fails(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(milliseconds, start, untimed));
    }
  }

  // --- handles

  @Test
  void deadAndWrongHandlesAreRefusedAndReported() {
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.makeCurrent();
      CUevent event = new CUevent();
      CUstream stream = new CUstream();
      ok(cuEventCreate(event, 0));
      ok(cuStreamCreate(stream, 0));
      ok(cuEventRecord(event, stream));
      ok(cuEventDestroy(event));
      fails(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(event));
      fails(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy(event));
      ok(cuStreamDestroy(stream));
      fails(CUDA_ERROR_INVALID_HANDLE, cuStreamQuery(stream));
      fails(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy(stream));
      assertEquals(
          List.of(
              "use of event 1 after it was destroyed",
              "use of event 1 after it was destroyed",
              "use of stream 1 after it was destroyed",
              "use of stream 1 after it was destroyed"),
          CudaSim.violations());
      fails(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(new CUevent()));
      assertEquals(List.of("0x0 is no event"), CudaSim.violations());
      fails(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy(null));
      assertEquals(List.of("cuStreamDestroy of a default stream"), CudaSim.violations());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDestroyedStreamStillRunsWhatWasQueued(Schedule schedule) {
    CudaSim.configure(schedule, 8);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      CUevent event = cuda.event();
      Memory memory = cuda.memory(SIZE);
      Pinned source = cuda.pinned(SIZE, 9);
      Pinned target = cuda.pinned(SIZE);
      CUstream stream = new CUstream();
      ok(cuStreamCreate(stream, RawCuda.NON_BLOCKING));

      gate.hold(stream);
      ok(cuMemcpyHtoDAsync(memory, source, SIZE, stream));
      ok(cuMemcpyDtoHAsync(target, memory, SIZE, stream));
      ok(cuEventRecord(event, stream));
      ok(cuStreamDestroy(stream)); // does not wait for the gate
      assertEquals(0, CudaSim.live().streams());
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
      gate.open();
      ok(cuEventSynchronize(event));
      assertEquals(9, value(target));
    }
  }

  // --- words

  @ParameterizedTest
  @EnumSource
  void aWordHoldsTheStreamUntilItHasTheValue(Schedule schedule) {
    CudaSim.configure(schedule, 9);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent event = cuda.event();
      Pinned word = cuda.pinned(4, 0);
      CUdeviceptr address = new CUdeviceptr();
      ok(cuMemHostGetDevicePointer(address, word, 0));
      // condition, what the stream waits for, a word that holds it, one that lets it go on
      int[][] cases = {{0, 5, 4, 6}, {1, 5, 6, 5}, {2, 4, 3, 5}, {3, 0xff, -1, 0xff}};
      for (int[] c : cases) {
        word.bytes().order(java.nio.ByteOrder.nativeOrder()).putInt(0, c[2]);
        ok(cuStreamWaitValue32(stream, address, c[1], c[0]));
        ok(cuEventRecord(event, stream));
        CudaSim.settle(stream.handle());
        fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
        word.bytes().putInt(0, c[3]);
        ok(cuEventSynchronize(event));
      }
      ok(cuStreamWriteValue32(stream, address, 77, 0));
      ok(cuStreamSynchronize(stream));
      assertEquals(77, word.bytes().getInt(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aThreadThatSynchronisesGoesOnWhenAnotherOpensTheGate(Schedule schedule)
      throws InterruptedException {
    CudaSim.configure(schedule, 10);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream stream = cuda.stream();
      gate.hold(stream);
      Thread opener = new Thread(gate::open, "opener");
      opener.start();
      ok(cuStreamSynchronize(stream));
      opener.join();
      assertEquals(CUDA_SUCCESS, cuStreamQuery(stream));
    }
  }

  @ParameterizedTest
  @EnumSource
  void settlingReturnsWhenAStreamDependsOnAGate(Schedule schedule) {
    CudaSim.configure(schedule, 11);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream held = cuda.stream();
      Stream waiting = cuda.stream();
      Stream free = cuda.stream();
      CUevent marked = cuda.event();
      CUevent before = cuda.event();
      CUevent behind = cuda.event();

      gate.hold(held);
      ok(cuEventRecord(marked, held));
      ok(cuEventRecord(before, waiting));
      ok(cuStreamWaitEvent(waiting, marked, 0));
      ok(cuEventRecord(behind, waiting));
      CudaSim.settle(waiting.handle());
      ok(cuEventQuery(before));
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(behind));
      CudaSim.settle(free.handle()); // idle
      gate.open();
      CudaSim.settle(waiting.handle()); // now it gets on, by what the other stream does
      ok(cuEventQuery(behind));
    }
  }

  // --- host functions

  @ParameterizedTest
  @EnumSource
  void hostFunctionsRunInStreamOrderOnAThreadOfTheDriver(Schedule schedule) {
    CudaSim.configure(schedule, 12);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Pinned word = cuda.pinned(SIZE, 0);
      Pinned back = cuda.pinned(SIZE);
      Memory memory = cuda.memory(SIZE);
      var ran = new AtomicReference<Thread>();

      ok(
          cuLaunchHostFunc(
              stream,
              given -> {
                ran.set(Thread.currentThread());
                RawCuda.fill((Pinned) given, 3);
              },
              word));
      ok(cuMemcpyHtoDAsync(memory, word, SIZE, stream));
      ok(cuMemcpyDtoHAsync(back, memory, SIZE, stream));
      ok(cuStreamSynchronize(stream));
      assertEquals(3, value(back));
      assertNotEquals(Thread.currentThread(), ran.get());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDriverCallInAHostFunctionIsRefusedAndReported(Schedule schedule) {
    CudaSim.configure(schedule, 13);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      var answer = new AtomicReference<Integer>();
      ok(
          cuStreamAddCallback(
              stream, (s, status, given) -> answer.set(cuCtxSynchronize()), null, 0));
      ok(cuStreamSynchronize(stream));
      assertEquals(CUDA_ERROR_NOT_PERMITTED, answer.get());
      assertEquals(
          List.of(
              "cuCtxSynchronize was called inside a host function: no driver call is allowed there"),
          CudaSim.violations());
    }
  }

  // --- helpers

  private static void poll(BooleanSupplier done) {
    Patience.until("the driver says so", done);
  }

  static void inThread(Runnable body) throws InterruptedException {
    var failure = new AtomicReference<Throwable>();
    Thread thread = new Thread(body, "other");
    thread.setUncaughtExceptionHandler((t, e) -> failure.set(e));
    thread.start();
    thread.join();
    if (failure.get() != null) {
      throw new AssertionError("the other thread failed", failure.get());
    }
  }
}
