package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.pentrough.ArraySpec;
import io.pentrough.DType;
import io.pentrough.device.Device;
import io.pentrough.device.KernelSource;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.SoftwareCuda;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the tests of the blur and of one-hot labels run on runs each line of the kernels. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverCoverageTest {

  @Test
  @DisplayName("each instruction of blurAlong and blurAcross runs")
  void blur() throws Exception {
    CudaSim.clearCoverage();
    try (Device device = CudaDevice.open(0)) {
      for (long seed = 0; seed < 8; seed++) {
        BlurTest.Sample sample = BlurTest.Sample.of(seed, false);
        Staged.run(device, sample.array(), sample.blur(), "image", BlurTest::noise, seed, 1, 1);
      }
    }
    covered(BlurHostKernels.SOURCE);
  }

  @Test
  @DisplayName("each instruction of oneHot runs")
  void oneHot() throws Exception {
    CudaSim.clearCoverage();
    try (Device device = CudaDevice.open(0)) {
      for (DType dtype : List.of(DType.INT8, DType.UINT16, DType.INT32, DType.UINT64)) {
        ArraySpec array = Staged.array("label", dtype, 3, 5);
        for (DType made : List.of(DType.FLOAT32, DType.UINT8)) {
          for (int classes : new int[] {1, 4}) {
            OneHot stage = OneHot.of("label", "label", classes, made);
            Staged.run(device, array, stage, "label", OneHotTest::labels, 1, 1, 1);
          }
        }
      }
    }
    covered(OneHotHostKernel.SOURCE);
  }

  private static void covered(KernelSource source) {
    List<CudaSim.Coverage> kernels = CudaSim.coverage(source.ptx());
    assertFalse(kernels.isEmpty(), source.name());
    for (CudaSim.Coverage kernel : kernels) {
      assertEquals(List.of(), kernel.missing(), "PTX lines of " + kernel.kernel());
      assertEquals(kernel.total(), kernel.executed());
    }
  }
}
