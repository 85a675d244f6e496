package io.pentrough;

import static io.pentrough.testkit.Numbered.check;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The consumer works in the slot that the target wrote. */
@OnEveryDevice
class ZeroCopyTest {

  private final Device device = TestDevice.openForGates();

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).zeroCopy(true);
  }

  @ParameterizedTest(name = "{0} workers, {1} + {2} slots")
  @CsvSource({"1,1,1", "4,1,1", "2,1,4"})
  @DisplayName("I3: in order, with any depth and number of workers")
  void order(int workers, int hostSlots, int deviceSlots) throws Exception {
    try (BackgroundLoader loader =
        loader().workers(workers).hostSlots(hostSlots).deviceSlots(deviceSlots).start()) {
      for (int i = 0; i < 300; i++) {
        check(i, loader.get());
      }
    }
  }

  @Test
  @DisplayName("nothing is copied: what the target's buffer shows is what the lease shows")
  void sameMemory() throws Exception {
    Map<Long, ByteBuffer> written = new ConcurrentHashMap<>();
    BatchTarget keeps =
        (out, context) -> {
          Numbered.fill(out, context);
          written.put(context.index(), out.array(0).unsafeBuffer());
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, keeps).zeroCopy(true).start()) {
      check(0, loader.get());
      try (DeviceBatch batch = loader.get()) {
        Objects.requireNonNull(written.get(1L)).putLong(0, 77);
        assertEquals(77, Numbered.number(batch));
      }
    }
  }

  @Test
  @DisplayName("both depths make one ring: a caller may hold all of it, but not wait then")
  void depth() throws Exception {
    try (BackgroundLoader loader = loader().hostSlots(2).deviceSlots(1).start();
        DeviceBatch first = loader.get();
        DeviceBatch second = loader.get();
        DeviceBatch third = loader.get()) {
      assertThrows(IllegalStateException.class, loader::get);
      assertEquals(0, Numbered.number(first));
      assertEquals(1, Numbered.number(second));
      assertEquals(2, Numbered.number(third));
    }
  }

  @Test
  @DisplayName("I2: no target writes a slot before the work queued on it has run")
  void targetWaitsForConsumersWork() throws Exception {
    try (DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            loader().hostSlots(1).deviceSlots(1).consumerStream(stream).start()) {
      for (int i = 0; i < 40; i += 2) {
        DeviceBatch batch = loader.get();
        try (TestDevice.LateReader reader =
            TestDevice.lateReader(stream, batch.array(0).buffer())) {
          batch.close();
          try (DeviceBatch other = loader.get()) {
            assertEquals(i + 1, other.index());
            // One slot is leased, the other one not yet given back: there is nowhere to fill.
            assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(1)));
          }
          reader.open();
          stream.synchronize();
          assertEquals(i, reader.seen().getLong(0));
        }
      }
    }
  }

  @Test
  @DisplayName("I3, I4: failures at their place, and a reset leaves leases as they are")
  void failureAndReset() throws Exception {
    Exception failure = new Exception("the second");
    BatchTarget failing =
        (out, context) -> {
          if (context.index() == 1) {
            throw failure;
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, failing).zeroCopy(true).start();
        DeviceBatch first = loader.get()) {
      assertSame(failure, assertThrows(TargetException.class, loader::get).getCause());
      loader.reset();
      check(2, loader.get());
      assertEquals(0, Numbered.number(first));
    }
  }
}
