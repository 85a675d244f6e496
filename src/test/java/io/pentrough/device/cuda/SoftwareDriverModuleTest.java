package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import io.pentrough.device.cuda.RawCuda.Stream;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.JITOptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Modules and launches on the software CUDA driver: what is refused, with which code and words. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverModuleTest {

  private static final String PTX = RawModule.resource("kernels.ptx");
  private static final int MAX_THREADS = 1024;

  // --- refused texts

  @Test
  void aRefusalNamesTheLineAndTheReason() {
    refused(218, kernel("tex.2d.v4.f32.f32 {%f1, %f1, %f1, %f1}, [%rd1];"), "line 7", "tex");
    refused(218, kernel("add.f16 %r1, %r1, %r1;"), "line 7", "add.f16");
    refused(218, kernel("add.wrong.s32 %r1, %r1, %r1;"), "line 7", "add.wrong.s32");
    refused(218, kernel("add.s32 %r1, %r1;"), "line 7", "operands");
    refused(218, kernel("add.s32 %r1, %rd1, %r1;"), "line 7", "%rd1 does not fit");
    refused(218, kernel("add.s32 %r1, %r9, %r1;"), "line 7", "%r9");
    refused(218, kernel("add.s32 %r1 %r1, %r1;"), "line 7", "','");
    refused(218, kernel("bra nowhere;"), "line 7", "nowhere");
    refused(218, kernel("/* no end"), "line 7", "comment");
    refused(218, ".version 6.0\n.target sm_50\n.func f() { ret; }", "line 3", ".func");
    refused(218, "#include <stdio.h>", "line 1", ".version");
    refused(209, kernel("ret;").replace("sm_50", "sm_100"), "sm_100");
  }

  @Test
  void ptxNewerThanTheDriverIsRefused() {
    String newer = PTX.replace(".version 6.0", ".version 8.6");
    refused(222, newer, "8.6", "8.5", ".version 6.0");
    CudaSim.newestPtx(9, 0);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, newer)) {
      kernels.function("saxpy");
    }
    CudaSim.newestPtx(8, 5);
    refused(222, newer, "8.6", "8.5", ".version 6.0");
  }

  private static String kernel(String instruction) {
    return """
    .version 6.0
    .target sm_50
    .address_size 64
    .visible .entry k(.param .u64 p)
    {
    .reg .b32 %r<3>; .reg .b64 %rd<3>; .reg .f32 %f<3>; .reg .pred %q;
    """
        + instruction
        + "\nret;\n}\n";
  }

  @SuppressWarnings("try") // it is enough that there is a context
  private static void refused(int code, String ptx, String... log) {
    try (RawCuda cuda = RawCuda.primary()) {
      JITOptions options = new JITOptions();
      options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 1000);
      options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[1000]);
      byte[] text = (ptx + "\0").getBytes(java.nio.charset.StandardCharsets.UTF_8);
      fails(code, cuModuleLoadDataJIT(new CUmodule(), Pointer.to(text), options));
      String told = options.getString(CUjit_option.CU_JIT_ERROR_LOG_BUFFER);
      for (String part : log) {
        assertTrue(told.contains(part), told);
      }
      fails(code, cuModuleLoadData(new CUmodule(), ptx));
    }
  }

  // --- handles

  @Test
  void unknownFunctionsAndDeadModules() {
    try (RawCuda cuda = RawCuda.primary()) {
      CUmodule module = new CUmodule();
      CUfunction function = new CUfunction();
      ok(cuModuleLoadData(module, PTX));
      assertEquals(1, CudaSim.live().modules());
      fails(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(function, module, "nothing"));
      ok(cuModuleGetFunction(function, module, "saxpy"));
      ok(cuModuleUnload(module));
      assertEquals(0, CudaSim.live().modules());
      assertEquals(List.of(), CudaSim.violations());
      fails(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
      fails(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(new CUfunction(), module, "saxpy"));
      fails(
          CUDA_ERROR_INVALID_HANDLE,
          cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, cuda.stream(), null, null));
      fails(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(new CUmodule()));
      assertEquals(4, CudaSim.violations().size());
    }
  }

  @Test
  @SuppressWarnings("try")
  void aModuleLeftBehindIsALeak() {
    try (RawCuda cuda = RawCuda.primary()) {
      ok(cuModuleLoadData(new CUmodule(), PTX));
      assertEquals(
          List.of("module 1, made by cuModuleLoadData number 1"),
          CudaSim.leaks().stream().filter(leak -> leak.startsWith("module")).toList());
    }
    assertEquals(
        List.of("module 1, made by cuModuleLoadData number 1"), CudaSim.leaks(), "lost with it");
  }

  @Test
  @SuppressWarnings("try")
  void aModuleBelongsToItsContext() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      try (RawCuda other = RawCuda.own()) {
        fails(
            CUDA_ERROR_INVALID_HANDLE,
            cuModuleGetFunction(new CUfunction(), kernels.module, "saxpy"));
        assertEquals(1, CudaSim.violations().size());
      }
      cuda.makeCurrent();
    }
  }

  @Test
  void attributes() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      CUfunction sum = kernels.function("blockSum");
      int[] value = new int[1];
      ok(cuFuncGetAttribute(value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, sum));
      assertEquals(128, value[0]);
      ok(cuFuncGetAttribute(value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_PTX_VERSION, sum));
      assertEquals(60, value[0]);
      ok(
          cuFuncGetAttribute(
              value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, sum));
      assertEquals(MAX_THREADS, value[0]);
    }
  }

  // --- launches

  @Test
  void shapesThatNoDeviceHas() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(4096);
      fails(CUDA_ERROR_INVALID_VALUE, kernels.launch("writeAt", 0, 1, 0, out, 0));
      fails(CUDA_ERROR_INVALID_VALUE, kernels.launch("writeAt", 1, 0, 0, out, 0));
      fails(CUDA_ERROR_INVALID_VALUE, kernels.launch("writeAt", 1, MAX_THREADS + 1, 0, out, 0));
      fails(CUDA_ERROR_INVALID_VALUE, kernels.launch("writeAt", 1, 1, 49153, out, 0));
      ok(kernels.launch("writeAt", 1, MAX_THREADS, 49152, out, 0));
      ok(kernels.synchronize());
    }
  }

  /** Nothing says how many pointers there are: what a driver would crash on is refused here. */
  @Test
  void missingParametersAreRefused() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Stream stream = cuda.stream();
      CUfunction writeAt = kernels.function("writeAt");
      Memory out = cuda.memory(4);
      Pinned arguments = cuda.pinned(32, 0);
      fails(
          CUDA_ERROR_INVALID_VALUE,
          cuLaunchKernel(writeAt, 1, 1, 1, 1, 1, 1, 0, stream, null, null));
      arguments.bytes().putLong(0, arguments.address() + 16).putLong(16, out.address());
      fails(
          CUDA_ERROR_INVALID_VALUE,
          cuLaunchKernel(writeAt, 1, 1, 1, 1, 1, 1, 0, stream, arguments, null));
      assertTrue(CudaSim.violations().get(0).contains("writeAt: parameter 1 of 2"));
      arguments.bytes().putLong(8, arguments.address() + 24);
      ok(cuLaunchKernel(writeAt, 1, 1, 1, 1, 1, 1, 0, stream, arguments, null));
      arguments.bytes().putLong(16, 0); // copied at the call
      ok(cuStreamSynchronize(stream));
      assertEquals(1, kernels.ints(out, 1)[0]);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aKernelComesAfterWhatWasQueuedBefore(Schedule schedule) {
    for (int seed = 0; seed < 5; seed++) {
      CudaSim.configure(schedule, seed);
      try (RawCuda cuda = RawCuda.primary();
          RawModule kernels = new RawModule(cuda, PTX)) {
        Stream stream = cuda.stream();
        Memory memory = cuda.memory(4);
        Pinned zero = cuda.pinned(4, 0);
        Pinned seen = cuda.pinned(4, 0);
        Pointer arguments = Pointer.to(Pointer.to(memory), Pointer.to(new int[] {0}));
        CUfunction writeAt = kernels.function("writeAt");
        ok(cuMemcpyHtoDAsync(memory, zero, 4, stream));
        ok(cuLaunchKernel(writeAt, 1, 1, 1, 1, 1, 1, 0, stream, arguments, null));
        ok(cuMemcpyDtoHAsync(seen, memory, 4, stream));
        ok(cuStreamSynchronize(stream));
        assertEquals(1, seen.bytes().getInt(0), CudaSim::configuration);
      }
    }
  }

  @Test
  void aCapturedKernelDoesNotRun() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Stream stream = cuda.stream();
      Memory memory = kernels.upload(5);
      Pointer arguments = Pointer.to(Pointer.to(memory), Pointer.to(new int[] {0}));
      ok(cuStreamBeginCapture(stream, 0));
      CUfunction writeAt = new CUfunction();
      ok(cuModuleGetFunction(writeAt, kernels.module, "writeAt"));
      ok(cuLaunchKernel(writeAt, 1, 1, 1, 1, 1, 1, 0, stream, arguments, null));
      fails(900, cuModuleLoadData(new CUmodule(), PTX)); // and the capture is void
      jcuda.driver.CUgraph graph = new jcuda.driver.CUgraph();
      fails(901, cuStreamEndCapture(stream, graph));
      assertEquals(5, kernels.ints(memory, 1)[0]);
    }
  }

  @Test
  void launchesAndKernelsCanBeMadeToFail() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(4);
      CudaSim.fault("cuLaunchKernel", 1, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
      fails(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, kernels.launch("writeAt", 1, 1, 0, out, 0));
      ok(kernels.launch("writeAt", 1, 1, 0, out, 0));
      ok(kernels.synchronize());
      CudaSim.fault("exec:kernel", 1, CUDA_ERROR_LAUNCH_FAILED);
      ok(kernels.launch("writeAt", 1, 1, 0, out, 0));
      fails(CUDA_ERROR_LAUNCH_FAILED, kernels.synchronize());
    }
  }

  @Test
  void misalignedAccessesAndTraps() {
    String store = "ld.param.u64 %rd1, [p]; st.global.u32 [%rd1+2], 1;";
    runsInto(CUDA_ERROR_MISALIGNED_ADDRESS, store, "misaligned write of 4 bytes");
    runsInto(CUDA_ERROR_LAUNCH_FAILED, "trap;", "trap, PTX line 7");
    runsInto(CUDA_ERROR_ILLEGAL_ADDRESS, "mov.u64 %rd1, 0; ld.u32 %r1, [%rd1];", "read of 4 bytes");
    String alone = "mov.u32 %r1, 1; shfl.sync.idx.b32 %r1, %r1, 0, 31, 2;";
    runsInto(CUDA_ERROR_LAUNCH_FAILED, alone, "not in its own member mask");
    runsInto(CUDA_ERROR_LAUNCH_FAILED, "bar.sync 16;", "no such barrier");
  }

  private static void runsInto(int code, String instruction, String violation) {
    CudaSim.reset(); // the process before may have failed
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, kernel(instruction))) {
      ok(kernels.launch("k", 1, 1, 0, cuda.memory(8)));
      fails(code, kernels.synchronize());
      String told = String.join("", CudaSim.violations());
      assertTrue(told.contains(violation), told);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aKernelThatNeverEndsIsEnded(Schedule schedule) {
    CudaSim.configure(schedule, 1);
    CudaSim.kernelLimit(20_000);
    String ptx = kernel("forever: bra forever;");
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, ptx)) {
      ok(kernels.launch("k", 1, 1, 0, cuda.memory(4)));
      fails(CUDA_ERROR_LAUNCH_TIMEOUT, kernels.synchronize());
      assertTrue(CudaSim.violations().get(0).contains("kernel k: does not end, PTX line 7"));
    }
  }
}
