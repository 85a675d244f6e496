package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.CudaWork.check;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxGetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.TestStages.Relay;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestKernels;
import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import jcuda.driver.CUcontext;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a driver does only when it is told to: refuse, fail, be too old, see no device. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaTroubleTest {

  private static void assertNothingLeft() {
    assertEquals(List.of(), CudaSim.violations());
    assertEquals(List.of(), CudaSim.leaks());
  }

  // ---- no CUDA

  @Test
  void aDriverThatIsTooOldIsNamed() {
    CudaSim.driverVersion(11040);
    String why = CudaDevice.whyUnavailable().orElseThrow();
    assertTrue(
        why.startsWith("the NVIDIA driver is too old: it is made for CUDA 11.4, and 12.0"), why);
    DeviceException e = assertThrows(DeviceException.class, () -> CudaDevice.open(0));
    assertEquals("no CUDA: " + why, e.getMessage());
    assertFalse(
        CudaSim.calls().keySet().stream().anyMatch(call -> !call.equals("cuDriverGetVersion")),
        () -> "an old driver was asked for more than its version: " + CudaSim.calls());
  }

  @Test
  void aDriverWithoutADeviceIsNamed() {
    CudaSim.fault("cuInit", 1, 100);
    assertEquals(
        "an NVIDIA driver is installed, but it sees no GPU",
        CudaDevice.whyUnavailable().orElseThrow());
    assertTrue(CudaDevice.whyUnavailable().isEmpty(), "and the next time it may see one");
  }

  @Test
  void theToolkitsStubIsNamed() {
    CudaSim.fault("cuInit", 1, 34);
    String why = CudaDevice.whyUnavailable().orElseThrow();
    assertTrue(why.contains("the toolkit's stub for linking, not a driver"), why);
  }

  @Test
  @DisplayName("Device.best() takes the host, and says why; or CUDA, where it can")
  void best() {
    CudaSim.fault("cuInit", 1, 100);
    try (Device device = Device.best()) {
      assertEquals(
          "host (no CUDA: an NVIDIA driver is installed, but it sees no GPU)",
          device.description());
    }
    CudaSim.fault("cuDevicePrimaryCtxRetain", 1, 2);
    try (Device device = Device.best()) {
      assertTrue(
          device
              .description()
              .startsWith("host (no CUDA: cuda:0: cuDevicePrimaryCtxRetain failed with 2"),
          device.description());
    }
    try (Device device = Device.best()) {
      assertEquals("cuda:0", device.name());
    }
    assertNothingLeft();
  }

  // ---- memory

  @Test
  @DisplayName("pinned memory that is refused is an error that says what to do")
  void pinnedMemoryRefused() {
    try (CudaDevice device = CudaDevice.open(0)) {
      CudaSim.fault("cuMemHostAlloc", 2, 2);
      DeviceException e = assertThrows(DeviceException.class, () -> Session.loader(device).start());
      String message = String.valueOf(e.getMessage());
      assertTrue(message.contains("cuda:0: cuMemHostAlloc failed with 2 CUDA_ERROR_"), message);
      assertTrue(message.contains("allowPageable(true)"), message);
      assertTrue(message.contains(Session.loader(device).plan().toString()), message);
      assertTrue(message.contains("lower workers, hostSlots"), message);
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("ordinary memory in its place only where it is allowed, and the statistics say so")
  void pageableMemory() throws Exception {
    try (CudaDevice device = CudaDevice.builder().allowPageable(true).open(0);
        DeviceStream stream = device.newStream()) {
      CudaSim.fault("cuMemHostAlloc", 2, 2); // one of three host slots
      try (BackgroundLoader loader = Session.loader(device).consumerStream(stream).start()) {
        for (int i = 0; i < 9; i++) {
          try (DeviceBatch batch = loader.get(patience())) {
            assertEquals(i, Session.numberOf(batch));
          }
        }
        assertEquals(Session.SPEC.slotBytes(), loader.stats().pageableBytes());
        assertTrue(
            loader.stats().toString().contains("host memory not pinned: 8.25 KiB"),
            loader.stats()::toString);
      }
      assertTrue(CudaSim.pageableAsyncCopies() > 0, "no copy from ordinary memory was made");
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("ordinary memory cannot be mapped, and the message says so")
  void pageableMemoryIsNotMapped() {
    try (CudaDevice device = CudaDevice.builder().allowPageable(true).open(0)) {
      CudaSim.fault("cuMemHostAlloc", 2, 2);
      UnsupportedOperationException e =
          assertThrows(
              UnsupportedOperationException.class,
              () -> Session.loader(device).zeroCopy(true).start());
      assertTrue(String.valueOf(e.getMessage()).contains("ordinary memory"), e::getMessage);
      assertEquals(0, device.liveResources().handles());
      CudaSim.fault("cuMemHostAlloc", 1, 719); // a failure, and no refusal
      assertThrows(DeviceException.class, () -> device.allocatePinned(8));
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("too little device memory: an error, and everything is given back")
  void outOfDeviceMemory() {
    CudaSim.deviceMemory(10_000); // one slot fits
    try (CudaDevice device = CudaDevice.open(0)) {
      DeviceException e = assertThrows(DeviceException.class, () -> Session.loader(device).start());
      assertTrue(
          String.valueOf(e.getMessage()).contains("cuMemAlloc failed with 2"), e::getMessage);
      assertEquals(0, device.liveResources().handles());
    }
    assertNothingLeft();
  }

  // ---- the device fails

  @Test
  @DisplayName("an event has three answers: pending, complete, failed")
  void threeAnswers() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceEvent event = device.newEvent()) {
      CudaWork.Word word = new CudaWork.Word(device);
      word.hold(stream);
      stream.record(event);
      assertFalse(event.isComplete());
      word.open();
      event.synchronize();
      assertTrue(event.isComplete());
      word.free();
    }
    CudaDevice device = CudaDevice.open(0);
    DeviceEvent event = device.newEvent();
    device.newStream().record(event);
    CudaSim.killContext(0, 719);
    DeviceException e = assertThrows(DeviceException.class, event::isComplete);
    assertTrue(
        String.valueOf(e.getMessage())
            .startsWith("cuda:0: cuEventQuery failed with 719 CUDA_ERROR_LAUNCH_FAILED ("),
        e::getMessage);
    event.park(Long.MAX_VALUE); // would not return
  }

  @Test
  @DisplayName("I7: an error of the query itself does not say that a consumer's work is over")
  void theQueryFails() throws Exception {
    CudaDevice device = CudaDevice.open(0);
    DeviceStream stream = device.newStream();
    CudaWork.Word word = new CudaWork.Word(device);
    BackgroundLoader loader =
        Session.loader(device)
            .deviceSlots(1)
            .batchesPerEpoch(1)
            .epochs(1)
            .closeTimeout(Duration.ZERO)
            .start();
    DeviceBatch batch = loader.get(stream, patience());
    assertThrows(NoSuchElementException.class, loader::get); // so that nothing else is asked
    word.hold(stream);
    batch.close();
    CudaSim.fault("cuEventQuery", 1, 999);

    loader.close();

    until("it to be awaited", () -> CudaSim.calls().getOrDefault("cuEventSynchronize", 0L) > 0);
    assertFalse(CudaSim.calls().containsKey("cuMemFree_v2"), "it is freed, which may wait as well");
    word.open();
    until("the slot to be freed", () -> CudaSim.live().deviceBuffers() == 0);
    word.free();
    stream.close();
    device.close();
    until("all to be given back", () -> CudaSim.leaks().isEmpty());
    assertNothingLeft();
  }

  @Test
  @DisplayName("I5: a context destroyed under the loader is told at every get, and close returns")
  void contextDestroyed() throws Exception {
    CUcontext own = CudaWork.newContext(0);
    CudaDevice device = CudaDevice.attach(own);
    DeviceStream stream = device.newStream();
    BackgroundLoader loader = Session.loader(device).consumerStream(stream).start();
    loader.get(patience()).close();
    check(cuCtxDestroy(own));
    DeviceException e =
        assertThrows(
            DeviceException.class,
            () -> {
              while (true) {
                loader.get(patience()).close();
              }
            });
    String told = e + " " + e.getCause();
    assertTrue(told.contains("the context was destroyed while this device was in use"), told);
    loader.close();
  }

  @Test
  @DisplayName("a stream destroyed while a batch is leased: the caller's duty, found here")
  void streamDestroyed() throws Exception {
    try (CudaDevice device = CudaDevice.open(0)) {
      CUstream stream = new CUstream();
      check(cuStreamCreate(stream, 1));
      try (DeviceStream wrapped = device.wrap(stream);
          BackgroundLoader loader = Session.loader(device).consumerStream(wrapped).start()) {
        DeviceBatch batch = loader.get(patience());
        check(cuStreamDestroy(stream));
        DeviceException e = assertThrows(DeviceException.class, batch::close);
        assertTrue(
            String.valueOf(e.getMessage()).contains("cuEventRecord failed with 400"),
            e::getMessage);
        assertThrows(DeviceException.class, () -> loader.get(patience()));
      }
    }
    assertFalse(CudaSim.violations().isEmpty(), "a dead stream was used");
  }

  @Test
  @DisplayName(
      "a copy that fails behind getQueued: the stream fails with it, and the loader says so")
  void theCopyBehindAQueuedBatchFails() throws Exception {
    CudaSim.configure(Schedule.LAG, 0);
    CudaSim.lag(50_000);
    CudaDevice device = CudaDevice.open(0);
    DeviceStream stream = device.newStream();
    CudaSim.fault("exec:copyHtoD", 1, 700);
    try (BackgroundLoader loader = Session.loader(device).consumerStream(stream).start()) {
      DeviceBatch batch = loader.getQueued(stream, patience());
      DeviceException e = assertThrows(DeviceException.class, () -> Session.numberOf(batch));
      assertTrue(String.valueOf(e.getMessage()).contains("failed with 700 "), e::getMessage);
      assertThrows(DeviceException.class, batch::close);
      for (Executable later : // I5: the same cause each time, whatever the stream answers by now
          List.<Executable>of(loader::get, () -> loader.getQueued(stream, patience()))) {
        e = assertThrows(DeviceException.class, later);
        assertTrue(String.valueOf(e.getMessage()).startsWith("session is broken: "), e::getMessage);
        assertTrue(String.valueOf(e.getCause()).contains("failed with 700 "), e::toString);
      }
    }
  }

  @Test
  @DisplayName("a call that fails leaves the thread's current context as it was, too")
  void contextsAfterAFailure() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceEvent event = device.newEvent();
        PinnedBuffer pinned = device.allocatePinned(8);
        DeviceBuffer buffer = device.allocate(8)) {
      stream.record(event);
      Map<String, Executable> calls =
          Map.of(
              "cuEventRecord",
              () -> stream.record(event),
              "cuStreamWaitEvent",
              () -> stream.waitFor(event),
              "cuEventQuery",
              event::isComplete,
              "cuEventSynchronize",
              event::synchronize,
              "cuStreamSynchronize",
              stream::synchronize,
              "cuStreamIsCapturing",
              stream::isCapturing,
              "cuMemcpyHtoDAsync_v2",
              () -> stream.copyToDevice(pinned, 0, buffer, 0, 8),
              "cuMemcpyDtoHAsync_v2",
              () -> stream.copyToHost(buffer, 0, pinned, 0, 8),
              "cuMemHostGetDevicePointer_v2",
              () -> device.map(pinned),
              "cuStreamCreate",
              device::newStream);
      CUcontext before = new CUcontext();
      check(cuCtxSetCurrent(before)); // none
      calls.forEach(
          (call, use) -> {
            CudaSim.fault(call, 1, 999);
            DeviceException e = assertThrows(DeviceException.class, use, call);
            assertTrue(String.valueOf(e.getMessage()).contains("failed with 999 "), e::getMessage);
            CUcontext after = new CUcontext();
            check(cuCtxGetCurrent(after));
            assertEquals(before, after, call);
          });
    }
    assertNothingLeft();
  }

  // ---- modules and kernels

  private static String messageOf(Executable failing) {
    return String.valueOf(assertThrows(DeviceException.class, failing).getMessage());
  }

  @Test
  @DisplayName("PTX that the driver refuses: the compiler's log is in the message")
  void refusedPtx() {
    String ptx = TestKernels.SOURCE.ptx().replaceFirst("mul\\.wide\\.s32", "mul.broad.s32");
    try (CudaDevice device = CudaDevice.open(0)) {
      String message = messageOf(() -> device.load(KernelSource.of("broken.ptx", ptx)));
      assertTrue(
          message.startsWith("cuda:0: cuModuleLoadDataEx failed with 218 CUDA_ERROR_INVALID_PTX"),
          message);
      assertTrue(
          message.contains(": broken.ptx was refused: ptxas application ptx input, line "),
          message);
      assertTrue(message.contains("mul.broad.s32"), message);
      CudaSim.newestPtx(5, 0);
      message = messageOf(() -> device.load(TestKernels.SOURCE));
      assertTrue(message.contains("cuModuleLoadDataEx failed with 222 "), message);
      assertTrue(message.contains("cuda/launches.ptx was refused: ptxas "), message);
      assertTrue(message.contains("make it with an older CUDA toolkit, or update"), message);
      assertTrue(message.contains(".version 6.0, .target sm_50"), message);
      assertEquals(0, device.liveResources().handles());
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("what the driver refuses of a kernel is told with its name, and leaves nothing")
  void refusedKernels() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceBuffer out = device.allocate(24);
        DeviceModule module = device.load(TestKernels.SOURCE)) {
      CudaSim.fault("cuModuleGetFunction", 1, 500);
      String message = messageOf(() -> module.kernel("shape"));
      assertTrue(message.contains("cuModuleGetFunction failed with 500 "), message);
      assertTrue(message.endsWith(": kernel shape of module cuda/launches.ptx"), message);
      assertEquals(3, device.liveResources().handles());
      try (DeviceKernel shape = module.kernel("shape").set(0, out).grid(2, 3, 4).block(5, 6, 7)) {
        CudaSim.fault("cuLaunchKernel", 1, 701);
        message = messageOf(() -> shape.sharedBytes(16).launch(stream));
        assertTrue(message.startsWith("cuda:0: cuLaunchKernel failed with 701 "), message);
        assertTrue(
            message.endsWith(
                ": kernel shape, grid 2 x 3 x 4, block 5 x 6 x 7, 16 bytes of shared memory"),
            message);
        shape.launch(stream);
        stream.synchronize();
      }
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName(
      "a module that the driver does not take back counts as leaked, and that is said once")
  void refusedUnload() {
    try (CudaDevice device = CudaDevice.open(0)) {
      DeviceModule module = device.load(TestKernels.SOURCE);
      CudaSim.fault("cuModuleUnload", 1, 999);
      assertTrue(messageOf(module::close).contains("cuModuleUnload failed with 999 "));
      module.close();
      assertEquals(0, device.liveResources().handles());
    }
    assertEquals(1, CudaSim.leaks().size(), "the module");
  }

  @Test
  @DisplayName("a kernel that fails when it runs: every later call answers so, and the closing too")
  void strayKernel() {
    CudaDevice device = CudaDevice.open(0);
    DeviceStream stream = device.newStream();
    DeviceBuffer x = device.allocate(4);
    DeviceModule module = device.load(TestKernels.SOURCE);
    DeviceKernel stray = module.kernel("stray").set(0, x).setLong(1, 0).cover(1, 1);
    stray.launch(stream);
    stream.synchronize();
    stray.setLong(1, 1 << 20).launch(stream);
    for (Executable later :
        List.<Executable>of(
            stream::synchronize,
            () -> stray.launch(stream),
            () -> device.load(TestKernels.SOURCE),
            device::newEvent)) {
      String message = messageOf(later);
      assertTrue(message.contains(" failed with 700 "), message);
      assertTrue(message.contains("work queued earlier failed"), message);
    }
    List<String> violations = CudaSim.violations();
    assertTrue(violations.get(0).contains("stray"), violations::toString);
  }

  @Test
  @DisplayName("threads left without a context stay so behind a launch, refused or not")
  void contextsBehindALaunch() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceKernel nothing = module.kernel("nothing")) {
      CUcontext none = new CUcontext();
      check(cuCtxSetCurrent(none));
      nothing.cover(1, 1).launch(stream);
      CudaSim.fault("cuLaunchKernel", 1, 999);
      assertThrows(DeviceException.class, () -> nothing.launch(stream));
      CUcontext after = new CUcontext();
      check(cuCtxGetCurrent(after));
      assertEquals(none, after);
      stream.synchronize();
    }
    assertNothingLeft();
  }

  // ---- what a batch costs

  @ParameterizedTest(name = "queued {0}, current {1}")
  @CsvSource({"false, true", "true, true", "false, false", "true, false"})
  @DisplayName("a batch is one copy and at most 8 other calls, as docs/cuda-notes.md says")
  void callsForABatch(boolean queued, boolean current) throws Exception {
    long batches = 50;
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader = Session.loader(device).consumerStream(stream).start()) {
      if (!current) {
        check(cuCtxSetCurrent(new CUcontext()));
      }
      takeBatches(loader, stream, queued, 10); // both slots have been released once
      // The copy thread and both workers, of which one may come late; and what the test has done.
      untilSetCurrent(3 + (current ? 1 : 2));
      Map<String, Long> before = CudaSim.calls();
      takeBatches(loader, stream, queued, batches);
      Map<String, Long> after = CudaSim.calls();
      after.replaceAll((call, count) -> count - before.getOrDefault(call, 0L));
      System.out.println("calls for " + batches + " batches: " + after);
      long ahead = 2; // copies may have been queued for batches not asked for
      after.remove("cuEventQuery"); // polls: as many as it takes
      after.remove("cuThreadExchangeStreamCaptureMode"); // two around each poll of a consumer
      assertBetween(batches, ahead, after.remove("cuMemcpyHtoDAsync_v2"), "copies");
      long calls = after.values().stream().mapToLong(Long::longValue).sum();
      assertBetween(
          (queued ? 8 : 7) * batches + (current ? 0 : 4 * batches), 2 * ahead, calls, "all");
      assertBetween((queued ? 2 : 1) * batches, ahead, after.remove("cuStreamWaitEvent"), "waits");
      assertBetween(2 * batches, ahead, after.remove("cuEventRecord"), "ready and released");
      assertBetween(2 * batches, 0, after.remove("cuStreamIsCapturing"), "by get and by close");
      assertBetween(2 * batches, 0, after.remove("cuCtxGetCurrent"), "by get and by close");
      if (!current) {
        assertBetween(2 * batches, 0, after.remove("cuCtxPushCurrent_v2"), "by get and by close");
        assertBetween(2 * batches, 0, after.remove("cuCtxPopCurrent_v2"), "as many");
      }
      after.values().removeIf(count -> count == 0);
      assertEquals(Map.of(), after, "other calls");
    }
    assertNothingLeft();
  }

  private static void takeBatches(
      BackgroundLoader loader, DeviceStream stream, boolean queued, long batches) throws Exception {
    for (int i = 0; i < batches; i++) {
      (queued ? loader.getQueued(stream, patience()) : loader.get(patience())).close();
    }
  }

  @Test
  @DisplayName(
      "with a stage a batch costs three calls more: the copy marked, waited for, and a look")
  void callsForAStagedBatch() throws Exception {
    long batches = 50;
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            Session.loader(device).consumerStream(stream).stage(new Relay()).start()) {
      takeBatches(loader, stream, false, 10);
      untilSetCurrent(3 + 1);
      Map<String, Long> before = CudaSim.calls();
      takeBatches(loader, stream, false, batches);
      Map<String, Long> after = CudaSim.calls();
      after.replaceAll((call, count) -> count - before.getOrDefault(call, 0L));
      System.out.println("calls for " + batches + " batches with a stage: " + after);
      long ahead = 2;
      long kernels = after.getOrDefault("cuLaunchKernel", 0L);
      after.remove("cuEventQuery");
      after.remove("cuThreadExchangeStreamCaptureMode");
      after.remove("cuLaunchKernel");
      assertBetween(batches, ahead, after.remove("cuMemcpyHtoDAsync_v2"), "copies");
      long calls = after.values().stream().mapToLong(Long::longValue).sum();
      // Each launch looks which context is current, as a stage is code of the application.
      assertBetween(10 * batches + kernels, 10 * ahead, calls, "all");
    }
    assertNothingLeft();
  }

  /** Waits for threads to be bound to the device. */
  private static void untilSetCurrent(long times) {
    until(
        "threads to be bound", () -> CudaSim.calls().getOrDefault("cuCtxSetCurrent", 0L) >= times);
  }

  private static void assertBetween(long expected, long slack, @Nullable Long seen, String what) {
    assertTrue(
        seen != null && Math.abs(seen - expected) <= slack,
        () -> what + ": " + seen + " calls, not " + expected);
  }
}
