package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.Numbered.check;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/** What a loader uses is closed before it: said in words, wherever it is noticed. */
@OnEveryDevice(everySchedule = false)
@Timeout(60)
class ClosedStreamTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String ADVICE = "a stream must outlive what uses it, so close the loaders";

  private final Device device = TestDevice.open();

  @AfterEach
  void nothingIsLeft() {
    TestDevice.assertNothingLive(device);
    device.close();
  }

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill);
  }

  private static void assertRefused(Executable use) {
    assertSays(assertThrows(IllegalStateException.class, use), "is closed", ADVICE);
  }

  @Test
  @DisplayName("get refuses it before it takes anything; with another stream it goes on")
  void inGet() throws Exception {
    DeviceStream stream = device.newStream();
    try (BackgroundLoader loader = loader().consumerStream(stream).start();
        DeviceStream other = device.newStream()) {
      check(0, loader.get());
      stream.close();
      for (Executable get :
          List.<Executable>of(
              loader::get,
              () -> loader.get(PATIENCE),
              () -> loader.get(stream, PATIENCE),
              () -> loader.getQueued(stream, PATIENCE))) {
        assertRefused(get);
      }
      check(1, loader.get(other, PATIENCE));
      check(2, loader.get(device.defaultStream(), PATIENCE));
    }
  }

  @Test
  @DisplayName("a queue refuses it alike")
  void inAQueue() throws Exception {
    DeviceStream stream = device.newStream();
    try (BatchQueue queue = BatchQueue.builder(device, 256).consumerStream(stream).start()) {
      queue.submit(Numbered.SPEC, Numbered::fill);
      stream.close();
      assertRefused(queue::get);
      assertRefused(() -> queue.getQueued(stream, PATIENCE));
      check(0, queue.get(device.defaultStream(), PATIENCE));
    }
  }

  @Test
  @DisplayName("start refuses it, and has allocated nothing")
  void beforeStart() {
    DeviceStream stream = device.newStream();
    BackgroundLoader.Builder loader = loader().consumerStream(stream);
    BatchQueue.Builder queue = BatchQueue.builder(device, 256).consumerStream(stream);
    stream.close();
    assertRefused(loader::start);
    assertRefused(queue::start);
    TestDevice.assertNothingLive(device);
    loader.consumerStream(device.defaultStream()).start().close();
  }

  @Test
  @DisplayName("I2: closing a batch says it, and the next get says it again")
  void underALease() throws Exception {
    assumeFalse(TestDevice.IS_CUDA, "its memory is left, which the driver reports");
    try (Device own = TestDevice.open()) {
      DeviceStream stream = own.newStream();
      try (BackgroundLoader loader =
          BackgroundLoader.builder(own, Numbered.SPEC, Numbered::fill).start()) {
        DeviceBatch held = loader.get(stream, PATIENCE);
        stream.close();
        assertRefused(() -> held.array(0).copyTo(ByteBuffer.allocate(8)));
        assertRefused(() -> held.array(0).copyTo(new long[1]));
        assertRefused(held::close);
        DeviceException broken = assertThrows(DeviceException.class, loader::get);
        assertSays(broken, "is broken", ADVICE);
        assertSays(Objects.requireNonNull(broken.getCause()), ADVICE);
      }
    }
  }

  @Test
  @DisplayName("a closed device: a running loader goes on, another does not start")
  void closedDevice() throws Exception {
    Device own = TestDevice.open();
    BackgroundLoader.Builder builder = BackgroundLoader.builder(own, Numbered.SPEC, Numbered::fill);
    try (DeviceStream stream = own.newStream(); // for which there was no lease before
        BackgroundLoader loader = builder.start()) {
      own.close();
      for (int i = 0; i < 5; i++) {
        check(i, i % 2 == 0 ? loader.get(PATIENCE) : loader.get(stream, PATIENCE));
      }
      IllegalStateException e = assertThrows(IllegalStateException.class, builder::start);
      assertSays(e, "closed", "hands out nothing new");
    }
    assertTrue(TestDevice.nothingLive(own));
  }
}
