package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/** What modules and kernels must do on every device. */
@OnEveryDevice
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KernelTest {

  @SuppressWarnings("UnnecessaryLambda") // no guard, by a name
  private static final Runnable OPEN = () -> {};

  private final Device device = TestDevice.openForGates();
  private final Deque<AutoCloseable> made = new ArrayDeque<>();
  private final DeviceModule module = keep(device.load(TestKernels.SOURCE));
  private final DeviceStream stream = keep(device.newStream());

  /** A driver may load a kernel at its first launch, and wait for held streams then. */
  @BeforeEach
  void firstLaunches() {
    DeviceBuffer any = keep(device.allocate(24));
    affine(any, 1, 0).launch(stream);
    kernel("shape").set(0, any).cover(1, 1).launch(stream);
    stream.synchronize();
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : made) {
      each.close();
    }
  }

  private <T extends AutoCloseable> T keep(T one) {
    made.push(one);
    return one;
  }

  private DeviceKernel kernel(String name) {
    return keep(module.kernel(name));
  }

  private DeviceBuffer ints(int... values) {
    PinnedBuffer pinned = keep(device.allocatePinned(4L * values.length));
    pinned.unsafeBuffer().asIntBuffer().put(values);
    return uploaded(pinned);
  }

  private DeviceBuffer floats(float... values) {
    PinnedBuffer pinned = keep(device.allocatePinned(4L * values.length));
    pinned.unsafeBuffer().asFloatBuffer().put(values);
    return uploaded(pinned);
  }

  private DeviceBuffer uploaded(PinnedBuffer pinned) {
    DeviceBuffer buffer = keep(device.allocate(pinned.bytes()));
    device.defaultStream().copyToDevice(pinned, 0, buffer, 0, pinned.bytes());
    device.defaultStream().synchronize();
    return buffer;
  }

  private ByteBuffer read(DeviceBuffer buffer) {
    ByteBuffer bytes = ByteBuffer.allocate((int) buffer.bytes()).order(ByteOrder.nativeOrder());
    stream.read(buffer, bytes);
    return bytes.flip();
  }

  private int[] readInts(DeviceBuffer buffer) {
    int[] values = new int[(int) buffer.bytes() / 4];
    read(buffer).asIntBuffer().get(values);
    return values;
  }

  private DeviceKernel affine(DeviceBuffer x, int times, int plus) {
    return set(kernel("affine"), x, times, plus);
  }

  private static DeviceKernel set(DeviceKernel affine, DeviceBuffer x, int times, int plus) {
    int count = (int) x.bytes() / 4;
    return affine.set(0, x).setInt(1, count).setInt(2, times).setInt(3, plus).cover(count, 32);
  }

  private static <X extends Throwable> void assertRefused(
      Class<X> type, String words, Executable misuse) {
    String message = String.valueOf(assertThrows(type, misuse).getMessage());
    assertTrue(message.contains(words), () -> "\"" + words + "\" is not in \"" + message + "\"");
  }

  // Arguments

  @Test
  void eachTypeOfArgumentArrivesAtItsPlace() {
    DeviceBuffer out = keep(device.allocate(5 * 8));
    DeviceKernel kernel = kernel("arguments");
    assertEquals("arguments", kernel.name());
    assertSame(kernel, kernel.setInt(0, -2));
    assertSame(kernel, kernel.setLong(1, Long.MIN_VALUE + 3));
    assertSame(kernel, kernel.setFloat(2, -0.0f));
    assertSame(kernel, kernel.setDouble(3, Math.PI));
    assertSame(kernel, kernel.set(4, ints(77)).set(5, out));
    kernel.set(1, ints(5)).setLong(1, Long.MIN_VALUE + 3); // a number in a buffer's place
    kernel.cover(1, 1).launch(stream);
    long[] seen = new long[5];
    read(out).asLongBuffer().get(seen);
    long[] expected = {
      -2,
      Long.MIN_VALUE + 3,
      Float.floatToRawIntBits(-0.0f),
      Double.doubleToRawLongBits(Math.PI),
      77
    };
    assertArrayEquals(expected, seen);
  }

  @Test
  void aWholeComputationIsRight() {
    int count = 1000;
    float[] x = new float[count];
    float[] y = new float[count];
    float[] expected = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = i / 3f;
      y[i] = 100 - i;
      expected[i] = i < 999 ? Math.fma(0.1f, x[i], y[i]) : y[i];
    }
    DeviceBuffer result = floats(y);
    kernel("saxpy")
        .setInt(0, 999)
        .setFloat(1, 0.1f)
        .set(2, floats(x))
        .set(3, result)
        .cover(999, 128)
        .launch(stream);
    float[] seen = new float[count];
    read(result).asFloatBuffer().get(seen);
    assertArrayEquals(expected, seen);
  }

  @Test
  void aSliceBeginsAtItsOffset() {
    DeviceBuffer all = ints(1, 2, 3, 4, 5, 6, 7, 8);
    DeviceBuffer part = all.slice(8, 20, OPEN).slice(4, 12, OPEN); // 4, 5, 6
    affine(part, 10, 1).launch(stream);
    assertArrayEquals(new int[] {1, 2, 3, 41, 51, 61, 7, 8}, readInts(all));
  }

  @Test
  void memoryMappedFromTheHostIsAnArgumentToo() {
    PinnedBuffer pinned = keep(device.allocatePinned(12));
    pinned.unsafeBuffer().asIntBuffer().put(new int[] {1, 2, 3});
    affine(device.map(pinned).slice(4, 8, OPEN), 2, 0).launch(stream);
    stream.synchronize();
    assertEquals(
        List.of(1, 4, 6),
        List.of(
            pinned.unsafeBuffer().getInt(0),
            pinned.unsafeBuffer().getInt(4),
            pinned.unsafeBuffer().getInt(8)));
  }

  @Test
  void gridAndBlockAreThoseThatWereSet() {
    DeviceBuffer out = keep(device.allocate(24));
    DeviceKernel kernel = kernel("shape").set(0, out);
    kernel.grid(5, 3, 2).block(4, 2, 6).sharedBytes(1024).launch(stream);
    assertArrayEquals(new int[] {5, 3, 2, 4, 2, 6}, readInts(out));
    kernel.cover(1025, 512).launch(stream);
    assertArrayEquals(new int[] {3, 1, 1, 512, 1, 1}, readInts(out));
    kernel.cover(1024, 512).launch(stream);
    assertArrayEquals(new int[] {2, 1, 1, 512, 1, 1}, readInts(out));
    kernel.grid(1, 1, 2).block(1, 1024, 1).launch(stream);
    assertArrayEquals(new int[] {1, 1, 2, 1, 1024, 1}, readInts(out));
    kernel.block(1, 1, 64).launch(stream);
    assertArrayEquals(new int[] {1, 1, 2, 1, 1, 64}, readInts(out));
    kernel.sharedBytes(49_152).grid(1, 65_535, 1).grid(1, 1, 65_535).grid(Integer.MAX_VALUE, 1, 1);
  }

  @Test
  @DisplayName("shared memory is as large as it was set: twice, and anew for each launch")
  void sharedMemory() {
    DeviceBuffer x = ints(1, 2, 3, 4, 5, 6, 7, 8);
    DeviceKernel reverse = kernel("reverse").set(0, x).cover(8, 8).sharedBytes(32);
    reverse.launch(stream);
    assertArrayEquals(new int[] {8, 7, 6, 5, 4, 3, 2, 1}, readInts(x));
    reverse.block(3, 1, 1).sharedBytes(12).launch(stream);
    assertArrayEquals(new int[] {6, 7, 8, 5, 4, 3, 2, 1}, readInts(x));
  }

  /** A device under two faces, each with streams of its own. */
  private static final class Face extends ForwardingDevice {
    Face(Device inner) {
      super(inner);
    }

    @Override
    public DeviceStream newStream() {
      return new ForwardingStream(inner.newStream(), this) {};
    }
  }

  @Test
  void aKernelOfADeviceUnderTwoFacesIsLaunchedOnTheRealStream() {
    DeviceBuffer x = ints(1, 2);
    Device face = new Face(new Face(device));
    try (DeviceModule outer = face.load(TestKernels.SOURCE);
        DeviceKernel kernel = outer.kernel("affine");
        DeviceStream on = face.newStream()) {
      assertSame(face, outer.device());
      assertSame(face, on.device());
      set(kernel, x, 3, 1).launch(on);
      on.synchronize();
      assertArrayEquals(new int[] {4, 7}, readInts(x));
    }
  }

  @Test
  void aKernelMayTakeNothing() {
    kernel("nothing").cover(3, 1).launch(stream);
    stream.synchronize();
    assertRefused(
        IndexOutOfBoundsException.class, "it takes none", () -> kernel("nothing").setInt(0, 1));
  }

  @Test
  @DisplayName("what was set stays set; another value and another buffer take its place")
  void argumentsStay() {
    DeviceBuffer first = ints(1, 2);
    DeviceBuffer second = ints(3, 4);
    DeviceKernel kernel = affine(first, 2, 1);
    kernel.launch(stream);
    kernel.launch(stream);
    kernel.set(0, second).setInt(3, 0).launch(stream);
    assertArrayEquals(new int[] {7, 11}, readInts(first));
    assertArrayEquals(new int[] {6, 8}, readInts(second));
  }

  @Test
  void argumentsSetAfterALaunchDoNotChangeWhatIsQueued() {
    DeviceBuffer first = ints(1, 2, 3, 4);
    DeviceBuffer second = ints(5, 6, 7, 8);
    DeviceKernel kernel = kernel("affine");
    DeviceBuffer out = keep(device.allocate(24));
    DeviceKernel shape = kernel("shape").set(0, out).grid(7, 1, 1).block(3, 1, 1);
    try (TestDevice.Gate gate = TestDevice.gate(stream)) {
      set(kernel, first, 10, 1).launch(stream);
      set(kernel, second, 100, 2).launch(stream);
      set(kernel, first.slice(8, 8, OPEN), 2, 0).launch(stream);
      set(kernel, second.slice(0, 4, OPEN), 0, 0);
      shape.launch(stream);
      shape.grid(1, 2, 3).block(1, 2, 3);
      gate.open();
    }
    assertArrayEquals(new int[] {11, 21, 62, 82}, readInts(first));
    assertArrayEquals(new int[] {502, 602, 702, 802}, readInts(second));
    assertArrayEquals(new int[] {7, 1, 1, 3, 1, 1}, readInts(out));
  }

  @Test
  void aKernelClosedAfterALaunchStillRuns() {
    DeviceBuffer x = ints(1);
    try (TestDevice.Gate gate = TestDevice.gate(stream)) { // neither opening nor closing may wait
      try (DeviceKernel kernel = module.kernel("affine")) {
        set(kernel, x, 10, 1).launch(stream);
      }
      gate.open();
    }
    assertArrayEquals(new int[] {11}, readInts(x));
  }

  @Test
  void aClosedKernelKeepsNoBuffer() {
    DeviceBuffer x = ints(1);
    DeviceKernel kernel = kernel("affine");
    WeakReference<DeviceBuffer> slice = new WeakReference<>(x.slice(0, 4, OPEN));
    set(kernel, Objects.requireNonNull(slice.get()), 2, 0).launch(stream);
    stream.synchronize();
    kernel.close(); // kept for the end of the test, like the buffer itself
    Collected.await(slice);
    assertArrayEquals(new int[] {2}, readInts(x));
  }

  @Test
  void twoKernelsOfOneFunctionHaveArgumentsOfTheirOwn() {
    DeviceBuffer x = ints(1);
    DeviceBuffer y = ints(1);
    DeviceKernel one = affine(x, 2, 0);
    DeviceKernel other = affine(y, 3, 5);
    for (int i = 0; i < 3; i++) {
      one.launch(stream);
      other.launch(stream);
    }
    assertArrayEquals(new int[] {8}, readInts(x));
    assertArrayEquals(new int[] {92}, readInts(y));
  }

  // Streams

  @Test
  void launchesRunInTheOrderOfTheirStream() {
    DeviceBuffer x = ints(1, 2);
    PinnedBuffer source = keep(device.allocatePinned(8));
    source.unsafeBuffer().asIntBuffer().put(new int[] {5, 6});
    PinnedBuffer between = keep(device.allocatePinned(8));
    DeviceKernel times = affine(x, 10, 0);
    DeviceKernel plus = affine(x, 1, 3);
    try (TestDevice.Gate gate = TestDevice.gate(stream)) {
      times.launch(stream);
      stream.copyToDevice(source, 0, x, 0, 4);
      plus.launch(stream);
      stream.copyToHost(x, 0, between, 0, 8);
      times.launch(stream);
      gate.open();
    }
    assertArrayEquals(new int[] {80, 230}, readInts(x));
    assertEquals(8, between.unsafeBuffer().getInt(0));
    assertEquals(23, between.unsafeBuffer().getInt(4));
  }

  @Test
  void eventsOrderLaunchesOfTwoStreams() {
    DeviceStream other = keep(device.newStream());
    DeviceEvent there = keep(device.newEvent());
    DeviceEvent back = keep(device.newEvent());
    DeviceBuffer x = ints(1);
    DeviceKernel times = affine(x, 3, 0);
    DeviceKernel plus = affine(x, 1, 1);
    int expected = 1;
    try (TestDevice.Gate gate = TestDevice.gate(stream)) {
      for (int i = 0; i < 12; i++) {
        times.launch(stream);
        stream.record(there);
        other.waitFor(there);
        plus.launch(other);
        other.record(back);
        stream.waitFor(back);
        expected = 3 * expected + 1;
      }
      gate.open();
    }
    assertArrayEquals(new int[] {expected}, readInts(x));
  }

  @Test
  void theDefaultStreamTakesLaunches() {
    DeviceBuffer x = ints(4);
    affine(x, 2, 1).launch(device.defaultStream());
    device.defaultStream().synchronize();
    assertArrayEquals(new int[] {9}, readInts(x));
  }

  @Test
  void manyLaunchesMayBeQueued() {
    DeviceBuffer x = ints(0);
    DeviceKernel kernel = affine(x, 1, 0);
    int expected = 0;
    try (TestDevice.Gate gate = TestDevice.gate(stream)) {
      for (int i = 1; i <= 100; i++) {
        kernel.setInt(2, i % 3 + 1).setInt(3, i).launch(stream);
        expected = expected * (i % 3 + 1) + i;
      }
      gate.open();
    }
    assertArrayEquals(new int[] {expected}, readInts(x));
  }

  @Test
  void threadsLaunchKernelsOfTheirOwnAtOnce() throws Exception {
    int launches = TestDevice.effort(1000);
    List<DeviceBuffer> results = new ArrayList<>();
    List<Caller.Body> work = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      DeviceBuffer x = ints(t, 2 * t);
      DeviceStream own = keep(device.newStream());
      DeviceKernel kernel = affine(x, 1, 0);
      results.add(x);
      work.add(() -> addAll(kernel, own, launches));
    }
    List<Caller<Boolean>> tasks = work.stream().map(Caller::run).toList();
    int sum = launches * (launches - 1) / 2;
    for (int t = 0; t < 4; t++) {
      tasks.get(t).result();
      assertArrayEquals(new int[] {t + sum, 2 * t + sum}, readInts(results.get(t)));
    }
  }

  private static void addAll(DeviceKernel affine, DeviceStream stream, int below) {
    for (int i = 0; i < below; i++) {
      affine.setInt(3, i).launch(stream);
    }
    stream.synchronize();
  }

  // Misuse

  @Test
  void anArgumentOfAnotherTypeIsRefused() {
    DeviceKernel kernel = kernel("arguments");
    DeviceBuffer x = ints(1);
    Class<IllegalArgumentException> refused = IllegalArgumentException.class;
    assertRefused(
        refused,
        "kernel arguments: parameter 0 is INT32, not POINTER_OR_INT64",
        () -> kernel.set(0, x));
    assertRefused(refused, "0 is INT32, not POINTER_OR_INT64", () -> kernel.setLong(0, 1));
    assertRefused(refused, "0 is INT32, not FLOAT32", () -> kernel.setFloat(0, 1));
    assertRefused(refused, "0 is INT32, not FLOAT64", () -> kernel.setDouble(0, 1));
    assertRefused(refused, "1 is POINTER_OR_INT64, not INT32", () -> kernel.setInt(1, 1));
    assertRefused(refused, "2 is FLOAT32, not INT32", () -> kernel.setInt(2, 1));
    assertRefused(refused, "3 is FLOAT64, not FLOAT32", () -> kernel.setFloat(3, 1));
  }

  @Test
  void aParameterThatIsNotThereIsRefused() {
    DeviceKernel kernel = kernel("affine");
    for (int parameter : new int[] {-1, 4}) {
      assertRefused(
          IndexOutOfBoundsException.class,
          "kernel affine has no parameter " + parameter + ": it takes 4, numbers 0 to 3",
          () -> kernel.setInt(parameter, 1));
    }
  }

  @Test
  void anArgumentThatWasNeverSetIsTold() {
    DeviceKernel kernel = kernel("affine").set(0, ints(1)).setInt(1, 1).setInt(3, 1).cover(1, 32);
    assertRefused(
        IllegalStateException.class,
        "kernel affine: parameter 2, INT32, was never set",
        () -> kernel.launch(stream));
    kernel.setInt(2, 1).launch(stream);
    stream.synchronize();
  }

  @Test
  @DisplayName("a grid or block that was never set is told: on a GPU most threads would be missing")
  void aGridThatWasNeverSetIsTold() {
    DeviceBuffer x = ints(1, 2);
    DeviceKernel kernel = kernel("affine").set(0, x).setInt(1, 2).setInt(2, 10).setInt(3, 0);
    assertRefused(
        IllegalStateException.class,
        "kernel affine: the number of blocks was never set; set both with cover(elements, threads)",
        () -> kernel.launch(stream));
    kernel.grid(1, 1, 1);
    assertRefused(
        IllegalStateException.class,
        "kernel affine: the number of threads in a block was never set",
        () -> kernel.launch(stream));
    assertArrayEquals(new int[] {1, 2}, readInts(x));
    kernel.block(2, 1, 1).launch(stream);
    assertArrayEquals(new int[] {10, 20}, readInts(x));
  }

  @Test
  void aGridOutOfRangeIsRefusedAndTheOneBeforeStays() {
    DeviceBuffer out = keep(device.allocate(24));
    DeviceKernel kernel = kernel("shape").set(0, out).grid(2, 3, 4).block(5, 6, 7);
    List<Executable> wrong =
        List.of(
            () -> kernel.grid(0, 1, 1),
            () -> kernel.grid(1, 0, 1),
            () -> kernel.grid(1, 1, 0),
            () -> kernel.grid(1, 65_536, 1),
            () -> kernel.grid(1, 1, 65_536),
            () -> kernel.block(0, 1, 1),
            () -> kernel.block(1, 0, 1),
            () -> kernel.block(1, 1, 0),
            () -> kernel.block(-1, -1, 1),
            () -> kernel.block(1_025, 1, 1),
            () -> kernel.block(1, 1_025, 1),
            () -> kernel.block(33, 32, 1),
            () -> kernel.block(1, 1, 65),
            () -> kernel.block(65_536, 65_536, 64),
            () -> kernel.sharedBytes(-1),
            () -> kernel.sharedBytes(49_153),
            () -> kernel.cover(0, 32),
            () -> kernel.cover(32, 0),
            () -> kernel.cover(32, 1_025),
            () -> kernel.cover(1L << 41, 512));
    for (Executable each : wrong) {
      assertRefused(IllegalArgumentException.class, "shape: ", each);
    }
    kernel.launch(stream);
    assertArrayEquals(new int[] {2, 3, 4, 5, 6, 7}, readInts(out));
  }

  @Test
  void aClosedBufferIsRefusedAtTheLaunch() {
    DeviceBuffer closed = device.allocate(8);
    DeviceKernel kernel = affine(closed, 1, 1);
    DeviceKernel slice = affine(closed.slice(4, 4, OPEN), 1, 1);
    closed.close();
    assertRefused(IllegalStateException.class, "closed", () -> kernel.launch(stream));
    assertRefused(IllegalStateException.class, "closed", () -> slice.launch(stream));
    DeviceBuffer open = ints(3);
    set(kernel, open, 2, 2).launch(stream); // the refused launch has done no harm
    assertArrayEquals(new int[] {8}, readInts(open));
  }

  @Test
  void aRefusedLaunchHoldsNoMemory() {
    DeviceBuffer first = device.allocate(4);
    DeviceBuffer second = device.allocate(4);
    DeviceKernel kernel = kernel("saxpy").setInt(0, 1).setFloat(1, 1).set(2, first).set(3, second);
    kernel.cover(1, 32);
    second.close();
    assertThrows(IllegalStateException.class, () -> kernel.launch(stream));
    first.close(); // else it would be live: see nothingIsLeft
  }

  @Test
  void theGuardOfASliceIsAskedAtEachLaunch() {
    AtomicInteger asked = new AtomicInteger();
    DeviceBuffer x = ints(1);
    DeviceBuffer guarded =
        x.slice(
            0,
            4,
            () -> {
              if (asked.incrementAndGet() > 2) {
                throw new IllegalStateException("the batch is closed");
              }
            });
    DeviceKernel kernel = affine(guarded, 10, 1);
    assertEquals(0, asked.get(), "asked when it was set");
    kernel.launch(stream);
    kernel.launch(stream);
    assertEquals(2, asked.get());
    assertRefused(IllegalStateException.class, "the batch is closed", () -> kernel.launch(stream));
    assertArrayEquals(new int[] {111}, readInts(x));
  }

  @Test
  void whatBelongsToAnotherDeviceIsRefused() {
    try (Device other = TestDevice.open();
        DeviceBuffer foreign = other.allocate(4);
        DeviceStream foreignStream = other.newStream()) {
      DeviceKernel kernel = affine(ints(1), 1, 1);
      assertRefused(IllegalArgumentException.class, "another device", () -> kernel.set(0, foreign));
      assertRefused(
          IllegalArgumentException.class, "another device", () -> kernel.launch(foreignStream));
      assertRefused(
          IllegalArgumentException.class,
          "another device",
          () -> kernel.launch(other.defaultStream()));
    }
  }

  @Test
  void anUnknownKernelIsToldWithThoseThereAre() {
    assertRefused(
        IllegalArgumentException.class,
        "no kernel sxapy in cuda/launches.ptx: it has saxpy, arguments, shape, affine, reverse,"
            + " foreign, nothing, stray",
        () -> module.kernel("sxapy"));
  }

  // Ends

  @Test
  void whatIsClosedIsNotLaunched() {
    DeviceBuffer x = ints(1);
    DeviceStream gone = device.newStream();
    gone.close();
    DeviceKernel kernel = affine(x, 2, 0);
    assertRefused(IllegalStateException.class, "closed", () -> kernel.launch(gone));
    DeviceKernel closed = affine(x, 3, 0);
    closed.close();
    closed.close();
    assertRefused(
        IllegalStateException.class, "this kernel affine is closed", () -> closed.launch(stream));
    DeviceModule another = device.load(TestKernels.SOURCE);
    DeviceKernel orphan = set(keep(another.kernel("affine")), x, 5, 0);
    assertSame(device, another.device());
    another.close();
    another.close();
    assertRefused(
        IllegalStateException.class,
        "this module cuda/launches.ptx is closed",
        () -> orphan.launch(stream));
    assertRefused(
        IllegalStateException.class,
        "this module cuda/launches.ptx is closed",
        () -> another.kernel("affine"));
    kernel.launch(stream);
    assertArrayEquals(new int[] {2}, readInts(x));
  }

  @Test
  void modulesAndKernelsAreCountedUntilTheyAreClosed() {
    int before = TestDevice.handles(device);
    DeviceModule another = device.load(TestKernels.SOURCE);
    assertEquals(before + 1, TestDevice.handles(device));
    DeviceKernel kernel = another.kernel("affine");
    assertEquals(before + 2, TestDevice.handles(device));
    another.close();
    assertEquals(before + 1, TestDevice.handles(device));
    kernel.close();
    assertEquals(before, TestDevice.handles(device));
    assertThrows(IllegalArgumentException.class, () -> module.kernel("none"));
    assertEquals(before, TestDevice.handles(device));
  }

  @Test
  void aClosedDeviceLoadsNothingButItsModulesGoOn() {
    DeviceBuffer x = ints(1);
    device.close();
    assertThrows(IllegalStateException.class, () -> device.load(TestKernels.SOURCE));
    affine(x, 2, 3).launch(stream);
    assertArrayEquals(new int[] {5}, readInts(x));
  }
}
