package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The rules of the software CUDA driver, through JCuda as applications call it. */
@Tag("cuda")
class SoftwareDriverTest {

  @BeforeAll
  static void load() {
    CudaSim.load();
    JCudaDriver.setExceptionsEnabled(false);
  }

  @Test
  void aCopyThereAndBack() {
    check(cuInit(0));
    CUdevice device = new CUdevice();
    check(cuDeviceGet(device, 0));
    CUcontext context = new CUcontext();
    check(cuDevicePrimaryCtxRetain(context, device));
    check(cuCtxSetCurrent(context));
    CUstream stream = new CUstream();
    check(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    CUevent done = new CUevent();
    check(cuEventCreate(done, 2));
    Pointer there = new Pointer();
    Pointer back = new Pointer();
    CUdeviceptr memory = new CUdeviceptr();
    check(cuMemHostAlloc(there, 10_000, 0));
    check(cuMemHostAlloc(back, 10_000, 0));
    check(cuMemAlloc(memory, 10_000));
    ByteBuffer bytes = there.getByteBuffer();
    for (int i = 0; i < 10_000; i++) {
      bytes.put(i, (byte) (i * 31));
    }

    check(cuMemcpyHtoDAsync(memory, there, 10_000, stream));
    check(cuMemcpyDtoHAsync(back, memory, 10_000, stream));
    check(cuEventRecord(done, stream));
    int state;
    do {
      state = cuEventQuery(done);
    } while (state == CUresult.CUDA_ERROR_NOT_READY);
    check(state);

    assertEquals(0, bytes.compareTo(back.getByteBuffer()));
    assertEquals(new CudaSim.Live(1, 10_000, 2, 20_000, 1, 1, 1), CudaSim.live());
    check(cuMemFree(memory));
    check(cuMemFreeHost(there));
    check(cuMemFreeHost(back));
    check(cuEventDestroy(done));
    check(cuStreamDestroy(stream));
    check(cuDevicePrimaryCtxRelease(device));
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
    assertEquals(List.of(), CudaSim.leaks());
    assertEquals(List.of(), CudaSim.violations());
    assertEquals(1, CudaSim.calls().get("cuMemcpyHtoDAsync_v2"));
  }

  private static void check(int code) {
    assertEquals("CUDA_SUCCESS", CUresult.stringFor(code));
  }
}
