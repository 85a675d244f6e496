package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import io.pentrough.testkit.Exhaustive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Single instructions of a kernel, changed one at a time: on the inputs of the kernel's tests the
 * result is another than the host implementation's, or the kernel fails. What is not noticed must
 * be listed in {@link #LIST}, with the reason.
 *
 * <p>Where tests are {@link Exhaustive} it takes every mutant, else a sample of those that are to
 * be noticed: each of the others takes all inputs.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
@Timeout(900)
class SoftwareDriverMutationTest {

  /** What nothing can notice, by kernel and reason. */
  private static final Path LIST = Path.of("src/test/resources/io/pentrough/augment/survivors.txt");

  private static final int SAMPLE = 4;

  /** Mutants that run on and on are taken for noticed after this. */
  private static final long LIMIT_MICROS = 100_000;

  /** The inputs of a kernel's tests. */
  interface Inputs {
    void record(Launches launches) throws Exception;
  }

  /** A kernel to be mutated. */
  record Mutated(String kernel, KernelSource source, Inputs inputs) {
    @Override
    public String toString() {
      return kernel;
    }
  }

  static Stream<Mutated> kernels() {
    return Stream.of(
        new Mutated("blurAlong", BlurHostKernels.SOURCE, SoftwareDriverMutationTest::blurs),
        new Mutated("blurAcross", BlurHostKernels.SOURCE, SoftwareDriverMutationTest::blurs),
        new Mutated("oneHot", OneHotHostKernel.SOURCE, SoftwareDriverMutationTest::oneHots),
        augmentation("augmentCrop"),
        augmentation("augmentWarp"),
        augmentation("labelCrop"),
        augmentation("labelWarp"));
  }

  private static Mutated augmentation(String kernel) {
    return new Mutated(
        kernel, AugmentHostKernels.SOURCE, launches -> augmentations(launches, kernel));
  }

  /** The launches of four kernels, made once. */
  private static @Nullable Launches ofCases;

  @AfterAll
  static void forget() {
    ofCases = null;
  }

  private static void augmentations(Launches launches, String kernel) throws Exception {
    Launches cases = ofCases;
    if (cases == null) {
      cases = new Launches();
      recordCases(cases);
      ofCases = cases;
    }
    launches.add(cases.of(kernel));
    AugmentExtremes.record(launches, kernel);
  }

  private static void recordCases(Launches launches) throws Exception {
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
    for (long seed = 0; seed < 24; seed++) {
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
        for (int classes : new int[] {1, 2, 5}) {
          OneHot stage = OneHot.of("label", "label", classes, made);
          launches.record(array, stage, "label", OneHotTest::labels, 1);
        }
      }
    }
    for (DType dtype : new DType[] {DType.INT8, DType.UINT8, DType.INT16, DType.UINT16}) {
      // So many that -1 without its sign is one of them.
      OneHot stage = OneHot.of("label", "label", 1 << (8 * dtype.bytes()), DType.UINT8);
      launches.record(Staged.array("label", dtype, 2, 9), stage, "label", OneHotTest::labels, 1);
    }
  }

  /** The listed mutants of each kernel, all with a reason above them. */
  private static Map<String, Set<String>> listed() throws IOException {
    Map<String, Set<String>> listed = new HashMap<>();
    Set<String> current = new HashSet<>();
    boolean hasReason = false;
    for (String line : Files.readAllLines(LIST)) {
      if (line.startsWith("[")) {
        current = new HashSet<>();
        listed.put(line.substring(1, line.indexOf(']')), current);
        hasReason = false;
      } else if (line.startsWith("#")) {
        hasReason = true;
      } else if (!line.isBlank()) {
        assertTrue(hasReason, "listed without a reason: " + line);
        assertTrue(current.add(line), "listed twice: " + line);
      }
    }
    return listed;
  }

  private static Set<String> listed(Mutated mutated) throws IOException {
    return listed().getOrDefault(mutated.kernel, Set.of());
  }

  /** All of a kernel, by what they change. */
  private static List<String> mutants(Mutated mutated) {
    return PtxMutants.of(mutated.source.ptx(), mutated.kernel, number -> true).mutants();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kernels")
  @DisplayName("each listed mutant can be made of the kernel as it is, and has a reason")
  void listIsOfTheseKernels(Mutated mutated) throws Exception {
    List<String> mutants = mutants(mutated);
    Set<String> gone = new TreeSet<>(listed(mutated));
    mutants.forEach(gone::remove);
    assertEquals(Set.of(), gone, "listed, but the kernel has no such instruction any more");
  }

  @ParameterizedTest(name = "{0}")
  @Tag("exhaustive")
  @MethodSource("kernels")
  @DisplayName("a changed instruction is noticed")
  void noticed(Mutated mutated) throws Exception {
    long start = System.nanoTime();
    Launches recorded = new Launches();
    mutated.inputs.record(recorded);
    List<Launches.Launch> launches = recorded.of(mutated.kernel);
    assertFalse(launches.isEmpty(), "no inputs");
    List<String> mutants = mutants(mutated);
    Set<String> listed = listed(mutated);
    List<Integer> chosen = chosen(mutants, mutated.kernel, listed);
    String ptx = PtxMutants.of(mutated.source.ptx(), mutated.kernel, chosen::contains).ptx();
    TreeSet<String> unnoticed = new TreeSet<>();
    try (Subject subject = new Subject(KernelSource.of("mutants of " + mutated, ptx))) {
      assertTrue(
          subject.agrees(launches, 0),
          "without a mutation the result is the host implementation's");
      for (int mutant : chosen) {
        if (subject.agrees(launches, mutant)) {
          unnoticed.add(mutants.get(mutant - 1));
        }
      }
      System.out.printf(
          "%s: %d of %d mutants run on %d launches in %.1f s, %d not noticed, %d ended in an error%n",
          mutated,
          chosen.size(),
          mutants.size(),
          launches.size(),
          (System.nanoTime() - start) / 1e9,
          unnoticed.size(),
          subject.errors);
    }
    TreeSet<String> expected =
        chosen.stream()
            .map(mutant -> mutants.get(mutant - 1))
            .filter(listed::contains)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(
        String.join("\n", expected),
        String.join("\n", unnoticed),
        "not noticed, and listed in " + LIST + " with a reason");
  }

  private static List<Integer> chosen(List<String> mutants, String kernel, Set<String> listed) {
    List<Integer> all = new ArrayList<>(IntStream.rangeClosed(1, mutants.size()).boxed().toList());
    if (!Exhaustive.ON) {
      all.removeIf(mutant -> listed.contains(mutants.get(mutant - 1)));
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
