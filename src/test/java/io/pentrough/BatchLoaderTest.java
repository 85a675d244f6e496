package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a loader and a queue promise alike, and where a batch lies. */
@OnEveryDevice
@ResourceLock("java.util.logging")
class BatchLoaderTest {

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  /** Both kinds, with numbered batches. */
  enum Kind {
    LOADER,
    QUEUE
  }

  private BatchLoader start(Kind kind, int batches) throws InterruptedException {
    return start(kind, batches, device.defaultStream());
  }

  private BatchLoader start(Kind kind, int batches, DeviceStream stream)
      throws InterruptedException {
    if (kind == Kind.LOADER) {
      return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
          .name("numbers")
          .consumerStream(stream)
          .batchesPerEpoch(batches)
          .epochs(1)
          .start();
    }
    BatchQueue queue =
        BatchQueue.builder(device, Numbered.SPEC.slotBytes())
            .name("numbers")
            .consumerStream(stream)
            .start();
    for (int i = 0; i < batches; i++) {
      queue.submit(Numbered.SPEC, Numbered::fill);
    }
    queue.endSubmissions();
    return queue;
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("each way to get delivers the next batch, and the end in its own way")
  void everyWay(Kind kind) throws Exception {
    try (DeviceStream stream = device.newStream();
        DeviceStream other = device.newStream();
        BatchLoader loader = start(kind, 8, stream)) {
      assertEquals("numbers", loader.name());
      Numbered.check(0, loader.get());
      Numbered.check(1, loader.get(patience()));
      checkOn(other, 2, loader.get(other, patience()));
      checkOn(stream, 3, notTheEnd(loader.poll(patience())));
      checkOn(other, 4, notTheEnd(loader.poll(other, patience())));
      checkQueued(stream, 5, loader.getQueued());
      checkQueued(stream, 6, loader.getQueued(patience()));
      checkQueued(other, 7, loader.getQueued(other, patience()));
      assertNull(loader.poll(patience()));
      assertNull(loader.poll(other, Duration.ZERO));
      assertThrows(NoSuchElementException.class, loader::get);
      assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
      assertThrows(NoSuchElementException.class, loader::getQueued);
      assertThrows(NoSuchElementException.class, () -> loader.getQueued(patience()));
      assertEquals(8, loader.stats().batches());
    }
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("closed is not the end: every way to get says so, and the name and figures stay")
  void closed(Kind kind) throws Exception {
    BatchLoader loader = start(kind, 1);
    loader.close();
    assertThrows(LoaderClosedException.class, loader::get);
    assertThrows(LoaderClosedException.class, () -> loader.poll(patience()));
    assertThrows(LoaderClosedException.class, loader::getQueued);
    assertThrows(LoaderClosedException.class, () -> loader.batches().iterator().hasNext());
    assertThrows(LoaderClosedException.class, loader::reset);
    assertEquals("numbers", loader.name());
    assertEquals(0, loader.stats().batches());
  }

  private static DeviceBatch notTheEnd(@Nullable DeviceBatch batch) {
    return Objects.requireNonNull(batch, "the end");
  }

  private static void checkOn(DeviceStream stream, long index, DeviceBatch batch) {
    assertEquals(stream, batch.stream());
    Numbered.check(index, batch);
  }

  private static void checkQueued(DeviceStream stream, long index, DeviceBatch batch) {
    assertEquals(stream, batch.stream());
    try (batch) {
      long[] number = new long[1];
      batch.array(0).copyTo(number);
      assertEquals(index, number[0]);
      assertEquals(index, batch.index());
    }
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("the loop of poll's documentation sees every batch once; so does batches()")
  void loops(Kind kind) throws Exception {
    List<Long> seen = new ArrayList<>();
    try (BatchLoader loader = start(kind, 5)) {
      DeviceBatch next;
      while ((next = loader.poll(patience())) != null) {
        try (DeviceBatch batch = next) {
          seen.add(Numbered.number(batch));
        }
      }
    }
    try (BatchLoader loader = start(kind, 3)) {
      for (DeviceBatch batch : loader.batches()) {
        seen.add(Numbered.number(batch));
      }
    }
    assertEquals(List.of(0L, 1L, 2L, 3L, 4L, 0L, 1L, 2L), seen);
  }

  private static BatchTarget behind(CountDownLatch gate) {
    return (out, context) -> {
      await(gate);
      Numbered.fill(out, context);
    };
  }

  @Test
  @DisplayName("a timeout is not the end: poll throws, and the next poll has the same batch")
  void pollTimesOut() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, behind(gate))
            .batchesPerEpoch(1)
            .epochs(1)
            .start()) {
      assertThrows(BatchTimeoutException.class, () -> loader.poll(Duration.ZERO));
      assertThrows(BatchTimeoutException.class, () -> loader.getQueued(Duration.ZERO));
      gate.countDown();
      Numbered.check(0, notTheEnd(loader.poll(patience())));
      assertNull(loader.poll(Duration.ZERO));
    }
  }

  @Test
  @DisplayName("I5: getQueued without bound says what it waits for, again and again")
  void getQueuedIsNotSilent() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, behind(gate))
            .warnAfter(Duration.ofMillis(1))
            .start()) {
      Caller<DeviceBatch> consumer = Caller.start(loader::getQueued);
      until("two warnings", () -> log.containing("no batch after").size() >= 2);
      gate.countDown();
      checkQueued(device.defaultStream(), 0, consumer.result());
    }
  }

  @Test
  @DisplayName("a stream that is being captured has its own exception: nothing is taken or closed")
  void capturing() throws Exception {
    try (DeviceStream stream = device.newStream();
        BatchLoader loader = start(Kind.LOADER, 2)) {
      Capturing capturing = new Capturing(stream);
      DeviceBatch batch = loader.get(capturing, patience());
      capturing.on = true;
      assertThrows(StreamCapturingException.class, () -> loader.get(capturing, patience()));
      assertThrows(StreamCapturingException.class, () -> loader.poll(capturing, patience()));
      assertThrows(StreamCapturingException.class, () -> loader.getQueued(capturing, patience()));
      assertSays(assertThrows(StreamCapturingException.class, batch::close), "outside the capture");
      assertEquals(0, Numbered.number(batch), "it is still open");
      capturing.on = false;
      batch.close();
      Numbered.check(1, loader.get(patience()));
    }
  }

  /** Says that it is being captured whenever a test wants it to. */
  private static final class Capturing extends ForwardingStream {
    private volatile boolean on;

    Capturing(DeviceStream stream) {
      super(stream, stream.device());
    }

    @Override
    public boolean isCapturing() {
      return on;
    }
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("a specification that stages deliver describes a target's batch like any other")
  void deliveredSpecification(Kind kind) throws Exception {
    BatchSpec bytes =
        BatchSpec.builder()
            .array("image", DType.UINT8, 4)
            .variableArray("label", DType.INT32, 2)
            .build();
    BatchSpec floats;
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, bytes, (out, context) -> {})
                .stage(new TestStages.Expand())
                .start();
        DeviceBatch batch = loader.get(patience())) {
      floats = batch.spec();
    }
    BatchSpec same =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 4)
            .variableArray("label", DType.INT32, 2)
            .build();
    assertEquals(same, floats);
    BatchTarget target =
        (out, context) -> {
          for (int i = 0; i < 4; i++) {
            out.array("image").setFloat(i, (float) context.index() + i);
          }
          out.array("label").setInt(0, 7);
          out.array("label").setInt(1, (int) context.index());
        };
    try (BatchLoader loader = start(kind, List.of(floats, same, same, floats, floats), target)) {
      for (int i = 0; i < 5; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          float[] image = new float[4];
          int[] label = new int[2];
          batch.array("image").copyTo(image);
          batch.array("label").copyTo(label);
          assertArrayEquals(new float[] {i, i + 1, i + 2, i + 3}, image);
          assertArrayEquals(new int[] {7, i}, label);
        }
      }
    }
  }

  private BatchLoader start(Kind kind, List<BatchSpec> specs, BatchTarget target)
      throws InterruptedException {
    if (kind == Kind.LOADER) {
      return BackgroundLoader.builder(device, specs.get(0), target).start();
    }
    BatchQueue queue = BatchQueue.builder(device, specs.get(0).slotBytes()).start();
    for (BatchSpec spec : specs) {
      queue.submit(spec, target);
    }
    return queue;
  }

  @ParameterizedTest(name = "without a copy: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("slot() names the batch's place in the ring, and a slot's memory never moves")
  void slots(boolean zeroCopy) throws Exception {
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
            .hostSlots(2)
            .deviceSlots(3)
            .zeroCopy(zeroCopy);
    int slots = builder.plan().deviceSlots();
    assertEquals(zeroCopy ? 5 : 3, slots);
    Object[] memory = new Object[slots];
    int[] uses = new int[slots];
    try (BackgroundLoader loader = builder.start()) {
      for (int i = 0; i < 10 * slots; i++) {
        DeviceBatch batch = loader.get(patience());
        int slot = batch.slot();
        Object here = memory(batch.array(0).buffer());
        if (uses[slot]++ == 0) {
          memory[slot] = here;
        } else {
          assertSameMemory(memory[slot], here, i);
        }
        batch.close();
        assertEquals(slot, batch.slot(), "known after close");
      }
      Set<Integer> all = new TreeSet<>();
      List<DeviceBatch> open = new ArrayList<>();
      for (int i = 0; i < slots; i++) {
        open.add(loader.get(patience()));
        all.add(open.get(i).slot());
      }
      open.forEach(DeviceBatch::close);
      assertEquals(IntStream.range(0, slots).boxed().collect(Collectors.toSet()), all);
    }
  }

  /** The address; or a view of the memory, which has none for Java. */
  private static Object memory(DeviceBuffer buffer) {
    return TestDevice.IS_CUDA ? CudaDevice.pointer(buffer).toString() : TestDevice.bytes(buffer);
  }

  private static void assertSameMemory(Object earlier, Object now, long index) {
    if (TestDevice.IS_CUDA) {
      assertEquals(earlier, now);
    } else {
      assertEquals(index, ((ByteBuffer) earlier).getLong(0), "an old view shows the new batch");
    }
  }
}
