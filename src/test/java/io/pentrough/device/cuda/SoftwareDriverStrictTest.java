package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCublas.fine;
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
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the strict schedule of the software CUDA driver adds to the others: each rule fires where
 * src/test/c/README.md says so, and nowhere else.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SoftwareDriverStrictTest {

  private static final String PTX = RawModule.resource("kernels.ptx");
  private static final int SIZE = 4096;

  /** For a wait that cannot end. */
  private static final long SHORT = 20_000;

  private static final long LONG = 5_000_000;

  @BeforeEach
  void strict() {
    CudaSim.configure(Schedule.STRICT, 0);
    CudaSim.patience(LONG);
  }

  // --- waits for the whole context

  /** What there is before a stream is held, so that one call only is made behind the gate. */
  private static final class Before {
    final Pinned pinned = new Pinned();
    final Pinned older = new Pinned();
    final Memory memory = new Memory();
    final CUmodule module = new CUmodule();
    final CUmodule other = new CUmodule();
    final CUfunction function = new CUfunction();
    final cublasHandle blas = new cublasHandle();
    final Stream free;

    Before(RawCuda cuda) {
      free = cuda.stream();
      ok(cuMemHostAlloc(pinned, SIZE, 0));
      ok(cuMemAllocHost(older, SIZE));
      ok(cuMemAlloc(memory, SIZE));
      ok(cuModuleLoadData(module, PTX));
      ok(cuModuleLoadData(other, PTX));
      ok(cuModuleGetFunction(function, module, "saxpy"));
      CudaDevice.loadLibrary(JCublas2.class);
      fine(JCublas2.cublasCreate(blas));
      fine(JCublas2.cublasSetStream(blas, new jcuda.runtime.cudaStream_t(free)));
    }

    void launch() {
      Pointer zero = Pointer.to(new int[1]);
      Pointer parameters = Pointer.to(zero, zero, Pointer.to(memory), Pointer.to(memory));
      ok(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, free, parameters, null));
    }

    void multiply() {
      fine(
          JCublas2.cublasSgemm(
              blas,
              0,
              0,
              1,
              1,
              1,
              RawCublas.host(0),
              memory,
              1,
              memory.withByteOffset(4),
              1,
              RawCublas.host(0),
              memory.withByteOffset(8),
              1));
    }
  }

  @SuppressWarnings("ImmutableEnumChecker") // the calls capture nothing
  private enum Waiting {
    PINNED("cuMemHostAlloc", b -> ok(cuMemHostAlloc(new Pinned(), SIZE, 0))),
    PINNED_OLDER("cuMemAllocHost_v2", b -> ok(cuMemAllocHost(new Pinned(), SIZE))),
    FREE_PINNED("cuMemFreeHost", b -> ok(cuMemFreeHost(b.pinned))),
    MEMORY("cuMemAlloc_v2", b -> ok(cuMemAlloc(new Memory(), SIZE))),
    FREE_MEMORY("cuMemFree_v2", b -> ok(cuMemFree(b.memory))),
    LOAD("cuModuleLoadData", b -> ok(cuModuleLoadData(new CUmodule(), PTX))),
    LOAD_WITH_OPTIONS("cuModuleLoadDataEx", Waiting::loadWithOptions),
    UNLOAD("cuModuleUnload", b -> ok(cuModuleUnload(b.other))),
    FUNCTION("cuModuleGetFunction", Waiting::anotherFunction),
    LAUNCH("cuLaunchKernel", Before::launch),
    BLAS("cublasCreate_v2", b -> fine(JCublas2.cublasCreate(new cublasHandle()))),
    BLAS_PRODUCT("cublasSgemm_v2", Before::multiply),
    BLAS_END("cublasDestroy_v2", b -> fine(JCublas2.cublasDestroy(b.blas)));

    final String symbol;
    final Consumer<Before> call;

    Waiting(String symbol, Consumer<Before> call) {
      this.symbol = symbol;
      this.call = call;
    }

    private static void loadWithOptions(Before b) {
      byte[] text = (PTX + "\0").getBytes(java.nio.charset.StandardCharsets.US_ASCII);
      ok(
          cuModuleLoadDataEx(
              new CUmodule(), Pointer.to(text), 0, new int[0], Pointer.to(new int[1])));
    }

    private static void anotherFunction(Before b) {
      ok(cuModuleGetFunction(new CUfunction(), b.module, "normalise"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatMayWaitForTheContextDoes(Waiting one) {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      var gate = cuda.gate();
      Before before = new Before(cuda);
      gate.hold(held);
      long nth = calls(one.symbol) + 1;
      assertEquals(
          List.of(
              one.symbol
                  + " number "
                  + nth
                  + " waits for all that is queued in the context, but stream 1 is held at the"
                  + " waitValue that cuStreamWaitValue32_v2 number 1 queued in stream 1: a real"
                  + " driver may hang here"),
          violationsOf(() -> one.call.accept(before)));
      goOn(gate);
    }
    CudaSim.reset();
  }

  @ParameterizedTest
  @EnumSource
  void nothingOfItIsSaidWhereNothingIsHeld(Waiting one) {
    try (RawCuda cuda = RawCuda.primary()) {
      Before before = new Before(cuda);
      one.call.accept(before);
      assertEquals(List.of(), CudaSim.violations());
    }
    CudaSim.reset();
  }

  @Test
  void functionsAreLoadedOnce() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      var gate = cuda.gate();
      Before before = new Before(cuda);
      before.launch();
      before.multiply();
      gate.hold(held);
      List<String> violations =
          violationsOf(
              () -> {
                before.launch();
                before.multiply();
                ok(cuModuleGetFunction(new CUfunction(), before.module, "saxpy"));
              });
      assertEquals(List.of(), violations);
      goOn(gate);
    }
    CudaSim.reset();
  }

  @Test
  void aWaitForTheContextEndsWhenAnotherThreadOpensTheGate() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      CUevent behind = cuda.event();
      Pinned pinned = new Pinned();
      ok(cuMemHostAlloc(pinned, SIZE, 0));
      var gate = cuda.gate();
      gate.hold(held);
      ok(cuEventRecord(behind, held));
      Thread opener =
          new Thread(
              () -> {
                awaitCall("cuMemFreeHost"); // it waits by then: calls are counted under the lock
                gate.open();
              },
              "opener");
      opener.start();
      ok(cuMemFreeHost(pinned));
      ok(cuEventQuery(behind));
      opener.join();
    }
  }

  @Test
  void theHeldOneIsNamedThoughAnotherStreamWaitsForIt() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream waiting = cuda.stream();
      Stream held = cuda.stream();
      CUevent event = cuda.event();
      var first = cuda.gate();
      var gate = cuda.gate();
      first.hold(waiting); // so that it is the one that is looked at first
      gate.hold(held);
      ok(cuEventRecord(event, held));
      ok(cuStreamWaitEvent(waiting, event, 0));
      first.open();
      CudaSim.settle(waiting.handle());
      List<String> violations = violationsOf(() -> cuda.memory(SIZE));
      assertTrue(
          violations
              .get(0)
              .contains(
                  "but stream 1 is held at the waitValue that cuStreamWaitValue32_v2 number 2 queued"
                      + " in stream 2"),
          violations::toString);
      goOn(gate);
    }
  }

  @Test
  void callsOfOtherThreadsWaitForOneThatWaitsForTheContext() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary();
        RawCuda other = RawCuda.own()) {
      cuda.makeCurrent();
      Stream held = cuda.stream();
      var gate = cuda.gate();
      Pinned pinned = new Pinned();
      ok(cuMemHostAlloc(pinned, SIZE, 0));
      gate.hold(held);
      CudaSim.patience(200_000); // for the gate stays closed
      Thread freeing =
          new Thread(
              () -> {
                cuda.makeCurrent();
                ok(cuMemFreeHost(pinned));
              },
              "freeing");
      freeing.start();
      awaitCall("cuMemFreeHost");
      other.makeCurrent();
      ok(cuCtxSynchronize()); // another context has nothing to do with it
      assertEquals(List.of(), CudaSim.violations());
      cuda.makeCurrent();
      CUevent event = cuda.event();
      assertEquals(1, CudaSim.violations().size(), "the free was still waiting");
      ok(cuEventQuery(event));
      freeing.join();
      goOn(gate);
    }
  }

  @Test
  void memoryThatIsNeverOutOfUseIsLeftWhereItIs() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = new Pinned();
      ok(cuMemHostAlloc(pinned, SIZE, 0));
      var gate = cuda.gate();
      gate.hold(held);
      ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, held));
      List<String> violations = violationsOf(() -> ok(cuMemFreeHost(pinned)));
      assertEquals(3, violations.size(), violations::toString);
      assertEquals(
          "cuMemFreeHost of buffer 1 while 1 queued operation(s) use it", violations.get(0));
      assertTrue(violations.get(1).startsWith("cuMemFreeHost number 1 waits for all"));
      assertTrue(violations.get(2).startsWith("deadlock: an operation that uses"));
      goOn(gate); // reads what was freed, and nothing crashes
    }
  }

  // --- queues

  @Test
  void aStreamTakesAThousandOperationsAndThenHoldsUpTheCaller() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      Stream free = cuda.stream();
      CUevent event = cuda.event();
      var gate = cuda.gate();
      gate.hold(held);
      List<String> before =
          violationsOf(
              () -> {
                for (int i = 1; i < 1024; i++) {
                  ok(cuEventRecord(event, held));
                }
                ok(cuEventRecord(event, free));
              });
      assertEquals(List.of(), before);
      List<String> violations = violationsOf(() -> ok(cuEventRecord(event, held)));
      assertEquals(1, violations.size(), violations::toString);
      assertTrue(
          violations
              .get(0)
              .startsWith("cuEventRecord number 1025 waits for room in a stream that is full, but"),
          violations.get(0));
      goOn(gate);
      for (int i = 0; i < 3000; i++) { // as it runs meanwhile
        ok(cuEventRecord(event, held));
      }
      ok(cuStreamSynchronize(held));
    }
  }

  @Test
  void aMarkThatIsNotQueuedYetHoldsUpNobody() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      CUevent event = cuda.event();
      CUevent other = cuda.event();
      var gate = cuda.gate();
      gate.hold(held);
      ok(cuEventRecord(other, cuda.stream()));
      for (int i = 1; i < 1024; i++) {
        ok(cuStreamWaitEvent(held, other, 0));
      }
      Thread recording =
          new Thread(
              () -> {
                cuda.makeCurrent();
                ok(cuEventRecord(event, held));
              },
              "recording");
      recording.start();
      Patience.until("it waits for room", () -> calls("cuEventRecord") == 2);
      ok(cuEventQuery(event)); // never recorded; else a wait could get into the stream before it
      gate.open();
      recording.join();
      ok(cuEventSynchronize(event));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 32})
  void streamsShareHardwareQueues(int queues) {
    CudaSim.hardwareQueues(queues);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      CUevent event = cuda.event();
      var gate = cuda.gate();
      gate.hold(held);
      for (int i = 1; i < queues; i++) {
        Stream free = cuda.stream();
        ok(cuEventRecord(event, free));
        CudaSim.settle(free.handle());
        ok(cuEventQuery(event));
      }
      Stream shares = cuda.stream();
      ok(cuEventRecord(event, shares));
      CudaSim.settle(shares.handle());
      fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
      gate.open();
      ok(cuEventSynchronize(event));
    }
  }

  @Test
  void aHardwareQueueGoesOnOnceAnOperationHasBegun() {
    CudaSim.hardwareQueues(1);
    CountDownLatch latch = new CountDownLatch(1);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream held = cuda.stream();
      Stream first = cuda.stream();
      Stream second = cuda.stream();
      CUevent event = cuda.event();
      var gate = cuda.gate();
      ok(cuEventRecord(event, second)); // so that its thread is there, and asleep
      ok(cuStreamSynchronize(second));
      gate.hold(held); // so that all of it is queued before anything begins
      ok(cuLaunchHostFunc(first, given -> await(latch), new Pinned()));
      ok(cuEventRecord(event, second));
      try {
        for (int i = 0; i < 200; i++) {
          fails(CUDA_ERROR_NOT_READY, cuEventQuery(event));
        }
        gate.open();
        Patience.until("the event is complete", () -> cuEventQuery(event) == CUDA_SUCCESS);
      } finally {
        latch.countDown();
      }
      ok(cuCtxSynchronize());
    }
  }

  // --- errors

  @ParameterizedTest
  @ValueSource(ints = {226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721})
  void theProcessDoesNotSurviveAFatalError(int code) {
    try (RawCuda zero = RawCuda.primary(0);
        RawCuda one = RawCuda.primary(1)) {
      one.makeCurrent();
      CudaSim.killContext(0, code);
      assertEquals(code, cuCtxSynchronize());
      assertEquals(code, cuMemAlloc(new Memory(), 1));
      zero.makeCurrent();
      assertEquals(code, cuMemAlloc(new Memory(), 1));
    }
    CUdevice device = new CUdevice();
    ok(cuDeviceGet(device, 0));
    assertEquals(code, cuDevicePrimaryCtxRetain(new CUcontext(), device));
    assertEquals(code, cuCtxCreate(new CUcontext(), 0, device));
    CudaSim.reset(); // a new process
    try (RawCuda again = RawCuda.primary()) {
      again.memory(1);
    }
  }

  @Test
  void otherErrorsEndTheirContextOnly() {
    try (RawCuda zero = RawCuda.primary(0);
        RawCuda one = RawCuda.primary(1)) {
      CudaSim.killContext(0, 46);
      one.makeCurrent();
      one.memory(1);
      zero.makeCurrent();
      assertEquals(46, cuMemAlloc(new Memory(), 1));
    }
    try (RawCuda again = RawCuda.primary()) {
      again.memory(1);
    }
  }

  // --- memory

  @Test
  void aCopyBetweenTwoPinnedBuffersIsDoneWhenTheCallReturns() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Pinned source = cuda.pinned(SIZE, 7);
      Pinned target = cuda.pinned(SIZE, 0);
      Memory memory = cuda.memory(SIZE);
      CUdeviceptr address = new CUdeviceptr();
      ok(cuMemHostGetDevicePointer(address, source, 0));
      CudaSim.bandwidth(0, 50_000);
      ok(cuMemcpyDtoHAsync(target, address, SIZE, stream));
      ok(cuStreamQuery(stream));
      assertEquals(7, value(target));
      ok(cuMemcpyDtoHAsync(target, memory, SIZE, stream));
      fails(CUDA_ERROR_NOT_READY, cuStreamQuery(stream)); // the device's memory is another matter
      ok(cuStreamSynchronize(stream));
    }
  }

  @Test
  void pinnedMemoryComesWithWhatWasInIt() {
    try (RawCuda cuda = RawCuda.primary()) {
      Pinned first = new Pinned();
      ok(cuMemHostAlloc(first, 2 * SIZE, 0));
      RawCuda.fill(first, 42);
      ok(cuMemFreeHost(first));
      assertEquals(42, value(cuda.pinned(SIZE)));
      assertEquals(42, value(cuda.pinned(5 * SIZE)));
      CudaSim.reset();
      CudaSim.configure(Schedule.THREADS, 0);
    }
    try (RawCuda cuda = RawCuda.primary()) {
      assertNotEquals(42, value(cuda.pinned(SIZE)));
    }
  }

  // --- helpers

  /** What a call that may wait for ever is told of. */
  private static List<String> violationsOf(Runnable call) {
    CudaSim.patience(SHORT);
    call.run();
    CudaSim.patience(LONG);
    return CudaSim.violations();
  }

  private static void goOn(RawCuda.Gate gate) {
    gate.open();
    ok(cuCtxSynchronize());
  }

  private static void awaitCall(String symbol) {
    Patience.until("a call of " + symbol, () -> calls(symbol) > 0);
  }

  private static long calls(String symbol) {
    return CudaSim.calls().getOrDefault(symbol, 0L);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
