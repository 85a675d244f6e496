package io.pentrough.device.host;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Collected;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.HostKernel;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestKernels;
import io.pentrough.testkit.Patience;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What kernels do on the host only: their implementations run, and may fail. */
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostKernelTest {

  private static final KernelSource BARE =
      KernelSource.of(
          "test", ".entry k(.param .u64 a, .param .u64 b, .param .u32 c, .param .f64 d) { ret; }");

  private final HostDevice device = HostDevice.open();
  private final DeviceStream stream = device.newStream();
  private final DeviceBuffer buffer = device.allocate(64);

  @AfterEach
  void close() {
    buffer.close();
    stream.close();
    TestDevice.assertNothingLive(device);
    device.close();
  }

  private static DeviceKernel withArguments(DeviceKernel k, DeviceBuffer buffer) {
    return k.set(0, buffer).setLong(1, 5).setInt(2, 6).setDouble(3, 0.5).cover(1, 1);
  }

  private void run(HostKernel kernel) {
    try (DeviceModule module = device.load(BARE.hostKernel("k", kernel));
        DeviceKernel k = module.kernel("k")) {
      withArguments(k, buffer.slice(8, 16, () -> {})).launch(stream);
    }
  }

  private static String messageOf(Class<? extends Exception> type, Runnable wrong) {
    return String.valueOf(assertThrows(type, wrong::run).getMessage());
  }

  @Test
  void aKernelWithoutAnImplementationIsRefusedWhenItIsLookedUp() {
    try (DeviceModule module = device.load(TestKernels.SOURCE)) {
      assertEquals(
          "kernel stray of cuda/launches.ptx has no host implementation, and the host runs only Java:"
              + " give it one with KernelSource.hostKernel(\"stray\", ...)",
          messageOf(UnsupportedOperationException.class, () -> module.kernel("stray")));
      module.kernel("affine").close();
    }
  }

  @Test
  void whatAKernelThrowsFailsTheStreamAtItsMarkWithTheKernelsName() {
    Exception thrown = new Exception("out of luck");
    try (DeviceEvent before = device.newEvent();
        DeviceEvent behind = device.newEvent();
        TestDevice.Gate gate = TestDevice.gate(stream)) {
      stream.record(before);
      run(
          arguments -> {
            throw thrown;
          });
      stream.record(behind);
      gate.open();
      before.synchronize();
      DeviceException e = assertThrows(DeviceException.class, behind::synchronize);
      assertEquals(
          "host: kernel k on " + stream + " failed: java.lang.Exception: out of luck",
          e.getMessage());
      assertSame(thrown, e.getCause());
      run(arguments -> {}); // is not queued any more, and does no harm
      assertThrows(DeviceException.class, stream::synchronize);
    }
  }

  @Test
  @DisplayName("an index outside a buffer: the line, and the arguments with their lengths")
  void anIndexOutsideABuffer() {
    for (HostKernel kernel :
        List.<HostKernel>of(
            arguments -> arguments.bytes(0).put(16, (byte) 1),
            arguments -> arguments.bytes(0).position(15).getInt(),
            arguments -> arguments.bytes(0).position(16).put((byte) 1))) {
      try (DeviceStream own = device.newStream();
          DeviceModule module = device.load(BARE.hostKernel("k", kernel));
          DeviceKernel k = module.kernel("k")) {
        withArguments(k, buffer.slice(8, 16, () -> {})).launch(own);
        String message = messageOf(DeviceException.class, own::synchronize);
        assertTrue(message.contains("HostKernelTest.java:"), message);
        assertTrue(message.contains("reaches outside a buffer or an array"), message);
        assertTrue(message.endsWith("; parameter 0 has 16 bytes"), message);
      }
    }
    IndexOutOfBoundsException own = new IndexOutOfBoundsException("no row 7");
    run(
        arguments -> {
          throw own;
        });
    assertSame(own, assertThrows(DeviceException.class, stream::synchronize).getCause());
  }

  @Test
  void aBufferClosedBeforeTheKernelRunsFailsTheStream() {
    DeviceBuffer closed = device.allocate(8);
    try (DeviceModule module = device.load(BARE.hostKernel("k", arguments -> {}));
        DeviceKernel k = module.kernel("k");
        TestDevice.Gate gate = TestDevice.gate(stream)) {
      withArguments(k, closed).launch(stream);
      closed.close();
      gate.open();
      assertEquals(
          "host: kernel k on "
              + stream
              + " failed: java.lang.IllegalStateException: the buffer at parameter 0 was closed"
              + " while the queued launch still needed it; wait for the launch before closing",
          messageOf(DeviceException.class, stream::synchronize));
    }
  }

  @Test
  void aKernelSeesExactlyItsArgumentsAndIsToldWhatItAsksForWrongly() {
    List<String> told = new ArrayList<>();
    List<KernelArguments> kept = new ArrayList<>();
    run(
        arguments -> {
          kept.add(arguments);
          ByteBuffer bytes = arguments.bytes(0);
          assertEquals(16, bytes.capacity());
          assertSame(ByteOrder.nativeOrder(), bytes.order());
          bytes.order(
              bytes.order() == ByteOrder.BIG_ENDIAN
                  ? ByteOrder.LITTLE_ENDIAN
                  : ByteOrder.BIG_ENDIAN);
          bytes.putLong(1).position(3).limit(4);
          assertEquals(16, arguments.bytes(0).remaining());
          assertSame(ByteOrder.nativeOrder(), arguments.bytes(0).order());
          Class<IllegalArgumentException> refused = IllegalArgumentException.class;
          told.add(messageOf(refused, () -> arguments.bytes(1)));
          told.add(messageOf(refused, () -> arguments.getLong(0)));
          told.add(messageOf(refused, () -> arguments.getFloat(2)));
          told.add(messageOf(refused, () -> arguments.getInt(3)));
          assertThrows(IndexOutOfBoundsException.class, () -> arguments.getInt(4));
          assertThrows(IndexOutOfBoundsException.class, () -> arguments.bytes(-1));
          assertThrows(IndexOutOfBoundsException.class, () -> arguments.grid(3));
          assertThrows(IndexOutOfBoundsException.class, () -> arguments.block(-1));
        });
    stream.synchronize();
    assertEquals(
        List.of(
            "kernel k: no buffer was set at parameter 1, but a number",
            "kernel k: a buffer was set at parameter 0, and no number",
            "kernel k: parameter 2 is INT32, not FLOAT32",
            "kernel k: parameter 3 is FLOAT64, not INT32"),
        told);
    // Valid until the kernel has returned.
    for (Runnable use :
        List.<Runnable>of(
            () -> kept.get(0).getInt(2), () -> kept.get(0).bytes(0), () -> kept.get(0).grid(0))) {
      assertEquals(
          "the arguments of a launch are used after its kernel has returned: copy out what must"
              + " live longer",
          messageOf(IllegalStateException.class, use));
    }
  }

  @Test
  void twoParametersOfOneBufferHavePositionsOfTheirOwn() {
    KernelSource source =
        BARE.hostKernel(
            "k",
            arguments -> {
              ByteBuffer a = arguments.bytes(0);
              ByteBuffer b = arguments.bytes(1);
              assertNotSame(a, b);
              a.putInt(7);
              assertEquals(7, b.getInt());
            });
    try (DeviceModule module = device.load(source);
        DeviceKernel k = module.kernel("k")) {
      withArguments(k, buffer).set(1, buffer).launch(stream);
      stream.synchronize();
    }
  }

  @Test
  @DisplayName("a view is kept for its stream, start and length, and given out for no other")
  void eachRangeHasAViewOfItsOwnOnEachStream() {
    List<ByteBuffer> seen = new ArrayList<>();
    try (DeviceModule module = device.load(BARE.hostKernel("k", a -> seen.add(a.bytes(0))));
        DeviceKernel k = module.kernel("k");
        DeviceStream other = device.newStream()) {
      int[][] ranges = {{0, 16}, {0, 8}, {8, 8}, {0, 16}};
      for (int[] range : ranges) {
        withArguments(k, buffer.slice(range[0], range[1], () -> {})).launch(stream);
        stream.synchronize();
      }
      withArguments(k, buffer.slice(0, 16, () -> {})).launch(other);
      other.synchronize();
    }
    assertEquals(
        List.of(16, 8, 8, 16, 16), seen.stream().map(ByteBuffer::capacity).toList(), "sizes");
    assertSame(seen.get(0), seen.get(3));
    assertNotSame(seen.get(0), seen.get(4), "another stream runs at the same time");
    seen.get(1).put(0, (byte) 1);
    seen.get(2).put(0, (byte) 2);
    assertEquals(List.of((byte) 1, (byte) 2), List.of(seen.get(4).get(0), seen.get(4).get(8)));
  }

  @Test
  void manyDifferentSlicesGiveWayToEachOther() {
    byte[] seen = new byte[64];
    try (DeviceBuffer large = device.allocate(200);
        DeviceModule module =
            device.load(BARE.hostKernel("k", a -> a.bytes(0).put(0, (byte) (a.getInt(2) + 1))));
        DeviceKernel k = module.kernel("k")) {
      for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
          withArguments(k, large.slice(i, 200 - i, () -> {})).setInt(2, i + round).launch(stream);
        }
      }
      ByteBuffer all = ByteBuffer.allocate(200);
      stream.read(large, all);
      for (int i = 0; i < 64; i++) {
        seen[i] = (byte) (all.get(i) - i);
      }
    }
    byte[] threes = new byte[64];
    Arrays.fill(threes, (byte) 3);
    assertArrayEquals(threes, seen);
  }

  /** The promise of closing: no view kept here keeps the bytes. */
  @Test
  void aClosedBuffersBytesAreNotKeptByALaunch() {
    List<WeakReference<ByteBuffer>> views = new ArrayList<>();
    try (DeviceModule module =
            device.load(BARE.hostKernel("k", a -> views.add(new WeakReference<>(a.bytes(0)))));
        DeviceKernel k = module.kernel("k")) {
      DeviceBuffer closed = device.allocate(8);
      withArguments(k, closed).launch(stream);
      stream.synchronize();
      closed.close();
      Collected.await(views);
    }
  }
}
