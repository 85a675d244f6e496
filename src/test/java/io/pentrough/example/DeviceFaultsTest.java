package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.StageException;
import io.pentrough.TargetException;
import io.pentrough.device.DeviceException;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.TroubledDriver;
import io.pentrough.testkit.Patience;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the learner uses on the device fails: one clear error, nothing left behind, no hang. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DeviceFaultsTest {

  private static final int STEPS = 6;

  private static RuntimeException thrown(CudaDevice device) {
    return assertThrows(RuntimeException.class, () -> DeviceTraining.run(device, STEPS));
  }

  private static DeviceException failure(CudaDevice device) {
    return said(thrown(device));
  }

  /** What the device said, also where it was the loader's stage that it refused. */
  private static DeviceException said(RuntimeException thrown) {
    Throwable said = thrown;
    if (said instanceof TargetException) {
      said = said.getCause();
    }
    if (said instanceof StageException) {
      assertTrue(said.toString().contains("augmentation of image"), said::toString);
      said = said.getCause();
    }
    return assertInstanceOf(DeviceException.class, said, thrown::toString);
  }

  @ParameterizedTest(name = "{0}, the {1}th, with {2}")
  @CsvSource({
    "cublasCreate_v2, 1, 1, cublasCreate",
    "cublasCreate_v2, 1, 3, cublasCreate",
    "cublasSetStream_v2, 1, 1, cublasSetStream",
    "cublasSgemm_v2, 1, 13, cublasSgemm",
    "cublasSgemm_v2, 2, 13, cublasSgemm",
    "cublasSgemm_v2, 13, 13, cublasSgemm",
    "cublasSgemm_v2, 30, 14, cublasSgemm",
    "cuLaunchKernel, 1, 719, cuLaunchKernel", // the loader's stage is first
    "cuLaunchKernel, 7, 701, cuLaunchKernel",
    "cuLaunchKernel, 20, 701, cuLaunchKernel",
    "cuModuleLoadDataEx, 1, 218, cuModuleLoadDataEx",
    "cuModuleLoadDataEx, 1, 209, cuModuleLoadDataEx",
    "cuModuleGetFunction, 3, 500, cuModuleGetFunction",
    "cuModuleLoadDataEx, 2, 218, cuModuleLoadDataEx", // the stage's
    "cuModuleGetFunction, 7, 500, cuModuleGetFunction", // the stage's
    "cuStreamCreate, 1, 2, cuStreamCreate",
    "cuMemcpyDtoHAsync_v2, 2, 719, cuMemcpyDtoHAsync",
  })
  @DisplayName("a refused call is told by its name, once, and nothing is left")
  void aCallIsRefused(String call, int nth, int code, String named) {
    try (CudaDevice device = CudaDevice.open(0)) {
      CudaSim.fault(call, nth, code);
      RuntimeException thrown = thrown(device);
      assertNames(said(thrown), named, code);
      assertEquals(0, thrown.getSuppressed().length, () -> List.of(thrown.getSuppressed()) + "");
      assertEquals(CudaDevice.Usage.NONE, device.liveResources());
    }
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
    assertEquals(List.of(), CudaSim.leaks());
    assertEquals(List.of(), CudaSim.violations());
  }

  private static void assertNames(DeviceException e, String call, int code) {
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains(call), message);
    assertTrue(message.contains(" failed with " + code + " "), message);
    assertEquals(1, message.lines().count(), message);
    assertEquals(0, e.getSuppressed().length, () -> List.of(e.getSuppressed()).toString());
  }

  static Stream<Integer> allocations() throws Exception {
    CudaSim.load();
    CudaSim.reset();
    try (CudaDevice device = CudaDevice.open(0)) {
      DeviceTraining.run(device, 1);
    }
    int most = Math.toIntExact(CudaSim.calls().getOrDefault("cuMemAlloc_v2", 0L));
    CudaSim.reset();
    return Stream.iterate(1, n -> n <= most, n -> n + 1);
  }

  @ParameterizedTest
  @MethodSource("allocations")
  @DisplayName("whichever allocation the device has no room for, the others are given back")
  void noRoom(int nth) {
    try (CudaDevice device = CudaDevice.open(0)) {
      CudaSim.fault("cuMemAlloc_v2", nth, 2);
      String message = String.valueOf(failure(device).getMessage());
      assertTrue(message.contains("cuMemAlloc"), message);
      assertEquals(CudaDevice.Usage.NONE, device.liveResources());
    }
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
  }

  /** The context does not survive it: whichever call comes next answers the code, and says so. */
  @ParameterizedTest(name = "the {0}th with {1}")
  @CsvSource({"1, 700", "3, 719", "12, 700", "13, 700", "40, 719", "70, 700"})
  @DisplayName("a kernel or a product that fails on the device ends the training with its code")
  void aKernelFails(int nth, int code) {
    DeviceException e;
    try (CudaDevice device = CudaDevice.open(0)) {
      CudaSim.fault("exec:kernel", nth, code);
      e = failure(device);
    }
    String message = String.valueOf(e.getMessage());
    assertTrue(
        message.contains("failed with " + code + " ")
            || message.contains("; so it answers when work queued earlier has failed"),
        message);
    // The batch whose end could not be marked any more is not freed, and keeps its context.
    CudaSim.Live left = CudaSim.live();
    assertTrue(left.deviceBuffers() <= 1, left::toString);
    long bytes = left.deviceBytes();
    long buffers = left.deviceBuffers();
    assertEquals(
        new CudaSim.Live(buffers, bytes, 0, 0, 0, 0, buffers, 0, 0),
        left,
        CudaSim.leaks()::toString);
    assertEquals(List.of(), CudaSim.violations());
  }

  @Test
  @DisplayName("an older driver refuses the kernels, and says which PTX it takes")
  void olderDriver() {
    CudaSim.newestPtx(5, 0);
    try (CudaDevice device = CudaDevice.open(0)) {
      String message = String.valueOf(failure(device).getMessage());
      assertTrue(message.contains("cuModuleLoadDataEx"), message);
      assertTrue(message.contains("6.0"), message);
      assertEquals(CudaDevice.Usage.NONE, device.liveResources());
    }
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
  }
}
