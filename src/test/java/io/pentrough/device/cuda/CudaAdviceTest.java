package io.pentrough.device.cuda;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.WorkFailedException;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Patience;
import java.util.List;
import jcuda.driver.CUcontext;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What messages say to do next, and what an application asks of a device to work on its own. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaAdviceTest {

  @BeforeEach
  void start() {
    CudaNatives.start();
  }

  private static DeviceException failure(int code) {
    return CudaDriver.failure("cuda:0", "cuAny", code, "");
  }

  @ParameterizedTest
  @ValueSource(ints = {214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721})
  @DisplayName("after work has failed, only a new process can go on")
  void restart(int code) {
    String message = String.valueOf(failure(code).getMessage());
    assertInstanceOf(WorkFailedException.class, failure(code), message);
    assertTrue(
        message.contains("CUDA works no more in this process: end it and start it anew"), message);
    assertTrue(message.startsWith("cuda:0: cuAny failed with " + code + " CUDA_ERROR_"), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4|close loaders and devices before that",
        "46|nvidia-smi -q -d COMPUTE",
        "201|there is no such context",
        "304|dmesg",
        "709|there is no such context",
        "802|nvidia-fabricmanager",
        "803|/proc/driver/nvidia/version",
        "804|compat",
        "805|CUDA_MPS_PIPE_DIRECTORY",
        "806|nvidia-cuda-mps-control",
        "807|try again in some seconds",
        "808|end another one",
        "809|CUDA_DEVICE_MAX_CONNECTIONS",
        "810|end it and start it anew",
        "900|end it first",
        "999|Xid"
      })
  @DisplayName("other codes are told with what to do next, and do not say that work is over")
  void advice(int code, String words) {
    String message = String.valueOf(failure(code).getMessage());
    assertSame(DeviceException.class, failure(code).getClass(), message);
    assertTrue(message.contains("; ") && message.contains(words), message);
  }

  @Test
  @DisplayName("a loader broken by failed work does not advise another loader")
  void noOtherLoader() throws Exception {
    CudaDevice device = CudaDevice.open(0);
    try (BackgroundLoader loader = Session.loader(device).start()) {
      DeviceBatch batch = loader.get(patience());
      CudaSim.killContext(0, 700);
      assertThrows(WorkFailedException.class, batch::close);
      String message =
          String.valueOf(assertThrows(DeviceException.class, loader::get).getMessage());
      assertTrue(message.startsWith("session is broken: "), message);
      assertTrue(message.contains("end it and start it anew"), message);
      assertTrue(message.endsWith("; close it"), message);
    }
  }

  // ---- a device that is there and cannot be had

  @Test
  @DisplayName("a device that another process keeps for itself is not available, and that is said")
  void exclusive() {
    CudaSim.fault("cuDevicePrimaryCtxRetain", 1, 46);
    String why = CudaDevice.whyUnavailable().orElse("available");
    assertTrue(why.startsWith("cuda:0: cuDevicePrimaryCtxRetain failed with 46 "), why);
    assertTrue(why.contains("CUDA_VISIBLE_DEVICES"), why);
    assertTrue(CudaDevice.whyUnavailable().isEmpty(), "later it may be free");
    assertEquals(CudaSim.Live.NONE, CudaSim.live(), "asking leaves nothing");

    for (int nth = 1; nth <= 2; nth++) { // when it is asked, or when it is opened
      CudaSim.fault("cuDevicePrimaryCtxRetain", nth, 46);
      try (Device best = Device.best()) {
        assertTrue(best.description().startsWith("host (no CUDA: cuda:0: "), best.description());
        assertTrue(best.description().contains("failed with 46 "), best.description());
      }
      CudaSim.clearFaults();
    }
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
  }

  @Test
  @DisplayName("asking for a device that is open does it no harm")
  void askedWhileOpen() {
    try (CudaDevice device = CudaDevice.open(0)) {
      assertTrue(CudaDevice.whyUnavailable().isEmpty());
      device.allocate(8).close();
    }
    assertEquals(List.of(), CudaSim.leaks());
    assertEquals(List.of(), CudaSim.violations());
  }

  // ---- the application's own work

  @Test
  @DisplayName("open makes nothing current if asked to")
  void nothingCurrent() throws Exception {
    CUcontext before = current();
    try (CudaDevice device = CudaDevice.builder().makeCurrent(false).open(0)) {
      assertEquals(before, current());
      Session.run(device);
      assertEquals(before, current());
      try (CudaDevice usual = CudaDevice.builder().makeCurrent(true).open(0)) {
        assertEquals(usual.context().handle, current());
      }
    } finally {
      CudaDriver.code(c -> JCudaDriver.cuCtxSetCurrent(c), before);
    }
    assertEquals(List.of(), CudaSim.violations());
  }

  private static CUcontext current() {
    CUcontext current = new CUcontext();
    CudaDriver.code(c -> JCudaDriver.cuCtxGetCurrent(c), current);
    return current;
  }

  @Test
  @DisplayName("the handle of a stream, whoever made it")
  void streams() {
    try (CudaDevice device = CudaDevice.open(0);
        HostDevice host = HostDevice.open();
        DeviceStream foreign = host.newStream()) {
      DeviceStream stream = device.newStream();
      CUstream handle = CudaDevice.stream(stream);
      assertEquals(0, JCudaDriver.cuStreamQuery(handle));
      DeviceStream again = device.wrap(handle);
      assertEquals(stream, again);
      assertEquals(handle, CudaDevice.stream(again));
      assertEquals(JCudaDriver.CU_STREAM_LEGACY, CudaDevice.stream(device.defaultStream()));
      again.close();
      stream.close();
      assertThrows(IllegalStateException.class, () -> CudaDevice.stream(stream));
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> CudaDevice.stream(foreign));
      assertFalse(String.valueOf(e.getMessage()).isEmpty());
      assertTrue(
          String.valueOf(e.getMessage()).contains("this stream belongs to host"), e::getMessage);
    }
    assertEquals(List.of(), CudaSim.violations());
  }
}
