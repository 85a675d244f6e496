package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.DType;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.KernelSource;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.SoftwareCuda;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Single instructions of a kernel, changed one at a time: on the inputs of the kernel's tests the
 * result is another than the twin's, or the kernel fails. What is not noticed must be listed in
 * {@link #SURVIVORS}, with the reason.
 *
 * <p>{@code -Dpentrough.cuda.sweep=all} takes every mutant; by default a sample.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
@Timeout(280)
class SoftwareDriverMutationTest {

  private static final int SAMPLE = 12;
  private static final boolean ALL = "all".equals(System.getProperty("pentrough.cuda.sweep"));

  /** Mutants that run on and on are taken for noticed after this. */
  private static final long LIMIT_MICROS = 100_000;

  /** The inputs of a kernel's tests. */
  interface Inputs {
    void record(Launches launches) throws Exception;
  }

  /**
   * A kernel to be mutated.
   *
   * @param unjudged how many mutants may go unnoticed that are not listed: those nobody has looked
   *     at yet. 0 where each is listed
   */
  record Mutated(String kernel, KernelSource source, Inputs inputs, int unjudged) {
    @Override
    public String toString() {
      return kernel;
    }
  }

  static Stream<Mutated> kernels() {
    return Stream.of(
        new Mutated("blurAxis", BlurTwin.SOURCE, SoftwareDriverMutationTest::blurs, 0),
        new Mutated("oneHot", OneHotTwin.SOURCE, SoftwareDriverMutationTest::oneHots, 0),
        new Mutated(
            "augmentCrop", AugmentTwins.SOURCE, SoftwareDriverMutationTest::augmentations, 50),
        new Mutated(
            "augmentWarp", AugmentTwins.SOURCE, SoftwareDriverMutationTest::augmentations, 103),
        new Mutated("labelCrop", AugmentTwins.SOURCE, SoftwareDriverMutationTest::augmentations, 3),
        new Mutated(
            "labelWarp", AugmentTwins.SOURCE, SoftwareDriverMutationTest::augmentations, 45));
  }

  private static void augmentations(Launches launches) throws Exception {
    for (long seed = 0; seed < 160; seed++) {
      AugmentCase of = new AugmentCase(seed);
      try (Device device = launches.device();
          BackgroundLoader loader =
              BackgroundLoader.builder(device, of.spec, of::fill)
                  .stage(of.augmentation)
                  .seed(seed)
                  .batchesPerEpoch(1)
                  .epochs(1)
                  .start()) {
        loader.get().close();
      }
    }
  }

  private static void blurs(Launches launches) throws Exception {
    for (long seed = 0; seed < 10; seed++) {
      BlurTest.Sample sample = BlurTest.Sample.of(seed, false);
      launches.record(sample.array(), sample.blur(), "image", BlurTest::noise, seed);
    }
  }

  private static void oneHots(Launches launches) throws Exception {
    for (DType dtype :
        new DType[] {
          DType.INT8, DType.UINT8, DType.INT16, DType.UINT16,
          DType.INT32, DType.UINT32, DType.INT64, DType.UINT64
        }) {
      ArraySpec array = Staged.array("label", dtype, 3, 7, 5);
      for (DType made : new DType[] {DType.FLOAT32, DType.UINT8}) {
        OneHot stage = OneHot.of("label", "label", 5, made);
        launches.record(array, stage, "label", OneHotTest::labels, 1);
      }
    }
    for (DType dtype : new DType[] {DType.INT8, DType.UINT8, DType.INT16, DType.UINT16}) {
      // So many that -1 without its sign is one of them.
      OneHot stage = OneHot.of("label", "label", 1 << (8 * dtype.bytes()), DType.UINT8);
      launches.record(Staged.array("label", dtype, 2, 9), stage, "label", OneHotTest::labels, 1);
    }
  }

  private static final String NEVER_NEGATIVE = "equivalent: an index is never negative";
  private static final String BELOW_2_TO_31 =
      "equivalent: an array has fewer than 2^31 elements, and threads beyond them have left";

  /** By kernel: mutants that nothing can notice, and why. */
  private static final Map<String, Map<String, String>> SURVIVORS =
      Map.of(
          "blurAxis",
          Map.of(
              "cvt.s64.s32 %rd7, %r26; -> cvt.s64.u32 %rd7, %r26;", NEVER_NEGATIVE,
              "cvt.s64.s32 %rd8, %r16; -> cvt.s64.u32 %rd8, %r16;", NEVER_NEGATIVE,
              "cvt.u64.u32 %rd3, %r1; -> cvt.u64.s32 %rd3, %r1;", BELOW_2_TO_31),
          "oneHot",
          Map.of(
              "cvt.s64.s32 %rd20, %r1; -> cvt.s64.u32 %rd20, %r1;", NEVER_NEGATIVE,
              "cvt.s64.s32 %rd28, %r26; -> cvt.s64.u32 %rd28, %r26;", NEVER_NEGATIVE));

  @ParameterizedTest(name = "{0}")
  @MethodSource("kernels")
  @DisplayName("a changed instruction is noticed")
  void noticed(Mutated mutated) throws Exception {
    long start = System.nanoTime();
    Launches recorded = new Launches();
    mutated.inputs.record(recorded);
    List<Launches.Launch> launches = recorded.of(mutated.kernel);
    assertFalse(launches.isEmpty(), "no inputs");
    PtxMutants mutants = PtxMutants.of(mutated.source.ptx(), mutated.kernel);
    Map<String, String> listed = SURVIVORS.getOrDefault(mutated.kernel, Map.of());
    assertTrue(mutants.mutants().containsAll(listed.keySet()), "a listed mutant does not exist");

    List<Integer> chosen = chosen(mutants, mutated.kernel);
    TreeSet<String> unnoticed = new TreeSet<>();
    try (Subject subject = new Subject(KernelSource.of("mutants of " + mutated, mutants.ptx()))) {
      assertTrue(subject.agrees(launches, 0), "without a mutation the result is the twin's");
      for (int mutant : chosen) {
        if (subject.agrees(launches, mutant)) {
          unnoticed.add(mutants.mutants().get(mutant - 1));
        }
      }
      System.out.printf(
          "%s: %d of %d mutants run on %d launches in %.1f s, %d not noticed, %d ended in an error%n",
          mutated,
          chosen.size(),
          mutants.mutants().size(),
          launches.size(),
          (System.nanoTime() - start) / 1e9,
          unnoticed.size(),
          subject.errors);
    }
    TreeSet<String> expected =
        chosen.stream()
            .map(mutant -> mutants.mutants().get(mutant - 1))
            .filter(listed::containsKey)
            .collect(Collectors.toCollection(TreeSet::new));
    TreeSet<String> judged = new TreeSet<>(unnoticed);
    judged.retainAll(listed.keySet());
    assertEquals(expected, judged, "listed, but noticed");
    unnoticed.removeAll(listed.keySet());
    if (unnoticed.size() > mutated.unjudged) {
      fail(unnoticed.size() + " mutants are not noticed:\n" + String.join("\n", unnoticed));
    }
  }

  private static List<Integer> chosen(PtxMutants mutants, String kernel) {
    List<Integer> all =
        new ArrayList<>(IntStream.rangeClosed(1, mutants.mutants().size()).boxed().toList());
    if (!ALL) {
      Collections.shuffle(all, new Random(kernel.length()));
      return all.subList(0, Math.min(SAMPLE, all.size()));
    }
    return all;
  }

  /** A module with all mutants, on a device that is opened anew when one of them has broken it. */
  private static final class Subject implements AutoCloseable {

    private final KernelSource source;
    private Device device;
    private DeviceModule module;
    int errors;

    Subject(KernelSource source) {
      this.source = source;
      CudaSim.kernelLimit(LIMIT_MICROS);
      device = CudaDevice.open(0);
      module = device.load(source);
    }

    boolean agrees(List<Launches.Launch> launches, int mutant) {
      try {
        for (Launches.Launch launch : launches) {
          if (!launch.agrees(device, module, mutant)) {
            return false;
          }
        }
        return true;
      } catch (DeviceException e) {
        errors++;
        closeQuietly();
        CudaSim.violations();
        CudaSim.leaks();
        CudaSim.reset();
        CudaSim.kernelLimit(LIMIT_MICROS);
        device = CudaDevice.open(0);
        module = device.load(source);
        return false;
      }
    }

    private void closeQuietly() {
      try {
        module.close();
        device.close();
      } catch (DeviceException e) {
        // The context is gone, and so is what was in it.
      }
    }

    @Override
    public void close() {
      module.close();
      device.close();
    }
  }
}
