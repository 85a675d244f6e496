package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCublas.fine;
import static io.pentrough.device.cuda.RawCublas.host;
import static io.pentrough.device.cuda.RawCublas.refused;
import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_MISALIGNED_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
import static jcuda.driver.JCudaDriver.*;
import static jcuda.jcublas.JCublas2.*;
import static jcuda.jcublas.cublasStatus.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasHandle;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The software cuBLAS: what it computes, when, and what it refuses. */
@OnCuda
@Tag("softwareDriver")
class SoftwareCublasTest {

  private static final float FILL = 12345;

  private final Random random = new Random(CudaRuns.seed());

  // --- products

  /** One product: the shape, the room between columns, and the two numbers. */
  private record Shape(int m, int n, int k, int gap, float alpha, float beta) {}

  private static final List<Shape> SHAPES =
      List.of(
          new Shape(1, 1, 1, 0, 1, 0),
          new Shape(3, 5, 7, 0, 1, 0),
          new Shape(8, 4, 4, 3, -0.5f, 2),
          new Shape(5, 3, 6, 1, 0, 0.5f),
          new Shape(2, 3, 0, 2, 1, 0.5f),
          new Shape(300, 17, 37, 5, 2, 1),
          new Shape(513, 2, 9, 0, 1, -1));

  @Test
  @DisplayName("every way of transposing, sizes and gaps that fit nothing, alpha and beta")
  void products() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      for (Shape shape : SHAPES) {
        for (int transposes = 0; transposes < 9; transposes++) {
          product(blas, shape, transposes % 3, transposes / 3, 1);
        }
        product(blas, shape, 0, 1, 3);
      }
    }
  }

  @Test
  @DisplayName("the example's largest product, and what it takes, printed")
  void aProductOfTheExamplesSize() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      product(blas, new Shape(256, 96, 343, 0, 1, 0), 1, 0, 1);
      Memory memory = cuda.memory(4 * 256 * 343);
      Memory result = cuda.memory(4 * 256 * 96);
      long best = Long.MAX_VALUE;
      for (int i = 0; i < 5; i++) {
        long start = System.nanoTime();
        fine(gemm(blas, 1, 0, 256, 96, 343, host(1), memory, 343, memory, 343, host(0), result));
        ok(cuStreamSynchronize(blas.stream));
        best = Math.min(best, System.nanoTime() - start);
      }
      System.out.printf("256 x 343 x 96: %d ns%n", best); // see docs/cuda-notes.md
    }
  }

  private static int gemm(
      RawCublas blas,
      int ta,
      int tb,
      int m,
      int n,
      int k,
      Pointer alpha,
      CUdeviceptr a,
      int lda,
      CUdeviceptr b,
      int ldb,
      Pointer beta,
      CUdeviceptr c) {
    return cublasSgemm(
        blas.handle, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, Math.max(m, 1));
  }

  private void product(RawCublas blas, Shape shape, int ta, int tb, int batch) {
    int m = shape.m();
    int n = shape.n();
    int k = shape.k();
    int rowsA = ta == 0 ? m : k;
    int rowsB = tb == 0 ? k : n;
    int lda = Math.max(1, rowsA + shape.gap());
    int ldb = Math.max(1, rowsB + shape.gap());
    int ldc = m + shape.gap();
    int strideA = lda * (ta == 0 ? k : m) + 1;
    int strideB = ldb * (tb == 0 ? n : k) + 2;
    int strideC = ldc * n + 3;
    float[] a = randoms(strideA * batch);
    float[] b = randoms(strideB * batch);
    float[] c = randoms(strideC * batch);
    if (shape.beta() == 0) {
      Arrays.fill(c, Float.NaN); // which must not be read
    }
    if (shape.alpha() == 0) {
      Arrays.fill(a, Float.NaN); // nor these
      Arrays.fill(b, Float.NaN);
    }
    Memory onDevice = blas.upload(c);
    Memory deviceA = blas.upload(a);
    Memory deviceB = blas.upload(b);
    Pointer alpha = host(shape.alpha());
    Pointer beta = host(shape.beta());
    fine(
        batch == 1
            ? cublasSgemm(
                blas.handle,
                ta,
                tb,
                m,
                n,
                k,
                alpha,
                deviceA,
                lda,
                deviceB,
                ldb,
                beta,
                onDevice,
                ldc)
            : cublasSgemmStridedBatched(
                blas.handle,
                ta,
                tb,
                m,
                n,
                k,
                alpha,
                deviceA,
                lda,
                strideA,
                deviceB,
                ldb,
                strideB,
                beta,
                onDevice,
                ldc,
                strideC,
                batch));
    float[] result = blas.download(onDevice, c.length);
    String what = shape + ", transposes " + ta + tb + ", batch " + batch;
    for (int i = 0; i < result.length; i++) {
      int of = i / strideC;
      int row = i % strideC % ldc;
      int column = i % strideC / ldc;
      if (row >= m || column >= n) {
        assertEquals(c[i], result[i], what + ": touched between the columns, at " + i);
        continue;
      }
      double sum = 0;
      for (int p = 0; shape.alpha() != 0 && p < k; p++) {
        double left = a[of * strideA + (ta == 0 ? row + p * lda : p + row * lda)];
        double right = b[of * strideB + (tb == 0 ? p + column * ldb : column + p * ldb)];
        sum += left * right;
      }
      double expected = shape.alpha() * sum + (shape.beta() == 0 ? 0 : shape.beta() * c[i]);
      assertEquals(expected, result[i], 1e-5 * (1 + k), what + ", row " + row + " of " + column);
    }
  }

  private float[] randoms(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return values;
  }

  @Test
  void vectors() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      // columns of 2, 3 apart: [1 3 5; 2 4 6]
      Memory a = blas.upload(1, 2, FILL, 3, 4, FILL, 5, 6, FILL);
      Memory x = blas.upload(1, FILL, 10, FILL, 100, FILL);
      Memory y = blas.upload(1, 2, 3, 4, 5, 6);
      fine(cublasSgemv(blas.handle, 0, 2, 3, host(2), a, 3, x, 2, host(10), y, 3));
      assertArrayEquals(new float[] {1072, 2, 3, 1324, 5, 6}, blas.download(y, 6));
      fine(cublasSgemv(blas.handle, 1, 2, 3, host(1), a, 3, x, 2, host(0), y, 1));
      assertArrayEquals(new float[] {21, 43, 65, 1324, 5, 6}, blas.download(y, 6));
      fine(cublasSaxpy(blas.handle, 3, host(-1), x, 2, y, 1));
      assertArrayEquals(new float[] {20, 33, -35, 1324, 5, 6}, blas.download(y, 6));
      fine(cublasSaxpy(blas.handle, 2, host(1), y, 1, y, 1));
      assertArrayEquals(new float[] {40, 66, -35, 1324, 5, 6}, blas.download(y, 6));
      fine(cublasSaxpy(blas.handle, -1, host(1), x, 1, y, 1));
      fine(cublasSger(blas.handle, 2, 3, host(0.5f), y, 1, x, 2, a, 3));
      assertArrayEquals(
          new float[] {21, 35, FILL, 203, 334, FILL, 2005, 3306, FILL}, blas.download(a, 9));
    }
  }

  @Test
  @DisplayName("in device mode alpha and beta are read when the product runs")
  void pointerModes() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = blas.upload(3);
      Memory c = blas.upload(Float.NaN);
      Memory numbers = blas.upload(0, 7);
      int[] mode = {-1};
      fine(cublasGetPointerMode(blas.handle, mode));
      assertEquals(0, mode[0]);
      fine(cublasSetPointerMode(blas.handle, 1));
      fine(cublasGetPointerMode(blas.handle, mode));
      assertEquals(1, mode[0]);
      refused(CUBLAS_STATUS_INVALID_VALUE, cublasSetPointerMode(blas.handle, 2));
      Pinned later = cuda.pinned(8);
      later.bytes().asFloatBuffer().put(new float[] {2, 0});
      ok(cuMemcpyHtoDAsync(numbers, later, 8, blas.stream));
      CUdeviceptr beta = numbers.withByteOffset(4);
      fine(cublasSgemm(blas.handle, 0, 0, 1, 1, 1, numbers, a, 1, a, 1, beta, c, 1));
      assertArrayEquals(new float[] {18}, blas.download(c, 1));
      fine(cublasSetPointerMode(blas.handle, 0));
      refused(
          CUBLAS_STATUS_INVALID_VALUE,
          cublasSgemm(blas.handle, 0, 0, 1, 1, 1, numbers, a, 1, a, 1, host(0), c, 1));
      assertOneViolation("host pointer mode");
    }
  }

  // --- order

  @Test
  @DisplayName("behind what is queued on its stream before, before what is queued behind")
  void orderOnOneStream() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = blas.upload(0);
      Pinned three = cuda.pinned(4);
      three.bytes().putFloat(0, 3);
      Memory c = blas.upload(0);
      fine(blas.multiply(1, a, a, c)); // loads kernels, which may wait for held streams
      RawCuda.Gate gate = cuda.gate();
      gate.hold(blas.stream);
      ok(cuMemcpyHtoDAsync(a, three, 4, blas.stream));
      fine(blas.multiply(1, a, a, c));
      ok(cuMemcpyDtoDAsync(a, c, 4, blas.stream));
      fine(blas.multiply(1, a, a, c));
      gate.open();
      assertArrayEquals(new float[] {81}, blas.download(c, 1));
      assertEquals(3L, CudaSim.calls().get("cublasSgemm_v2"));
    }
  }

  /** Whether the schedule leaves what is queued for later, as it pleases. */
  private static boolean mayRunLate() {
    String schedule = CudaSim.configuration();
    return !schedule.contains("THREADS") && !schedule.contains("STRICT");
  }

  /** One stream squares what the other copies to the device, many times. */
  private int wrongResults(boolean waits) {
    int wrong = 0;
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      CUstream copies = cuda.stream();
      CUevent copied = cuda.event();
      Memory a = blas.upload(0);
      Memory c = blas.upload(0);
      for (int i = 1; i <= 20; i++) {
        Pinned value = cuda.pinned(4);
        value.bytes().putFloat(0, i);
        ok(cuMemcpyHtoDAsync(a, value, 4, copies));
        ok(cuEventRecord(copied, copies));
        if (waits) {
          ok(cuStreamWaitEvent(blas.stream, copied, 0));
        }
        fine(blas.multiply(1, a, a, c));
        if (blas.download(c, 1)[0] != i * i) {
          wrong++;
        }
        ok(cuStreamSynchronize(copies));
      }
    }
    return wrong;
  }

  @Test
  void orderAcrossStreams() {
    assertEquals(0, wrongResults(true));
  }

  @Test
  @DisplayName("a wait that is missing shows, but where streams run as fast as they can")
  void aMissingWaitShows() {
    int wrong = wrongResults(false);
    if (mayRunLate()) {
      assertNotEquals(0, wrong);
    }
  }

  @Test
  @DisplayName("products and kernels on one stream keep its order")
  void kernelsOnTheSameStream() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda);
        RawModule module = new RawModule(cuda, RawModule.resource("launches.ptx"))) {
      blas.on(module.stream);
      Memory one = module.upload(1f);
      Memory y = module.upload(0f);
      Memory c = module.upload(0f);
      ok(module.launch("saxpy", 1, 32, 0, 0, 0f, one, y)); // loads it
      fine(blas.multiply(1, y, y, c));
      RawCuda.Gate gate = cuda.gate();
      gate.hold(module.stream);
      float expected = 0;
      for (int i = 1; i <= 4; i++) {
        ok(module.launch("saxpy", 1, 32, 0, 1, (float) i, one, y));
        fine(blas.multiply(1, y, y, c));
        ok(module.launch("saxpy", 1, 32, 0, 1, -0.5f, c, y));
        expected += i;
        expected -= 0.5f * expected * expected;
      }
      gate.open();
      assertArrayEquals(new float[] {expected}, module.floats(y, 1));
    }
  }

  /** A product on one stream and a kernel on another, one after the other, many times. */
  private int wrongBehindAKernel(boolean productFirst, boolean waits) {
    int wrong = 0;
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda);
        RawModule module = new RawModule(cuda, RawModule.resource("launches.ptx"))) {
      CUstream first = productFirst ? blas.stream : module.stream;
      CUstream second = productFirst ? module.stream : blas.stream;
      CUevent done = cuda.event();
      Memory one = module.upload(1f);
      for (int i = 1; i <= 20; i++) {
        Memory number = module.upload(productFirst ? i : 0f);
        Memory square = module.upload(0f);
        Memory sum = module.upload(0f);
        if (productFirst) {
          fine(blas.multiply(1, number, number, square));
        } else {
          ok(module.launch("saxpy", 1, 32, 0, 1, (float) i, one, number));
        }
        ok(cuEventRecord(done, first));
        if (waits) {
          ok(cuStreamWaitEvent(second, done, 0));
        }
        if (productFirst) {
          ok(module.launch("saxpy", 1, 32, 0, 1, 1f, square, sum));
        } else {
          fine(blas.multiply(1, number, number, square));
        }
        float seen = productFirst ? module.floats(sum, 1)[0] : blas.download(square, 1)[0];
        if (seen != i * i) {
          wrong++;
        }
        ok(cuStreamSynchronize(first));
      }
    }
    return wrong;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void kernelsOnAnotherStream(boolean productFirst) {
    assertEquals(0, wrongBehindAKernel(productFirst, true));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  @DisplayName("a wait that is missing between a product and a kernel shows too")
  void aMissingWaitForAKernelShows(boolean productFirst) {
    int wrong = wrongBehindAKernel(productFirst, false);
    if (mayRunLate()) {
      assertNotEquals(0, wrong);
    }
  }

  @Test
  void theStreamMayBeSetAnewAndTheDefaultOneWorks() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      RawCuda.Stream other = cuda.stream();
      Memory a = blas.upload(5);
      Memory first = blas.upload(0);
      Memory second = blas.upload(0);
      fine(blas.multiply(1, a, a, first)); // loads kernels
      RawCuda.Gate gate = cuda.gate();
      gate.hold(blas.stream);
      fine(blas.multiply(1, a, a, first));
      blas.on(other);
      cudaStream_t now = new cudaStream_t();
      fine(cublasGetStream(blas.handle, now));
      assertEquals(new cudaStream_t(other), now);
      fine(blas.multiply(1, a, a, second));
      ok(cuStreamSynchronize(other)); // though the first product is held
      ok(cuMemcpyDtoDAsync(first, second, 4, other));
      gate.open();
      assertArrayEquals(new float[] {25}, blas.download(second, 1));
      ok(cuStreamSynchronize(other)); // the default stream waits for blocking ones only
      fine(cublasSetStream(blas.handle, new cudaStream_t()));
      fine(blas.multiply(1, second, a, first));
      ok(cuStreamSynchronize(CU_STREAM_LEGACY));
      assertArrayEquals(new float[] {125}, blas.download(first, 1));
    }
  }

  // --- what is caught

  private static void assertOneViolation(String... parts) {
    List<String> violations = CudaSim.violations();
    assertEquals(1, violations.size(), violations::toString);
    for (String part : parts) {
      assertTrue(violations.get(0).contains(part), violations::toString);
    }
  }

  private static void failsAtTheEnd(RawCublas blas, int code, String... parts) {
    fails(code, cuStreamSynchronize(blas.stream));
    assertOneViolation(parts);
    refused(CUBLAS_STATUS_EXECUTION_FAILED, cublasSaxpy(blas.handle, 0, host(1), p(), 1, p(), 1));
  }

  private static CUdeviceptr p() {
    return new CUdeviceptr();
  }

  @Test
  void outOfBounds() {
    for (int operand = 0; operand < 3; operand++) {
      try (RawCuda cuda = RawCuda.own();
          RawCublas blas = new RawCublas(cuda)) {
        Memory[] m = {cuda.memory(16), cuda.memory(16), cuda.memory(16)};
        m[operand] = cuda.memory(15);
        fine(blas.multiply(2, m[0], m[1], m[2]));
        failsAtTheEnd(
            blas,
            CUDA_ERROR_ILLEGAL_ADDRESS,
            "out of bounds, 16 bytes of " + "ABC".charAt(operand));
      }
      CudaSim.reset(); // what was lost with the context, and the process, which may have failed too
    }
  }

  @Test
  void otherBadOperands() {
    try (RawCuda cuda = RawCuda.own();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = cuda.memory(8);
      fine(blas.multiply(1, a.withByteOffset(2), a, cuda.memory(4)));
      failsAtTheEnd(blas, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned");
    }
    CudaSim.reset();
    try (RawCuda cuda = RawCuda.own();
        RawCublas blas = new RawCublas(cuda)) {
      Memory freed = new Memory();
      ok(cuMemAlloc(freed, 4));
      ok(cuMemFree(freed));
      fine(blas.multiply(1, freed, freed, cuda.memory(4)));
      failsAtTheEnd(blas, CUDA_ERROR_ILLEGAL_ADDRESS, "use after free");
    }
    CudaSim.reset();
    try (RawCuda cuda = RawCuda.own();
        RawCublas blas = new RawCublas(cuda)) {
      fine(blas.multiply(1, p(), p(), cuda.memory(4)));
      failsAtTheEnd(blas, CUDA_ERROR_ILLEGAL_ADDRESS, "4 bytes of A at 0x0");
    }
    CudaSim.reset();
    try (RawCuda other = RawCuda.primary()) {
      Memory foreign = other.memory(4);
      try (RawCuda cuda = RawCuda.own();
          RawCublas blas = new RawCublas(cuda)) {
        fine(blas.multiply(1, foreign, foreign, cuda.memory(4)));
        failsAtTheEnd(blas, CUDA_ERROR_ILLEGAL_ADDRESS, "in another context");
      }
      other.makeCurrent();
    }
  }

  @Test
  @DisplayName("a free of what a queued product or kernel uses waits for it, and is told")
  void freeingWaits() throws Exception {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda);
        RawModule module = new RawModule(cuda, RawModule.resource("launches.ptx"))) {
      Memory c = cuda.memory(4);
      Memory a = new Memory();
      ok(cuMemAlloc(a, 4));
      Runnable product = () -> fine(blas.multiply(1, a, a, c));
      freeWhileQueued(cuda, blas.stream, product, "cuMemFree_v2", () -> ok(cuMemFree(a)));
      Pinned pinned = new Pinned();
      ok(cuMemHostAlloc(pinned, 4, 0));
      Memory mapped = mapped(pinned);
      Runnable ofPinned = () -> fine(blas.multiply(1, mapped, mapped, c));
      freeWhileQueued(
          cuda, blas.stream, ofPinned, "cuMemFreeHost", () -> ok(cuMemFreeHost(pinned)));
      Pinned kernels = new Pinned();
      ok(cuMemHostAlloc(kernels, 4, 0));
      Memory x = mapped(kernels);
      Runnable kernel = () -> ok(module.launch("saxpy", 1, 32, 0, 1, 1f, x, x));
      freeWhileQueued(
          cuda, module.stream, kernel, "cuMemFreeHost", () -> ok(cuMemFreeHost(kernels)));
    }
  }

  private static Memory mapped(Pinned pinned) {
    Memory mapped = new Memory();
    ok(cuMemHostGetDevicePointer(mapped, pinned, 0));
    return mapped;
  }

  /** The gate opens when the free is under way: by then it has waited, or done its harm. */
  private static void freeWhileQueued(
      RawCuda cuda, CUstream stream, Runnable queue, String call, Runnable free) throws Exception {
    queue.run(); // loads what it runs
    ok(cuStreamSynchronize(stream));
    RawCuda.Gate gate = cuda.gate();
    gate.hold(stream);
    queue.run();
    long before = CudaSim.calls().getOrDefault(call, 0L);
    Thread opener =
        new Thread(
            () -> {
              while (CudaSim.calls().getOrDefault(call, 0L) == before) {
                Thread.onSpinWait();
              }
              gate.open();
            });
    opener.setDaemon(true);
    opener.start();
    free.run();
    opener.join();
    ok(cuStreamSynchronize(stream)); // else 700
    assertOneViolation(
        call.replace("_v2", "") + " of buffer", "while 1 queued operation(s) use it");
  }

  @Test
  void anOperandThatIsWrittenMayNotBeReadByTheWay() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory all = cuda.memory(4 * 16);
      Memory b = cuda.memory(4 * 4);
      // Rows 0, 1 and rows 2, 3 of one matrix of 4 rows.
      fine(
          cublasSgemm(
              blas.handle,
              0,
              0,
              2,
              2,
              2,
              host(1),
              all,
              4,
              b,
              2,
              host(0),
              all.withByteOffset(8),
              4));
      assertEquals(List.of(), CudaSim.violations());
      fine(
          cublasSgemm(
              blas.handle,
              0,
              0,
              2,
              2,
              2,
              host(1),
              all,
              4,
              b,
              2,
              host(0),
              all.withByteOffset(4),
              4));
      assertOneViolation("A overlaps C");
      fine(blas.multiply(2, all, b, b));
      assertOneViolation("B overlaps C");
    }
  }

  // --- statuses

  @Test
  void valuesThatAreRefused() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = cuda.memory(64);
      Pointer one = host(1);
      int[][] wrong = {
        // ta, tb, m, n, k, lda, ldb, ldc
        {3, 0, 1, 1, 1, 1, 1, 1}, {0, -1, 1, 1, 1, 1, 1, 1}, {0, 0, -1, 1, 1, 1, 1, 1},
        {0, 0, 1, -1, 1, 1, 1, 1}, {0, 0, 1, 1, -1, 1, 1, 1}, {0, 0, 2, 1, 1, 1, 1, 2},
        {1, 0, 1, 1, 2, 1, 2, 1}, {0, 0, 1, 1, 2, 1, 1, 1}, {0, 1, 1, 2, 1, 1, 1, 1},
        {0, 0, 2, 1, 1, 2, 1, 1}, {0, 0, 0, 1, 1, 0, 1, 1}
      };
      for (int[] w : wrong) {
        refused(
            CUBLAS_STATUS_INVALID_VALUE,
            cublasSgemm(
                blas.handle, w[0], w[1], w[2], w[3], w[4], one, a, w[5], a, w[6], one, a, w[7]));
      }
      refused(
          CUBLAS_STATUS_INVALID_VALUE,
          cublasSgemmStridedBatched(
              blas.handle, 0, 0, 1, 1, 1, one, a, 1, 1, a, 1, 1, one, a, 1, 1, -1));
      refused(CUBLAS_STATUS_INVALID_VALUE, cublasSaxpy(blas.handle, 1, one, a, 0, a, 1));
      refused(
          CUBLAS_STATUS_INVALID_VALUE,
          cublasSgemv(blas.handle, 0, 2, 1, one, a, 1, a, 1, one, a, 1));
      refused(CUBLAS_STATUS_INVALID_VALUE, cublasSger(blas.handle, 2, 1, one, a, 1, a, 1, a, 1));
      refused(CUBLAS_STATUS_INVALID_VALUE, cublasSetMathMode(blas.handle, 77));
      assertEquals(List.of(), CudaSim.violations());
      fine(cublasSgemm(blas.handle, 0, 0, 0, 0, 5, one, p(), 1, p(), 5, one, p(), 1));
      refused(CUBLAS_STATUS_NOT_SUPPORTED, cublasSaxpy(blas.handle, 1, one, a, -1, a, 1));
      assertOneViolation("negative increment");
    }
  }

  @Test
  void modesVersionAndWords() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      int[] value = {0};
      fine(cublasGetVersion(blas.handle, value));
      assertEquals(120600, value[0]);
      fine(cublasSetMathMode(blas.handle, 3));
      fine(cublasGetMathMode(blas.handle, value));
      assertEquals(3, value[0]);
      assertEquals("CUBLAS_STATUS_EXECUTION_FAILED", cublasGetStatusName(13));
      assertEquals("the device failed to execute", cublasGetStatusString(13));
    }
  }

  @Test
  void handles() {
    cublasHandle none = new cublasHandle();
    // JCublas writes whatever there was to the object.
    refused(CUBLAS_STATUS_NOT_INITIALIZED, cublasCreate(new cublasHandle()));
    try (RawCuda cuda = RawCuda.primary()) {
      Memory a = cuda.memory(4);
      refused(CUBLAS_STATUS_NOT_INITIALIZED, cublasSaxpy(none, 1, host(1), a, 1, a, 1));
      cublasHandle handle = new cublasHandle();
      fine(cublasCreate(handle));
      assertEquals(1, CudaSim.live().cublasHandles());
      try (RawCuda other = RawCuda.own()) {
        refused(CUBLAS_STATUS_EXECUTION_FAILED, cublasSaxpy(handle, 1, host(1), a, 1, a, 1));
        assertOneViolation("another context");
        CUstream foreign = other.stream();
        cuda.makeCurrent();
        refused(CUBLAS_STATUS_INVALID_VALUE, cublasSetStream(handle, new cudaStream_t(foreign)));
        assertOneViolation("another context");
      }
      cuda.makeCurrent();
      CUstream dead = new CUstream();
      ok(cuStreamCreate(dead, RawCuda.NON_BLOCKING));
      fine(cublasSetStream(handle, new cudaStream_t(dead)));
      ok(cuStreamDestroy(dead));
      refused(CUBLAS_STATUS_EXECUTION_FAILED, cublasSaxpy(handle, 1, host(1), a, 1, a, 1));
      assertOneViolation("after it was destroyed");
      fine(cublasDestroy(handle));
      assertEquals(0, CudaSim.live().cublasHandles());
      refused(CUBLAS_STATUS_NOT_INITIALIZED, cublasDestroy(handle));
      assertOneViolation("cuBLAS handle 1 after it");
    }
  }

  @Test
  @DisplayName("destroying a handle waits for the device")
  void destroyingWaits() {
    try (RawCuda cuda = RawCuda.primary()) {
      RawCublas blas = new RawCublas(cuda);
      Memory a = blas.upload(2);
      Memory c = blas.upload(0);
      fine(blas.multiply(1, a, a, c));
      fine(cublasDestroy(blas.handle));
      ok(cuStreamQuery(blas.stream));
    }
  }

  @Test
  @SuppressWarnings("try") // it is enough that there is a context
  void aHandleLeftBehindIsALeak() {
    String leak = "cuBLAS handle 1, made by cublasCreate_v2 number 1";
    try (RawCuda cuda = RawCuda.primary()) {
      cublasHandle handle = new cublasHandle();
      fine(cublasCreate(handle));
      assertTrue(CudaSim.leaks().contains(leak));
      CudaSim.fault("cublasDestroy_v2", 1, CUBLAS_STATUS_INTERNAL_ERROR);
      refused(CUBLAS_STATUS_INTERNAL_ERROR, cublasDestroy(handle));
      assertTrue(CudaSim.leaks().contains(leak + "; its free was made to fail"));
    }
    assertEquals(List.of(leak + "; its free was made to fail"), CudaSim.leaks(), "lost with it");
    assertEquals(CudaSim.Live.NONE, CudaSim.live());
  }

  @Test
  void faults() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = blas.upload(2);
      Memory b = blas.upload(0);
      Memory c = blas.upload(0);
      CudaSim.fault("cublasSgemm_v2", 3, CUBLAS_STATUS_EXECUTION_FAILED);
      fine(blas.multiply(1, a, a, c));
      fine(blas.multiply(1, c, a, b));
      refused(CUBLAS_STATUS_EXECUTION_FAILED, blas.multiply(1, b, b, c));
      assertArrayEquals(new float[] {4}, blas.download(c, 1));
      assertArrayEquals(new float[] {8}, blas.download(b, 1));
      fine(blas.multiply(1, b, b, c));
      assertArrayEquals(new float[] {64}, blas.download(c, 1));
    }
    try (RawCuda cuda = RawCuda.own();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = blas.upload(2);
      CudaSim.fault("exec:kernel", 1, 719);
      fine(blas.multiply(1, a, a, cuda.memory(4)));
      fails(719, cuStreamSynchronize(blas.stream));
    }
  }

  @Test
  void whatIsNotThereSaysSo() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = cuda.memory(8);
      refused(CUBLAS_STATUS_NOT_SUPPORTED, cublasSscal(blas.handle, 1, host(1), a, 1));
      assertEquals(1L, CudaSim.calls().get("cublasSscal_v2"));
      assertOneViolation("cublasSscal_v2 is not part of the software cuBLAS");
      CudaSim.fault("cublasSscal_v2", 1, CUBLAS_STATUS_INTERNAL_ERROR);
      refused(CUBLAS_STATUS_INTERNAL_ERROR, cublasSscal(blas.handle, 1, host(1), a, 1));
    }
  }

  // --- captures

  @Test
  void aProductIsCapturedAndDoesNotRun() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      Memory a = blas.upload(2);
      Memory c = blas.upload(1);
      ok(cuStreamBeginCapture(blas.stream, 0));
      fine(blas.multiply(1, a, a, c));
      CUgraph graph = new CUgraph();
      ok(cuStreamEndCapture(blas.stream, graph));
      ok(cuGraphDestroy(graph));
      assertArrayEquals(new float[] {1}, blas.download(c, 1));
    }
  }

  @Test
  @DisplayName("making a handle, or a product on the default stream, breaks a capture")
  void whatBreaksACapture() {
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      CUstream blocking = cuda.stream(RawCuda.BLOCKING);
      Memory a = blas.upload(2);
      Memory c = blas.upload(1);
      ok(cuStreamBeginCapture(blocking, 0));
      refused(CUBLAS_STATUS_ALLOC_FAILED, cublasCreate(new cublasHandle()));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, new CUgraph()));
      blas.on(new CUstream());
      ok(cuStreamBeginCapture(blocking, 0));
      refused(CUBLAS_STATUS_EXECUTION_FAILED, blas.multiply(1, a, a, c));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, new CUgraph()));
    }
  }

  @Test
  void inAHostFunctionEverythingIsRefused() {
    int[] status = {-1};
    try (RawCuda cuda = RawCuda.primary();
        RawCublas blas = new RawCublas(cuda)) {
      CUcontext unused = new CUcontext();
      ok(cuLaunchHostFunc(blas.stream, x -> status[0] = cublasCreate(new cublasHandle()), unused));
      ok(cuStreamSynchronize(blas.stream));
      refused(CUBLAS_STATUS_EXECUTION_FAILED, status[0]);
      assertOneViolation("inside a host function");
    }
  }
}
