package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static io.pentrough.device.cuda.RawCuda.value;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import io.pentrough.device.cuda.RawCuda.Stream;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Memory of the software CUDA driver: each rule fires, and only when broken. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverMemoryTest {

  private static final int PAGE = 4096;
  private static final int SIZE = 3 * PAGE;

  /** So late that no test lives to see it: what is queued stays so until somebody waits for it. */
  private static final long NEVER = 3_600_000_000L;

  // --- allocation

  @Test
  void freshMemoryIsNeverZero() {
    CudaSim.configure(Schedule.THREADS, 0);
    try (RawCuda cuda = RawCuda.primary()) {
      Pinned pinned = cuda.pinned(SIZE);
      assertEquals(0xCD, value(pinned));
      RawCuda.fill(pinned, 1);
      ok(cuMemcpyDtoH(pinned, cuda.memory(SIZE), SIZE));
      assertEquals(0xCD, value(pinned));
    }
  }

  @Test
  void deviceMemoryIsAlignedTo512BytesAndNoMore() {
    try (RawCuda cuda = RawCuda.primary()) {
      for (int i = 1; i < 2000; i += 333) {
        assertEquals(512, cuda.memory(i).address() % 1024);
      }
    }
  }

  @Test
  void memoryOfTheSizeOfWhatWasFreedIsFreshToo() {
    CudaSim.configure(Schedule.THREADS, 0); // in STRICT it has old data on purpose
    try (RawCuda cuda = RawCuda.primary()) {
      Pinned shown = cuda.pinned(SIZE);
      for (int i = 0; i < 3; i++) {
        Pinned pinned = new Pinned();
        ok(cuMemHostAlloc(pinned, SIZE, 0));
        assertEquals(0xCD, value(pinned));
        RawCuda.fill(pinned, i);
        Memory memory = new Memory();
        ok(cuMemAlloc(memory, SIZE));
        ok(cuMemcpyDtoH(shown, memory, SIZE));
        assertEquals(0xCD, value(shown));
        ok(cuMemcpyHtoD(memory, pinned, SIZE));
        ok(cuMemFree(memory));
        ok(cuMemFreeHost(pinned));
      }
    }
  }

  @Test
  void memoryThatStaysReadableIsNobodyElses() {
    CudaSim.configure(Schedule.THREADS, 0); // in STRICT the whole process would have failed
    RawCuda dead = RawCuda.primary();
    int size = 11 * PAGE; // no other test uses it
    Pinned old = dead.pinned(size, 7);
    CudaSim.killContext(0, CUDA_ERROR_ILLEGAL_ADDRESS);
    dead.close();
    try (RawCuda cuda = RawCuda.primary()) {
      for (int i = 0; i < 65; i++) { // one more than the driver keeps
        cuda.pinned(size, 9);
      }
      assertEquals(7, value(old));
    }
  }

  @Test
  void addressesAreNeverUsedAgain() {
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.makeCurrent();
      Set<Long> seen = new HashSet<>();
      for (int i = 0; i < 50; i++) {
        Memory memory = new Memory();
        ok(cuMemAlloc(memory, 100));
        assertTrue(seen.add(memory.address()));
        ok(cuMemFree(memory));
        Pinned pinned = new Pinned();
        ok(cuMemHostAlloc(pinned, 100, 0));
        assertTrue(seen.add(pinned.address()));
        ok(cuMemFreeHost(pinned));
      }
    }
  }

  @Test
  void memoryIsAsLargeAsConfigured() {
    CudaSim.deviceMemory(10 * PAGE);
    CudaSim.pinnedMemory(PAGE);
    try (RawCuda cuda = RawCuda.primary()) {
      long[] free = new long[1];
      long[] total = new long[1];
      cuda.memory(6 * PAGE);
      fails(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(new Memory(), 4 * PAGE + 1));
      cuda.memory(3 * PAGE);
      ok(cuMemGetInfo(free, total));
      assertEquals(PAGE, free[0]);
      assertEquals(10 * PAGE, total[0]);
      fails(CUDA_ERROR_OUT_OF_MEMORY, cuMemHostAlloc(new Pinned(), PAGE + 1, 0));
      cuda.pinned(PAGE);
      fails(CUDA_ERROR_OUT_OF_MEMORY, cuMemHostAlloc(new Pinned(), 1, 0));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(new Memory(), 0));
    }
  }

  // --- bounds and life

  @Test
  void copiesOutsideABufferAreRefusedAndReported() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(100);
      Pinned pinned = cuda.pinned(200);
      ok(cuMemcpyHtoDAsync(memory, pinned, 100, stream));
      ok(cuMemcpyHtoDAsync(memory.withByteOffset(100), pinned, 0, stream));
      assertEquals(List.of(), CudaSim.violations());

      fails(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync(memory, pinned, 101, stream));
      fails(
          CUDA_ERROR_INVALID_VALUE,
          cuMemcpyDtoHAsync(pinned.withByteOffset(101), memory, 100, stream));
      fails(
          CUDA_ERROR_INVALID_VALUE,
          cuMemsetD32Async(memory.withByteOffset(4), 0, Long.MAX_VALUE, stream));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(memory, 0, 26, stream));
      fails(
          CUDA_ERROR_INVALID_VALUE,
          cuMemsetD8Async(memory.withByteOffset(-1), (byte) 0, 1, stream));
      ok(cuStreamSynchronize(stream));
      List<String> violations = CudaSim.violations();
      assertEquals(
          List.of(
              "101 bytes at offset 0 are outside device buffer 1, which has 100",
              "100 bytes at offset 101 are outside pinned buffer 1, which has 200",
              "104 bytes at offset 0 are outside device buffer 1, which has 100"),
          violations.subList(0, 3));
      assertEquals(4, violations.size(), violations::toString);
    }
  }

  @Test
  void freedMemoryIsNotUsedOrFreedAgain() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = new Memory();
      Pinned pinned = new Pinned();
      ok(cuMemAlloc(memory, 10));
      ok(cuMemHostAlloc(pinned, 10, 0));
      ok(cuMemFree(memory));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync(memory, pinned, 10, stream));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemFree(memory));
      ok(cuMemFreeHost(pinned));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync(cuda.memory(10), pinned, 10, stream));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(Pinned.at(pinned.address())));
      fails(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(Pinned.at(12345)));
      List<String> violations = CudaSim.violations();
      assertEquals(5, violations.size(), violations::toString);
      assertTrue(violations.get(0).startsWith("use of device buffer 1 (0x"), violations.get(0));
      assertTrue(violations.get(1).startsWith("cuMemFree of device buffer 1"), violations.get(1));
      assertTrue(violations.get(2).startsWith("use of pinned buffer 1 (0x"), violations.get(2));
      assertTrue(violations.get(3).endsWith("which was freed before"), violations.get(3));
      assertEquals("cuMemFreeHost of 0x3039, where no pinned memory begins", violations.get(4));
    }
  }

  @Test
  void writingBehindPinnedMemoryIsReportedWhenItIsFreed() {
    try (RawCuda cuda = RawCuda.primary()) {
      cuda.makeCurrent();
      for (int beyond : new int[] {-1, 0, 4}) {
        Pinned pinned = new Pinned();
        ok(cuMemHostAlloc(pinned, 100, 0));
        CudaSim.poke(pinned.address() + 100 + beyond, 1);
        ok(cuMemFreeHost(pinned));
      }
      assertEquals(
          List.of(
              "the host wrote 1 bytes behind the end of pinned buffer 2, which has 100",
              "the host wrote 5 bytes behind the end of pinned buffer 3, which has 100"),
          CudaSim.violations());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LAG", "RACE"})
  void freeingWhatAQueuedCopyUsesIsReportedAndWaits(Schedule schedule) {
    CudaSim.configure(schedule, 1);
    CudaSim.lag(NEVER);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent copied = cuda.event();
      Memory memory = cuda.memory(SIZE);
      for (boolean wait : new boolean[] {true, false}) {
        Pinned pinned = new Pinned();
        ok(cuMemHostAlloc(pinned, SIZE, 0));
        RawCuda.fill(pinned, wait ? 1 : 2);
        ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
        if (wait) {
          ok(cuEventRecord(copied, stream));
          ok(cuEventSynchronize(copied));
        }
        ok(cuMemFreeHost(pinned));
        assertEquals(
            wait
                ? List.of()
                : List.of("cuMemFreeHost of buffer 2 while 1 queued operation(s) use it"),
            CudaSim.violations());
      }
      Pinned back = cuda.pinned(SIZE);
      ok(cuMemcpyDtoH(back, memory, SIZE));
      assertEquals(2, value(back));
    }
  }

  @Test
  void theTwoKindsOfAddressesAreNotMixedUp() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(10);
      fails(
          CUDA_ERROR_INVALID_VALUE,
          cuMemcpyHtoDAsync(memory, Pinned.at(memory.address()), 10, stream));
      assertEquals(1, CudaSim.violations().size());
      // Pinned memory is the device's as well.
      Pinned pinned = cuda.pinned(10, 5);
      Pinned back = cuda.pinned(10);
      CUdeviceptr view = new CUdeviceptr();
      ok(cuMemHostGetDevicePointer(view, pinned, 0));
      ok(cuMemcpyDtoHAsync(back, view, 10, stream));
      ok(cuStreamSynchronize(stream));
      assertEquals(5, value(back));
    }
  }

  // --- copies

  @ParameterizedTest
  @EnumSource
  void pageableCopiesAreDoneWhenTheCallReturnsAndAreCounted(Schedule schedule) {
    CudaSim.configure(schedule, 2);
    CudaSim.lag(NEVER);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(4);
      byte[] source = {1, 2, 3, 4};
      byte[] target = new byte[4];
      ok(cuMemcpyHtoD(memory, Pointer.to(source), 4));
      assertEquals(0, CudaSim.pageableAsyncCopies());
      ok(cuMemcpyHtoDAsync(memory, Pointer.to(source), 4, stream));
      source[0] = 9;
      assertEquals(1, CudaSim.pageableAsyncCopies());
      ok(cuMemcpyDtoHAsync(Pointer.to(target), memory, 4, stream));
      assertArrayEquals(new byte[] {1, 2, 3, 4}, target);
      assertEquals(
          List.of("2 asynchronous copies from or to memory that is not pinned"),
          SoftwareCuda.problems().stream().filter(p -> !p.startsWith("leak")).toList());
    }
    CudaSim.reset();
  }

  @Test
  void copiesTakeTheirTime() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(2_000_000);
      Pinned pinned = cuda.pinned(2_000_000, 1);
      CUevent start = cuda.event(0);
      CUevent end = cuda.event(0);
      float[] milliseconds = new float[1];
      CudaSim.bandwidth(1.0, 500);
      ok(cuEventRecord(start, stream));
      ok(cuMemcpyHtoDAsync(memory, pinned, 2_000_000, stream));
      ok(cuEventRecord(end, stream));
      ok(cuEventSynchronize(end));
      ok(cuEventElapsedTime(milliseconds, start, end));
      assertTrue(milliseconds[0] >= 2.499f, "took %s ms".formatted(milliseconds[0]));
    }
  }

  // --- races

  @Test
  void writingWhatAQueuedCopyReadsIsARace() {
    CudaSim.configure(Schedule.RACE, 0);
    CudaSim.lag(NEVER);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = cuda.pinned(SIZE, 1);
      ok(cuMemcpyHtoDAsync(memory, pinned.withByteOffset(PAGE), PAGE, stream));
      pinned.bytes().put(0, (byte) 2); // another page
      assertEquals(1, pinned.bytes().get(PAGE + 17)); // reading is allowed
      assertEquals(List.of(), CudaSim.violations());
      pinned.bytes().put(PAGE + 17, (byte) 2);
      pinned.bytes().put(PAGE + 18, (byte) 2); // told once a page
      List<String> violations = CudaSim.violations();
      assertEquals(1, violations.size(), violations::toString);
      assertEquals(
          "race: the host wrote pinned buffer 1 at offset 4113 (0x%x) while the copy queued by"
                  .formatted(pinned.address() + PAGE + 17)
              + " cuMemcpyHtoDAsync_v2 number 1 reads it",
          violations.get(0));

      ok(cuStreamSynchronize(stream));
      pinned.bytes().put(PAGE + 17, (byte) 3);
      assertEquals(List.of(), CudaSim.violations());
    }
  }

  @Test
  void touchingWhatAQueuedCopyWritesIsARace() {
    CudaSim.configure(Schedule.RACE, 0);
    CudaSim.lag(NEVER);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = cuda.pinned(SIZE, 1);
      ok(cuMemsetD8Async(memory, (byte) 6, SIZE, stream));
      ok(cuMemcpyDtoHAsync(pinned, memory, SIZE, stream));
      assertEquals(1, CudaSim.peek(pinned.address() + 5));
      List<String> violations = CudaSim.violations();
      assertEquals(1, violations.size(), violations::toString);
      assertTrue(
          violations.get(0).startsWith("race: the host read pinned buffer 1 at offset 5 (0x"),
          violations.get(0));
      assertTrue(
          violations.get(0).endsWith("cuMemcpyDtoHAsync_v2 number 1 writes it"), violations.get(0));
      ok(cuStreamSynchronize(stream));
      assertEquals(6, value(pinned));
      assertEquals(List.of(), CudaSim.violations());
    }
  }

  @Test
  void onlyTheRaceScheduleWatches() {
    CudaSim.configure(Schedule.LAG, 0);
    CudaSim.lag(NEVER);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = cuda.pinned(SIZE, 1);
      ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
      pinned.bytes().put(0, (byte) 2);
      ok(cuStreamSynchronize(stream));
      assertFalse(CudaSim.calls().isEmpty());
    }
  }

  @Test
  void aHostFunctionMayTouchWhatLaterCopiesUse() {
    CudaSim.configure(Schedule.RACE, 0);
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = cuda.pinned(SIZE, 1);
      ok(cuLaunchHostFunc(stream, given -> RawCuda.fill((Pinned) given, 8), pinned));
      ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
      ok(cuMemsetD8Async(memory, (byte) 8, 1, stream));
      ok(cuStreamSynchronize(stream));
      assertEquals(List.of(), CudaSim.violations());
      ok(cuMemcpyDtoH(pinned, memory, SIZE));
      assertEquals(8, value(pinned));
    }
  }
}
