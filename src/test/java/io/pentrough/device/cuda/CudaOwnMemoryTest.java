package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.CudaWork.check;
import static io.pentrough.testkit.Patience.patience;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.TestStages.Relay;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestKernels;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CyclicBarrier;
import java.util.function.LongSupplier;
import jcuda.driver.CUcontext;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The memory that a device keeps for itself, for kernels' arguments and for reads: made at its
 * start, freed at its end, and nothing allocated or freed between.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaOwnMemoryTest {

  private static void assertNothingLeft() {
    assertEquals(List.of(), CudaSim.violations());
    assertEquals(List.of(), CudaSim.leaks());
  }

  /** The calls that may wait for all work of a context, by their number. */
  private static Map<String, Long> allocations() {
    Map<String, Long> calls = new TreeMap<>(CudaSim.calls());
    calls.keySet().removeIf(call -> !call.matches("cuMem(Alloc|Free|Host(Alloc|Reg|Unreg)).*"));
    return calls;
  }

  // ---- nothing is allocated or freed at work

  @Test
  @DisplayName("at work, no call allocates or frees: batches, reads, kernels, events and streams")
  void atWorkNothingIsAllocated() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceBuffer large = device.allocate(3 * CudaStaging.PART_BYTES + 1);
        BackgroundLoader loader =
            Session.loader(device).consumerStream(stream).stage(new Relay()).start()) {
      step(loader, device, stream, module, large);
      Map<String, Long> before = allocations();
      for (int i = 0; i < 10; i++) {
        step(loader, device, stream, module, large);
      }
      assertEquals(before, allocations());
    }
    assertNothingLeft();
  }

  private static void step(
      BackgroundLoader loader,
      CudaDevice device,
      DeviceStream stream,
      DeviceModule module,
      DeviceBuffer large)
      throws Exception {
    try (DeviceBatch batch = loader.get(patience());
        DeviceKernel kernel = module.kernel("affine")) {
      Session.numberOf(batch);
      kernel.set(0, batch.array("also").buffer()).setInt(1, 1).setInt(2, 1).setInt(3, 0);
      kernel.cover(1, 1).launch(stream);
    }
    try (DeviceBatch batch = loader.getQueued(stream, patience())) {
      batch.array("also").copyTo(new int[700]);
    }
    try (DeviceStream other = device.newStream();
        DeviceEvent event = device.newEvent()) {
      other.record(event);
      other.read(large, ByteBuffer.allocate((int) large.bytes()));
      event.synchronize();
    }
  }

  @Test
  @DisplayName("more kernels open than ever before: another chunk, once, and arguments stay apart")
  void manyKernels() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceBuffer out = device.allocate(4)) {
      long before = CudaSim.live().pinnedBuffers();
      Deque<DeviceKernel> kernels = new ArrayDeque<>();
      while (CudaSim.live().pinnedBuffers() == before) {
        assertTrue(kernels.size() <= 4096, "kernels share memory");
        kernels.push(module.kernel("affine").set(0, out).setInt(1, 1).setInt(2, 2));
      }
      int most = kernels.size();
      assertTrue(most > 1000, () -> most + " kernels fill a chunk");
      try (PinnedBuffer one = device.allocatePinned(4)) {
        one.unsafeBuffer().putInt(0, 1);
        stream.copyToDevice(one, 0, out, 0, 4);
        stream.synchronize();
      }
      int expected = 1;
      int added = 0;
      for (DeviceKernel kernel : kernels) {
        if (added % 100 == 0) { // each launch takes its time
          kernel.setInt(3, added).cover(1, 1).launch(stream);
          expected = 2 * expected + added;
        }
        added++;
      }
      ByteBuffer seen = ByteBuffer.allocate(4).order(ByteOrder.nativeOrder());
      stream.read(out, seen);
      assertEquals(expected, seen.getInt(0));
      Map<String, Long> full = allocations();
      for (int round = 0; round < 2; round++) {
        kernels.forEach(DeviceKernel::close);
        kernels.clear();
        while (kernels.size() < most) {
          kernels.push(module.kernel("affine"));
        }
      }
      kernels.forEach(DeviceKernel::close);
      assertEquals(full, allocations());
    }
    assertNothingLeft();
  }

  // ---- reads

  @Test
  @DisplayName("streams that are held up keep no memory from the reads of others")
  void heldReadsAreInNobodysWay() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceBuffer buffer = device.allocate(8);
        DeviceStream free = device.newStream()) {
      CudaWork.Word word = new CudaWork.Word(device);
      List<DeviceStream> held = new ArrayList<>();
      List<Caller<Boolean>> reads = new ArrayList<>();
      try {
        for (int i = 0; i < CudaStaging.PARTS + 1; i++) {
          DeviceStream stream = device.newStream();
          word.hold(stream);
          held.add(stream);
          reads.add(Caller.run(() -> stream.read(buffer, ByteBuffer.allocate(8))));
          // If the others had taken memory before they wait, the last one would wait for that.
          Thread[] readers = reads.stream().map(read -> read.thread).toArray(Thread[]::new);
          Patience.until("a read is held up", () -> TestDevice.areHeldUp(readers));
        }
        Caller.run(() -> free.read(buffer, ByteBuffer.allocate(8))).result();
      } finally {
        word.open();
      }
      for (Caller<Boolean> read : reads) {
        read.result();
      }
      held.forEach(DeviceStream::close);
      word.free();
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName(
      "more reads at once than there is memory for: each gets its own bytes, interrupted too")
  void manyReadsAtOnce() throws Exception {
    int readers = 3 * CudaStaging.PARTS;
    int bytes = 2 * CudaStaging.PART_BYTES + 5;
    CyclicBarrier start = new CyclicBarrier(readers);
    try (CudaDevice device = CudaDevice.open(0)) {
      List<Caller<Boolean>> reads = new ArrayList<>();
      for (int i = 0; i < readers; i++) {
        byte content = (byte) (i + 1);
        boolean interrupted = i % 2 == 0;
        reads.add(
            Caller.start(
                () -> {
                  start.await();
                  if (interrupted) {
                    Thread.currentThread().interrupt();
                  }
                  readBack(device, content, bytes);
                  return Thread.interrupted() == interrupted;
                }));
      }
      for (Caller<Boolean> read : reads) {
        assertTrue(read.result(), "an interrupt was lost");
      }
      assertEquals(
          2, CudaSim.calls().getOrDefault("cuMemHostAlloc", 0L) - readers, "reads allocate");
    }
    assertNothingLeft();
  }

  private static void readBack(CudaDevice device, byte content, int bytes) {
    byte[] written = new byte[bytes];
    Arrays.fill(written, content);
    try (DeviceStream stream = device.newStream();
        PinnedBuffer pinned = device.allocatePinned(bytes);
        DeviceBuffer buffer = device.allocate(bytes)) {
      pinned.unsafeBuffer().put(written);
      stream.copyToDevice(pinned, 0, buffer, 0, bytes);
      for (int i = 0; i < 4; i++) {
        ByteBuffer read = ByteBuffer.allocate(bytes);
        stream.read(buffer, read);
        assertArrayEquals(written, read.array());
      }
    }
  }

  @Test
  @DisplayName("a read waits for its stream also where there is nothing to read")
  void anEmptyReadWaits() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(8)) {
      CudaWork.Word word = new CudaWork.Word(device);
      word.hold(stream);
      Caller<Boolean> read =
          Caller.run(() -> stream.read(buffer.slice(0, 0, () -> {}), ByteBuffer.allocate(0)));
      try {
        Patience.until(
            "the read is held up",
            () -> {
              assertFalse(read.isDone(), "it did not wait");
              return TestDevice.areHeldUp(read.thread);
            });
      } finally {
        word.open();
      }
      read.result();
      word.free();
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName(
      "I7: a stream closed in the middle of a read of several parts stays for the rest of it")
  void aLongReadOutlivesItsStream() {
    int bytes = 2 * CudaStaging.PART_BYTES + 1;
    try (CudaDevice device = CudaDevice.open(0);
        PinnedBuffer pinned = device.allocatePinned(bytes);
        DeviceBuffer buffer = device.allocate(bytes)) {
      DeviceStream stream = device.newStream();
      pinned.unsafeBuffer().put(bytes - 1, (byte) 7);
      stream.copyToDevice(pinned, 0, buffer, 0, bytes);
      ByteBuffer read = ByteBuffer.allocate(bytes);
      stream.read(buffer.slice(0, bytes, stream::close), read);
      assertEquals(7, read.get(bytes - 1));
      assertThrows(IllegalStateException.class, stream::synchronize);
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("I7: memory that a copy may still write is not read through again")
  void aReadWithoutAnAnswer() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(8)) {
      ByteBuffer target = ByteBuffer.allocate(8);
      for (int i = 0; i < CudaStaging.PARTS; i++) {
        stream.read(buffer, target.clear()); // from here on, one part fewer each time
        CudaSim.fault("cuStreamSynchronize", 2, 999); // behind the copy
        assertThrows(DeviceException.class, () -> stream.read(buffer, target.clear()));
        assertEquals(0, target.position());
      }
      String message =
          String.valueOf(
              assertThrows(DeviceException.class, () -> stream.read(buffer, target.clear()))
                  .getMessage());
      assertTrue(message.startsWith("cuda:0: 4 reads have failed"), message);
      assertTrue(message.endsWith("close this device, and open it again"), message);
      stream.synchronize(); // the copies have come
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("a read that is refused before it copies costs nothing")
  void refusedReads() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(8)) {
      DeviceBuffer refused =
          buffer.slice(
              0,
              8,
              () -> {
                throw new IllegalStateException("no more");
              });
      for (int i = 0; i <= CudaStaging.PARTS; i++) {
        assertThrows(
            IllegalStateException.class, () -> stream.read(refused, ByteBuffer.allocate(8)));
        CudaSim.fault("cuStreamSynchronize", 1, 999); // of what was queued before
        assertThrows(DeviceException.class, () -> stream.read(buffer, ByteBuffer.allocate(8)));
      }
      stream.read(buffer, ByteBuffer.allocate(8));
    }
    assertNothingLeft();
  }

  // ---- start and end

  @Test
  @DisplayName("what the device cannot get at its start is an error of open, and leaves nothing")
  void refusedAtTheStart() {
    for (int nth = 1; nth <= 2; nth++) {
      CudaSim.fault("cuMemHostAlloc", nth, 2);
      String message =
          String.valueOf(
              assertThrows(DeviceException.class, () -> CudaDevice.open(0)).getMessage());
      assertTrue(message.contains("cuMemHostAlloc failed with 2 "), message);
      assertTrue(message.contains("allowPageable(true)"), message);
      assertEquals(CudaSim.Live.NONE, CudaSim.live());
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("where ordinary memory is allowed reads go through it, and kernels ask again")
  void ordinaryMemory() {
    CudaSim.pinnedMemory(0);
    try (CudaDevice device = CudaDevice.builder().allowPageable(true).open(0);
        DeviceStream stream = device.newStream();
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceBuffer buffer = device.allocate(8)) {
      stream.fillZero(buffer, 0, 8);
      ByteBuffer read = ByteBuffer.allocate(8).putLong(0, -1);
      stream.read(buffer, read);
      assertEquals(0, read.getLong(0));
      String message =
          String.valueOf(
              assertThrows(DeviceException.class, () -> module.kernel("nothing")).getMessage());
      assertTrue(message.endsWith("for the arguments of kernel nothing"), message);
      CudaSim.pinnedMemory(1 << 20);
      module.kernel("nothing").close();
    }
    assertNothingLeft();
  }

  @Test
  @DisplayName("a device that is closed keeps its memory for those who come late, then frees it")
  void lateUsers() {
    LongSupplier pinned = () -> CudaSim.live().pinnedBuffers();
    CudaDevice device = CudaDevice.open(0);
    DeviceStream stream = device.newStream();
    DeviceBuffer buffer = device.allocate(8);
    DeviceModule module = device.load(TestKernels.SOURCE);
    device.close();
    DeviceKernel nothing = module.kernel("nothing");
    module.close();
    stream.read(buffer, ByteBuffer.allocate(8));
    buffer.close();
    stream.close();
    assertEquals(2, pinned.getAsLong());
    assertEquals(1, device.liveResources().handles());
    nothing.close();
    assertEquals(0, pinned.getAsLong());
    assertEquals(0, device.liveResources().handles());
    assertNothingLeft();
  }

  @Test
  @DisplayName("in a context of the application the device leaves nothing either")
  void anAttachedContext() {
    CUcontext own = CudaWork.newContext(0);
    CudaDevice.attach(own).close();
    assertEquals(0, CudaSim.live().pinnedBuffers());
    check(cuCtxDestroy(own));
    assertNothingLeft();
  }

  @Test
  @DisplayName("memory that the driver does not take back is told by close, behind the rest")
  void refusedAtTheEnd() {
    CudaDevice device = CudaDevice.open(0);
    CudaSim.fault("cuMemFreeHost", 1, 999);
    String message =
        String.valueOf(assertThrows(DeviceException.class, device::close).getMessage());
    assertTrue(message.contains("cuMemFreeHost failed with 999 "), message);
    assertEquals(0, CudaSim.live().contexts(), "the context is given back all the same");
    assertEquals(0, device.liveResources().handles());
  }
}
