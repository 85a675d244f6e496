package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What a loader uses is closed before it: said in words, wherever it is noticed. */
@OnEveryDevice(everySchedule = false)
class ClosedStreamTest {

  private static final String ADVICE = "a stream must outlive what uses it, so close the loaders";

  private final Device device = TestDevice.open();

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
              () -> loader.get(patience()),
              () -> loader.get(stream, patience()),
              () -> loader.getQueued(stream, patience()))) {
        assertRefused(get);
      }
      check(1, loader.get(other, patience()));
      check(2, loader.get(device.defaultStream(), patience()));
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
      assertRefused(() -> queue.getQueued(stream, patience()));
      check(0, queue.get(device.defaultStream(), patience()));
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
    try (Device own = HostDevice.open()) { // not the test's: its memory may be left
      DeviceStream stream = own.newStream();
      try (BackgroundLoader loader =
          BackgroundLoader.builder(own, Numbered.SPEC, Numbered::fill).start()) {
        DeviceBatch held = loader.get(stream, patience());
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
        check(i, i % 2 == 0 ? loader.get(patience()) : loader.get(stream, patience()));
      }
      IllegalStateException e = assertThrows(IllegalStateException.class, builder::start);
      assertSays(e, "closed", "hands out nothing new");
    }
    assertTrue(TestDevice.nothingLive(own));
  }
}
