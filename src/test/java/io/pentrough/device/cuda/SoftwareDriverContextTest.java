package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import io.pentrough.device.cuda.RawCuda.Stream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Devices, contexts, failures and accounts of the software CUDA driver. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverContextTest {

  private static final int SIZE = 4096;

  // --- devices

  @Test
  void devicesAreAsConfigured() {
    ok(cuInit(0));
    int[] number = new int[1];
    ok(cuDeviceGetCount(number));
    assertEquals(2, number[0]);
    CUdevice device = new CUdevice();
    fails(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(device, 2));
    ok(cuDeviceGet(device, 1));
    byte[] name = new byte[64];
    ok(cuDeviceGetName(name, name.length, device));
    assertTrue(
        new String(name, StandardCharsets.US_ASCII)
            .startsWith("Pentrough software CUDA device (no GPU)\0"));
    ok(cuDeviceGetAttribute(number, 75, device));
    assertEquals(9, number[0]);
    ok(cuDriverGetVersion(number));
    assertEquals(12060, number[0]);
    CudaSim.driverVersion(11080);
    ok(cuDriverGetVersion(number));
    assertEquals(11080, number[0]);
    CudaSim.devices(0);
    fails(CUDA_ERROR_NO_DEVICE, cuInit(0));
    String[] text = new String[1];
    ok(cuGetErrorString(CUDA_ERROR_NO_DEVICE, text));
    assertEquals("no CUDA-capable device is detected", text[0]);
  }

  @Test
  void eachDeviceHasItsOwnMemory() {
    CudaSim.deviceMemory(SIZE);
    try (RawCuda first = RawCuda.primary(0);
        RawCuda second = RawCuda.primary(1)) {
      Stream onSecond = second.stream();
      second.memory(SIZE);
      first.makeCurrent();
      Memory ofFirst = first.memory(SIZE);
      Pinned pinned = first.pinned(SIZE); // all contexts may use it
      fails(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync(ofFirst, pinned, SIZE, onSecond));
      assertEquals(
          List.of("device buffer 2 belongs to another context than the stream"),
          CudaSim.violations());
      ok(cuMemcpyHtoDAsync(ofFirst, pinned, SIZE, first.stream()));
      ok(cuCtxSynchronize());
    }
  }

  // --- contexts

  @Test
  void aThreadNeedsACurrentContext() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      SoftwareDriverTest.inThread(
          () -> {
            fails(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc(new Memory(), 1));
            fails(CUDA_ERROR_INVALID_CONTEXT, cuStreamCreate(new CUstream(), 0));
            cuda.makeCurrent();
            cuda.memory(1);
          });
    }
  }

  @Test
  void contextsAreStacked() {
    try (RawCuda cuda = RawCuda.primary()) {
      CUcontext made = new CUcontext();
      CUcontext popped = new CUcontext();
      CUcontext current = new CUcontext();
      ok(cuCtxCreate(made, 0, cuda.device)); // becomes current
      ok(cuCtxGetCurrent(current));
      assertEquals(made, current);
      ok(cuCtxPushCurrent(cuda.context));
      ok(cuCtxPopCurrent(popped));
      assertEquals(cuda.context, popped);
      ok(cuCtxPopCurrent(popped));
      assertEquals(made, popped);
      ok(cuCtxGetCurrent(current));
      assertEquals(cuda.context, current);
      ok(cuCtxDestroy(made));
      fails(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy(made));
      List<String> violations = CudaSim.violations();
      assertEquals(1, violations.size(), violations::toString);
      assertTrue(violations.get(0).endsWith("which is destroyed already"), violations.get(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingOfADestroyedContextIsLeft(Schedule schedule) throws InterruptedException {
    CudaSim.configure(schedule, 1);
    RawCuda cuda = RawCuda.own();
    var gate = cuda.gate();
    Stream stream = cuda.stream();
    CUevent event = cuda.event();
    Memory memory = cuda.memory(SIZE);
    Pinned pinned = cuda.pinned(SIZE, 1);
    gate.hold(stream);
    ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
    ok(cuEventRecord(event, stream));
    SoftwareDriverTest.inThread(() -> ok(cuCtxDestroy(cuda.context))); // does not wait for the gate
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
    // Still current here.
    fails(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuMemAlloc(new Memory(), 1));
    fails(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuStreamSynchronize(stream));
    try (RawCuda other = RawCuda.primary()) {
      other.makeCurrent();
      fails(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuEventQuery(event));
      fails(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuStreamQuery(stream));
    }
  }

  @Test
  void thePrimaryContextLivesUntilItsLastRelease() {
    ok(cuInit(0));
    CUdevice device = new CUdevice();
    ok(cuDeviceGet(device, 0));
    CUcontext context = new CUcontext();
    int[] active = new int[1];
    int[] flags = new int[1];
    ok(cuDevicePrimaryCtxRetain(context, device));
    ok(cuDevicePrimaryCtxRetain(context, device));
    ok(cuCtxSetCurrent(context));
    CUevent event = new CUevent();
    ok(cuEventCreate(event, 0));
    ok(cuDevicePrimaryCtxRelease(device));
    ok(cuEventQuery(event));
    ok(cuDevicePrimaryCtxRelease(device));
    ok(cuDevicePrimaryCtxGetState(device, flags, active));
    assertEquals(0, active[0]);
    fails(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuEventQuery(event));
    fails(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease(device));
    // What was left in it is told, though it lives no more.
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
    assertEquals(List.of("event 1, made by cuEventCreate number 1"), CudaSim.leaks());
    ok(cuCtxSetCurrent(new CUcontext()));
  }

  @Test
  void eventsAreRecordedInTheirOwnContextAndWaitedForAnywhere() {
    try (RawCuda first = RawCuda.own();
        RawCuda second = RawCuda.own()) {
      CUevent ofSecond = second.event();
      Stream onSecond = second.stream();
      first.makeCurrent();
      Stream onFirst = first.stream();
      CUevent ofFirst = first.event();
      fails(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(ofSecond, onFirst));
      ok(cuEventRecord(ofFirst, onFirst));
      ok(cuStreamWaitEvent(onSecond, ofFirst, 0));
      ok(cuStreamSynchronize(onSecond));
    }
  }

  // --- failures

  @Test
  void theNthCallFailsAndNoOther() {
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.makeCurrent();
      CudaSim.fault("cuMemAlloc_v2", 2, CUDA_ERROR_OUT_OF_MEMORY);
      cuda.memory(1);
      fails(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(new Memory(), 1));
      cuda.memory(1);
      CudaSim.fault("cuMemAlloc_v2", 1, CUDA_ERROR_OUT_OF_MEMORY);
      CudaSim.clearFaults();
      cuda.memory(1);
      assertEquals(4, CudaSim.calls().get("cuMemAlloc_v2"));
      assertThrows(IllegalArgumentException.class, () -> CudaSim.fault("cuMemAlloc", 1, 2));
      assertThrows(IllegalArgumentException.class, () -> CudaSim.fault("exec:copy", 1, 2));
    }
  }

  @Test
  void whatCouldNotBeFreedIsALeakWithItsReason() {
    try (RawCuda cuda = RawCuda.primary()) {
      Pinned pinned = cuda.pinned(10);
      CUevent event = cuda.event();
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(20);
      CudaSim.leaks();
      for (String call :
          List.of("cuMemFreeHost", "cuEventDestroy_v2", "cuStreamDestroy_v2", "cuMemFree_v2")) {
        CudaSim.fault(call, 1, CUDA_ERROR_LAUNCH_FAILED);
      }
      fails(CUDA_ERROR_LAUNCH_FAILED, cuMemFreeHost(Pinned.at(pinned.address())));
      fails(CUDA_ERROR_LAUNCH_FAILED, cuEventDestroy(event));
      fails(CUDA_ERROR_LAUNCH_FAILED, cuStreamDestroy(stream));
      fails(CUDA_ERROR_LAUNCH_FAILED, cuMemFree(memory));
      assertEquals(
          List.of(
              "context 1 of device 0, made by cuDevicePrimaryCtxRetain number 1",
              "stream 1, made by cuStreamCreate number 1; its free was made to fail",
              "event 1, made by cuEventCreate number 1; its free was made to fail",
              "device buffer 1 of 20 bytes, made by cuMemAlloc_v2 number 1; its free was made to"
                  + " fail",
              "pinned buffer 1 of 10 bytes, made by cuMemHostAlloc number 1; its free was made to"
                  + " fail"),
          CudaSim.leaks());
    }
  }

  @ParameterizedTest
  @EnumSource
  void anOperationThatFailsPoisonsItsContext(Schedule schedule) {
    CudaSim.configure(schedule, 2);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Stream other = cuda.stream();
      CUevent before = cuda.event();
      CUevent behind = cuda.event();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = cuda.pinned(SIZE, 1);
      List<Integer> told = Collections.synchronizedList(new ArrayList<>());
      CudaSim.fault("exec:copyHtoD", 2, CUDA_ERROR_LAUNCH_FAILED);

      ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
      ok(cuEventRecord(before, stream));
      ok(cuEventSynchronize(before));
      var gate = cuda.gate();
      gate.hold(stream); // so that all of this is queued before the copy fails
      ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
      ok(cuEventRecord(behind, stream));
      ok(cuStreamAddCallback(stream, (s, status, given) -> told.add(status), null, 0));
      ok(cuLaunchHostFunc(stream, given -> told.add(-1), pinned));
      gate.open();
      fails(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(stream));

      fails(CUDA_ERROR_LAUNCH_FAILED, cuEventQuery(behind));
      fails(CUDA_ERROR_LAUNCH_FAILED, cuEventQuery(before));
      fails(CUDA_ERROR_LAUNCH_FAILED, cuStreamQuery(other));
      fails(CUDA_ERROR_LAUNCH_FAILED, cuMemAlloc(new Memory(), 1));
      CudaSim.settle(stream.handle()); // the error was answered before all of the queue had ended
      assertEquals(List.of(CUDA_ERROR_LAUNCH_FAILED), told);
    }
    // Each free was answered with the error, and still counts as one.
    assertEquals(List.of(), CudaSim.leaks());
    if (schedule == Schedule.STRICT) {
      CudaSim.reset(); // there the process has failed, and this is another
    }
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.memory(1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDeviceThatDiesLetsNobodyHang(Schedule schedule) throws InterruptedException {
    CudaSim.configure(schedule, 3);
    try (RawCuda cuda = RawCuda.primary()) {
      var gate = cuda.gate();
      Stream held = cuda.stream();
      Stream waiting = cuda.stream();
      CUevent event = cuda.event();
      Pinned pinned = new Pinned();
      ok(cuMemHostAlloc(pinned, SIZE, 0));
      pinned.bytes().put(0, (byte) 9);
      gate.hold(held);
      ok(cuEventRecord(event, held));
      ok(cuStreamWaitEvent(waiting, event, 0));
      Thread killer = new Thread(() -> CudaSim.killContext(0, CUDA_ERROR_ILLEGAL_ADDRESS), "kill");
      killer.start();
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(waiting));
      killer.join();
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, cuEventQuery(event));
      // What a free that answers with the error leaves of the memory, nobody says; here it is
      // readable, so that a thread left behind cannot end the JVM.
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemFreeHost(Pinned.at(pinned.address())));
      assertEquals(9, CudaSim.peek(pinned.address()));
    }
  }

  // --- accounts

  @Test
  void aCallThatIsNotThereSaysSoAndCanBeMadeToFail() {
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.makeCurrent();
      CudaSim.fault("cuMemAllocManaged", 1, CUDA_ERROR_OUT_OF_MEMORY);
      fails(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocManaged(new Memory(), 1, 1));
      fails(CUDA_ERROR_NOT_SUPPORTED, cuMemAllocManaged(new Memory(), 1, 1));
      assertEquals(
          List.of("cuMemAllocManaged is not part of the software driver"), CudaSim.violations());
    }
  }

  @Test
  void theExtensionLetsNothingPass() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      ok(cuStreamSynchronize(stream));
      assertEquals(
          List.of(
              "leak: context 1 of device 0, made by cuDevicePrimaryCtxRetain number 1",
              "leak: stream 1, made by cuStreamCreate number 1"),
          SoftwareCuda.problems());
      fails(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy(new CUevent()));
      assertTrue(SoftwareCuda.problems().contains("violation: 0x0 is no event"));
    }
    assertEquals(List.of(), SoftwareCuda.problems());
  }

  @Test
  void theScheduleIsNotChangedUnderLiveStreams() {
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.stream();
      assertThrows(IllegalStateException.class, () -> CudaSim.configure(Schedule.SEEDED, 1));
    }
    CudaSim.configure(Schedule.SEEDED, 1);
  }

  @Test
  void resettingEndsWhatATestLeftBehind() {
    RawCuda cuda = RawCuda.primary();
    var gate = cuda.gate();
    Stream stream = cuda.stream();
    gate.hold(stream);
    CudaSim.reset();
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
    fails(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuStreamQuery(stream));
    gate.open(); // pinned memory stays readable, so that a thread left behind cannot end the JVM
    assertEquals(List.of(), SoftwareCuda.problems());
  }
}
