package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.RawCuda.Memory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import jcuda.driver.CUfunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Kernels on the software CUDA driver: PTX does what it says, and what it must not do is caught.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverKernelTest {

  private static final String PTX = RawModule.resource("kernels.ptx");
  private static final float UNTOUCHED = Float.intBitsToFloat(0xCDCDCDCD);

  // --- results

  @ParameterizedTest
  @EnumSource
  void saxpyIsBitwiseThatOfMathFma(Schedule schedule) {
    CudaSim.configure(schedule, 1);
    for (int n : new int[] {1, 31, 32, 100}) {
      assertTrue(saxpy(PTX, n), CudaSim::configuration);
    }
    covered(PTX, "saxpy");
  }

  /** Whether 128 threads do n elements right and leave the rest alone. */
  private static boolean saxpy(String ptx, int n) {
    float[] x = random(n);
    float[] y = random(n + 1);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, ptx)) {
      Memory in = kernels.upload(x);
      Memory out = kernels.upload(y);
      ok(kernels.launch("saxpy", 2, 64, 0, n, 1.7f, in, out));
      float[] result = kernels.floats(out, n);
      return IntStream.range(0, n).allMatch(i -> result[i] == Math.fma(1.7f, x[i], y[i]))
          && kernels.floats(out, n + 1)[n] == y[n];
    }
  }

  @ParameterizedTest
  @EnumSource
  void normaliseIsBitwiseThatOfMathFma(Schedule schedule) {
    CudaSim.configure(schedule, 2);
    assertTrue(normalise(PTX, 3, 7), CudaSim::configuration);
    assertTrue(normalise(PTX, 8, 48), CudaSim::configuration);
    covered(PTX, "normalise");
  }

  private static boolean normalise(String ptx, int images, int width) {
    byte[] pixels = new byte[images * width];
    new Random(images).nextBytes(pixels);
    byte[] flips = new byte[images];
    for (int i = 0; i < images; i += 2) {
      flips[i] = 1;
    }
    float scale = 1 / 255f;
    float bias = -0.4f;
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, ptx)) {
      Memory in = kernels.upload(pixels);
      Memory flip = kernels.upload(flips);
      Memory out = cuda.memory(4 * pixels.length);
      ok(kernels.launch("normalise", 2, 48, 0, in, flip, scale, bias, images, width, out));
      float[] result = kernels.floats(out, pixels.length);
      for (int i = 0; i < pixels.length; i++) {
        int column = i % width;
        int from = i - column + (flips[i / width] == 1 ? width - 1 - column : column);
        if (result[i] != Math.fma((float) (pixels[from] & 0xff), scale, bias)) {
          return false;
        }
      }
      return true;
    }
  }

  @ParameterizedTest
  @EnumSource
  void blocksAddUpWithShufflesBarriersAndAtomics(Schedule schedule) {
    CudaSim.configure(schedule, 3);
    for (int n : new int[] {1, 33, 1000, 4099}) {
      for (int threads : new int[] {16, 32, 96, 160, 256}) {
        assertTrue(blockSum(PTX, n, threads), CudaSim::configuration);
      }
    }
    covered(PTX, "blockSum");
  }

  /** Whole numbers, so that the order of the additions, which is nobody's promise, is no matter. */
  private static boolean blockSum(String ptx, int n, int threads) {
    float[] x = new float[n];
    float sum = 0;
    for (int i = 0; i < n; i++) {
      x[i] = i % 13 - 3;
      sum += x[i];
    }
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, ptx)) {
      Memory in = kernels.upload(x);
      Memory out = kernels.upload(100f);
      ok(kernels.launch("blockSum", 3, threads, 0, in, n, out));
      // A block of less than a warp adds nothing: this kernel is only for whole warps.
      return kernels.floats(out, 1)[0] == 100 + (threads < 32 ? 0 : sum);
    }
  }

  @ParameterizedTest
  @EnumSource
  void barriersInALoop(Schedule schedule) {
    for (int seed = 0; seed < 2; seed++) { // threads in both orders
      CudaSim.configure(schedule, seed);
      for (int threads : new int[] {1, 2, 33, 1000}) {
        assertTrue(prefixSum(PTX, threads), CudaSim::configuration);
      }
    }
    covered(PTX, "prefixSum");
  }

  private static boolean prefixSum(String ptx, int threads) {
    int[] values = new Random(threads).ints(threads, -50, 50).toArray();
    int[] sums = values.clone();
    Arrays.parallelPrefix(sums, Integer::sum);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, ptx)) {
      Memory in = kernels.upload(values);
      Memory out = cuda.memory(4 * threads);
      ok(kernels.launch("prefixSum", 1, threads, 4 * threads, in, out));
      return Arrays.equals(sums, kernels.ints(out, threads));
    }
  }

  @Test
  void everyThreadGoesAnotherWay() {
    int n = 300;
    int[] start = IntStream.rangeClosed(1, n).toArray();
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory in = kernels.upload(start);
      Memory out = cuda.memory(4 * n);
      ok(kernels.launch("collatz", 3, 128, 0, in, n, out));
      int[] steps = kernels.ints(out, n);
      for (int i = 0; i < n; i++) {
        assertEquals(collatz(start[i]), steps[i], "from " + start[i]);
      }
    }
    covered(PTX, "collatz");
  }

  private static int collatz(long value) {
    int steps = 0;
    while (value != 1) {
      value = value % 2 == 0 ? value / 2 : 3 * value + 1;
      steps++;
    }
    return steps;
  }

  @ParameterizedTest
  @EnumSource
  void atomicsOfTwoStreamsDoNotTear(Schedule schedule) {
    CudaSim.configure(schedule, 4);
    int launches = 10;
    try (RawCuda cuda = RawCuda.primary();
        RawModule first = new RawModule(cuda, PTX);
        RawModule second = new RawModule(cuda, PTX)) {
      Memory u32 = first.upload(0);
      Memory u64 = first.upload(0, 0);
      Memory low = first.upload(7);
      Memory high = first.upload(-7);
      Memory swapped = first.upload(0);
      Memory votes = cuda.memory(4 * 64);
      for (int i = 0; i < launches; i++) {
        for (RawModule kernels : List.of(first, second)) {
          ok(kernels.launch("counters", 16, 128, 0, u32, u64, low, high, swapped, votes));
        }
      }
      ok(first.synchronize());
      ok(second.synchronize());
      int threads = 2 * launches * 16 * 128;
      assertEquals(threads, first.ints(u32, 1)[0]);
      assertEquals((long) threads << 33, first.download(u64, 8).getLong(0));
      assertEquals(-2047, first.ints(low, 1)[0]);
      assertEquals(2047, first.ints(high, 1)[0]);
      assertTrue(first.ints(swapped, 1)[0] > 0);
      int[] even = first.ints(votes, 64);
      assertTrue(Arrays.stream(even).allMatch(vote -> vote == 0x55555555));
    }
    covered(PTX, "counters");
  }

  @Test
  void shufflesInSegmentsOfAWarp() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory[] out = new Memory[4];
      Arrays.setAll(out, i -> cuda.memory(4 * 32));
      ok(kernels.launch("shuffles", 1, 32, 0, (Object[]) out));
      int[] down = kernels.ints(out[0], 32);
      int[] up = kernels.ints(out[1], 32);
      int[] across = kernels.ints(out[2], 32);
      int[] first = kernels.ints(out[3], 32);
      for (int lane = 0; lane < 32; lane++) {
        int segment = lane / 8 * 8;
        assertEquals(lane + 3 < segment + 8 ? lane + 3 : lane, down[lane]);
        assertEquals(lane - 3 >= segment ? lane - 3 : lane, up[lane]);
        assertEquals(lane ^ 5, across[lane]);
        assertEquals(segment + 2, first[lane]);
      }
    }
    covered(PTX, "shuffles");
  }

  @ParameterizedTest
  @EnumSource
  void reductionsAtBarriersVotesAndTwoDimensions(Schedule schedule) {
    CudaSim.configure(schedule, 7);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(4 * 10 * 6);
      jcuda.Pointer arguments = jcuda.Pointer.to(jcuda.Pointer.to(out));
      ok(cuLaunchKernel(kernels.function("census"), 3, 2, 1, 9, 5, 1, 0, null, arguments, null));
      ok(cuCtxSynchronize());
      int[] counts = kernels.ints(out, 10 * 6);
      int[] expected = {45, 44, 5, -1, 7, 7, 22, 1, 1, 11}; // 45 threads: two warps, one not full
      for (int block = 0; block < 6; block++) {
        assertArrayEquals(expected, Arrays.copyOfRange(counts, 10 * block, 10 * block + 10));
      }
    }
    covered(PTX, "census");
  }

  @Test
  void floatingPointAsInJava() {
    float[] x = {-8.5f, -1, -0.3f, 0.25f, 0.5f, 1, 1.5f, 2.5f, 9.75f};
    int n = x.length;
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory in = kernels.upload(x);
      Memory out = cuda.memory(10 * 4 * n);
      ok(kernels.launch("floats", 1, 32, 0, in, n, out));
      float[] result = kernels.floats(out, 10 * n);
      for (int i = 0; i < n; i++) {
        float v = x[i];
        float[] expected = {
          (float) Math.sqrt(Math.abs(v)),
          1 / v,
          (float) Math.exp(v),
          (float) Math.log(Math.abs(v)),
          Math.min(v, 1),
          Math.max(v, -1),
          Math.min(1, Math.max(0, v)),
          (float) Math.floor(v),
          (float) Math.rint(v),
          (float) Math.tanh(v)
        };
        for (int k = 0; k < expected.length; k++) {
          boolean exact = k != 2 && k != 3 && k != 9;
          float error = exact ? 0 : 1e-6f * Math.max(1, Math.abs(expected[k]));
          assertEquals(expected[k], result[k * n + i], error, "operation " + k + " of " + v);
        }
      }
    }
  }

  @Test
  void localMemoryAndVectors() {
    int[] order = {2, 0, 3, 1};
    float[] in = random(4 * 4);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory values = kernels.upload(in);
      Memory orders = kernels.upload(order);
      Memory out = cuda.memory(16 * 4);
      ok(kernels.launch("reorder", 1, 4, 0, values, orders, out));
      float[] result = kernels.floats(out, 16);
      for (int thread = 0; thread < 4; thread++) {
        float[] local = new float[4];
        for (int i = 0; i < 4; i++) {
          local[order[i] + 1 & 3] = in[4 * thread + i];
        }
        for (int i = 0; i < 4; i++) {
          assertEquals(local[order[thread] + i & 3], result[4 * thread + i]);
        }
      }
    }
    covered(PTX, "reorder");
  }

  // --- what must not be

  @ParameterizedTest
  @EnumSource
  void outOfBoundsIsStickyAndNamed(Schedule schedule) {
    CudaSim.configure(schedule, 5);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(4 * 32);
      ok(kernels.launch("writeAt", 1, 32, 0, out, 0));
      ok(kernels.synchronize());
      ok(kernels.launch("writeAt", 1, 32, 0, out, 1));
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, kernels.synchronize());
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      String violation = theViolation();
      String address = "0x%x".formatted(out.address() + 4 * 32);
      assertTrue(violation.contains("kernel writeAt: out of bounds write of 4 bytes"), violation);
      assertTrue(violation.contains(address), violation);
      assertTrue(violation.contains("PTX line " + lineOf("writeAt", "st.global")), violation);
      assertTrue(violation.contains("block (0,0,0), thread (31,0,0)"), violation);
    }
  }

  @Test
  void memoryBeforeTheBeginningIsOutOfBounds() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(4 * 32);
      ok(kernels.launch("writeAt", 1, 32, 0, out, -1));
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, kernels.synchronize());
      assertTrue(theViolation().contains("out of bounds"));
    }
  }

  @Test
  void freedMemoryIsOutOfBounds() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory gone = new Memory();
      ok(cuMemAlloc(gone, 4 * 32));
      ok(cuMemFree(gone));
      ok(kernels.launch("writeAt", 1, 32, 0, gone, 0));
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, kernels.synchronize());
      assertTrue(theViolation().contains("use after free"));
    }
  }

  @Test
  void sharedMemoryHasBoundsToo() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory in = kernels.upload(new int[33]);
      Memory out = cuda.memory(4 * 33);
      ok(kernels.launch("prefixSum", 1, 33, 4 * 32, in, out));
      fails(CUDA_ERROR_ILLEGAL_ADDRESS, kernels.synchronize());
      assertTrue(theViolation().contains("of shared memory at 0x80"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDivergentBarrierFailsAndDoesNotHang(Schedule schedule) {
    CudaSim.configure(schedule, 6);
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(4 * 64);
      ok(kernels.launch("divergentBarrier", 1, 40, 0, out)); // all of them wait
      ok(kernels.synchronize());
      ok(kernels.launch("divergentBarrier", 1, 64, 0, out));
      fails(CUDA_ERROR_LAUNCH_FAILED, kernels.synchronize());
      String violation = theViolation();
      int line = lineOf("divergentBarrier", "bar.sync");
      assertTrue(violation.contains("divergent barrier"), violation);
      assertTrue(violation.contains("waits at PTX line " + line), violation);
      assertTrue(violation.contains("24 of 64 threads have left"), violation);
    }
  }

  @Test
  void aKernelHoldsWhatItsParametersPointTo() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      var gate = cuda.gate();
      Memory out = new Memory();
      ok(cuMemAlloc(out, 4 * 32));
      RawCuda.Stream blocking = cuda.stream(RawCuda.BLOCKING);
      CUfunction kernel = kernels.function("writeAt");
      jcuda.Pointer arguments =
          jcuda.Pointer.to(jcuda.Pointer.to(out), jcuda.Pointer.to(new int[] {0}));
      // Once with nothing held: a driver may wait at the first use of a kernel.
      ok(cuLaunchKernel(kernel, 1, 1, 1, 32, 1, 1, 0, blocking, arguments, null));
      ok(cuStreamSynchronize(blocking));
      gate.hold(CU_STREAM_LEGACY);
      ok(cuLaunchKernel(kernel, 1, 1, 1, 32, 1, 1, 0, blocking, arguments, null));
      gate.open();
      int code = cuMemFree(out); // too early, though the stream would get there
      ok(code);
      CudaSim.violations(); // whether it was still queued is for the schedule to say
    }
  }

  /** One instruction changed, and the result must be another or the kernel must fail. */
  @Test
  @Tag("exhaustive")
  void everyMutationIsNoticed() {
    // saxpy also looks at an element more than it is to touch, normalise at bytes above 127.
    String[][] mutations = {
      {"saxpy", "fma.rn.f32 \t%f4, %f1, %f3, %f2", "fma.rn.f32 \t%f4, %f1, %f3, %f3"},
      {"saxpy", "setp.ge.s32", "setp.gt.s32"},
      {"saxpy", "mul.wide.s32 \t%rd5, %r1, 4", "mul.wide.s32 \t%rd5, %r1, 8"},
      {"saxpy", "mad.lo.s32 \t%r1, %r3, %r4, %r5", "mad.lo.s32 \t%r1, %r3, %r5, %r5"},
      {"normalise", "cvt.rn.f32.u16", "cvt.rn.f32.s8"},
      {"normalise", "ld.global.u8", "ld.global.s8"},
      {"normalise", "setp.eq.s16", "setp.ne.s16"},
      {"blockSum", "shfl.sync.down.b32", "shfl.sync.up.b32"},
      {"blockSum", "atom.global.add.f32", "atom.global.exch.b32"},
      {"blockSum", "\tbar.sync \t0;", "\t"},
      {"blockSum", "st.shared.f32", "ld.shared.f32"},
      {"prefixSum", "\tbar.sync \t0;", "\t"},
      {"prefixSum", "shl.b32", "shr.u32"},
      {"prefixSum", "setp.lt.s32", "setp.le.s32"},
    };
    List<String> unnoticed = new ArrayList<>();
    for (String[] mutation : mutations) {
      String original = RawModule.only(PTX, mutation[0]);
      String mutant = mutate(original, mutation[1], mutation[2]);
      if (!original.equals(mutant) && !noticed(mutation[0], mutant)) {
        unnoticed.add(String.join(" | ", mutation));
      }
      assertFalse(original.equals(mutant), "nothing to mutate: " + String.join(" | ", mutation));
    }
    assertEquals(List.of(), unnoticed);
  }

  /** The last occurrence; a load in a store's place needs its operands the other way round. */
  private static String mutate(String ptx, String from, String to) {
    int at = ptx.lastIndexOf(from);
    if (at < 0) {
      return ptx;
    }
    String rest = ptx.substring(at + from.length());
    if (from.startsWith("st.") && to.startsWith("ld.")) {
      rest = rest.replaceFirst("(\\[[^\\]]*\\]), (%\\w+);", "$2, $1;");
    }
    return ptx.substring(0, at) + to + rest;
  }

  private static boolean noticed(String kernel, String ptx) {
    // In both orders: a missing barrier harms only threads that run before those they wait for.
    for (int seed = 0; seed < 2; seed++) {
      CudaSim.reset();
      CudaSim.kernelLimit(500_000);
      CudaSim.configure(Schedule.SEEDED, seed);
      boolean right;
      try {
        right =
            switch (kernel) {
              case "saxpy" -> saxpy(ptx, 100);
              case "normalise" -> normalise(ptx, 3, 7);
              case "blockSum" -> blockSum(ptx, 1000, 96);
              default -> prefixSum(ptx, 33);
            };
      } catch (AssertionError e) { // a code, not a result
        right = false;
      }
      CudaSim.violations();
      CudaSim.leaks();
      CudaSim.reset();
      if (!right) {
        return true;
      }
    }
    return false;
  }

  // --- helpers

  private static String theViolation() {
    List<String> violations = CudaSim.violations();
    assertEquals(1, violations.size(), violations::toString);
    return violations.get(0);
  }

  /** The line of the first such instruction in a kernel. */
  private static int lineOf(String kernel, String instruction) {
    int at = PTX.indexOf(instruction, PTX.indexOf(".entry " + kernel + "("));
    return (int) PTX.substring(0, at).lines().count();
  }

  private static void covered(String ptx, String kernel) {
    CudaSim.Coverage coverage =
        CudaSim.coverage(ptx).stream()
            .filter(of -> of.kernel().equals(kernel))
            .findFirst()
            .orElseThrow();
    assertEquals(List.of(), List.copyOf(new TreeSet<>(coverage.missing())), "lines never run");
    assertEquals(coverage.total(), coverage.executed());
  }

  private static float[] random(int n) {
    Random random = new Random(n);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    assertFalse(n == 0);
    return values;
  }

  @Test
  void freshMemoryIsNoZero() {
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, PTX)) {
      Memory out = cuda.memory(8);
      ok(kernels.launch("writeAt", 1, 1, 0, out, 1));
      assertArrayEquals(new int[] {Float.floatToRawIntBits(UNTOUCHED), 1}, kernels.ints(out, 2));
    }
  }
}
