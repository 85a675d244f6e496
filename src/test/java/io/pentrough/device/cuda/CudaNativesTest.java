package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import jcuda.JCudaVersion;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** How JCuda's native library gets into the process; each in a JVM of its own. */
@Tag("cuda")
@Tag("softwareDriver")
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class CudaNativesTest {

  private static final String LIBRARY = "libJCudaDriver-12.6.0-linux-x86_64.so";
  private static final byte[] GARBAGE = "not a library".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temporary;

  private List<String> run(boolean withDriver, String... steps) throws Exception {
    Jvm jvm = withDriver ? new Jvm(temporary) : new Jvm(temporary).withoutDriver();
    return jvm.start(OpensCuda.class, steps).said();
  }

  private List<String> runWithout(String jar, String... steps) throws Exception {
    String classPath = Jvm.classPathWithout(entry -> entry.contains(jar));
    return new Jvm(temporary).start(classPath, OpensCuda.class, steps).said();
  }

  private List<String> filesLeft() throws IOException {
    try (Stream<Path> files = Files.list(temporary)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.startsWith("hsperfdata"))
          .toList();
    }
  }

  @Test
  @DisplayName(
      "a foreign file of the library's name in the shared folder is neither loaded nor touched")
  void aForeignFileIsLeftAlone() throws Exception {
    Path foreign = Files.write(temporary.resolve(LIBRARY), GARBAGE);
    List<String> said = run(true, "best", "session", "mapped", "tmp");
    assertTrue(said.get(0).startsWith("cuda:0 ("), said::toString);
    assertEquals(
        List.of("session done", "mapped: 1 private", "tmp: " + temporary + " = " + temporary),
        tail(said, 3));
    assertArrayEquals(GARBAGE, Files.readAllBytes(foreign));
    assertEquals(List.of(LIBRARY), filesLeft(), "what is unpacked is deleted again");
  }

  @Test
  @Tag("exhaustive")
  void twoJvmsMayStartAtOnce() throws Exception {
    List<Jvm.Running> jvms = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      jvms.add(new Jvm(temporary).start(OpensCuda.class, "session", "mapped"));
    }
    for (Jvm.Running jvm : jvms) {
      assertEquals(List.of("session done", "mapped: 1 private"), jvm.said());
    }
    assertEquals(List.of(), filesLeft());
  }

  @Test
  @DisplayName("without a driver there is a sentence each time, and JCuda is not poisoned")
  void noDriver() throws Exception {
    List<String> said = run(false, "why", "best", "why", "jcuda", "why");
    String why =
        "no NVIDIA driver found (libcuda.so.1: cannot open shared object file: No such file or"
            + " directory)";
    assertEquals(
        List.of(why, "host (no CUDA: " + why + ")", why, "jcuda: UnsatisfiedLinkError", why), said);
  }

  @Test
  @DisplayName("to open a device without a driver says what to do about it")
  void openWithoutDriver() throws Exception {
    String said = run(false, "blas").get(0);
    assertTrue(
        said.startsWith("no CUDA: no NVIDIA driver found (libcuda.so.1: ")
            && said.contains("; install the driver; in a container, ")
            && said.endsWith("name that in LD_LIBRARY_PATH before the JVM starts"),
        said);
  }

  @Test
  @DisplayName("if the application used JCuda first, its library is used as it is")
  void theApplicationFirst() throws Exception {
    assertEquals(
        List.of("jcuda: 0", "session done", "mapped: 1"), run(true, "jcuda", "session", "mapped"));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("if JCuda has failed for the application, that is final, and said so")
  void theApplicationFailedFirst() throws Exception {
    Files.write(temporary.resolve(LIBRARY), GARBAGE); // which JCuda trusts
    List<String> said = run(true, "jcuda", "why");
    assertEquals("jcuda: UnsatisfiedLinkError", said.get(0));
    assertTrue(
        said.get(1).startsWith("JCuda has failed to start earlier in this JVM"), said.get(1));
  }

  @Test
  void missingNativesAreNamed() throws Exception {
    List<String> said = runWithout("jcuda-natives", "best");
    assertEquals(
        List.of(
            "host (no CUDA: JCuda's native library "
                + LIBRARY
                + " is not on the class path; add org.jcuda:jcuda-natives:12.6.0:linux-x86_64)"),
        said);
  }

  @Test
  void missingJCudaIsNamed() throws Exception {
    assertEquals(
        List.of("host (no CUDA: JCuda is not on the class path; add org.jcuda:jcuda:12.6.0)"),
        runWithout("jcuda", "best"));
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamedWithTheCure() throws Exception {
    Path file = Files.write(temporary.resolve("file"), GARBAGE);
    List<String> said =
        new Jvm(temporary)
            .flags("-Dpentrough.nativesFolder=" + file)
            .start(OpensCuda.class, "why")
            .said();
    assertTrue(
        said.get(0).startsWith("JCuda's native library could not be unpacked to " + file),
        said::toString);
    assertTrue(
        said.get(0)
            .endsWith(
                "name a folder that can be written with" + " -Dpentrough.nativesFolder=FOLDER"),
        said::toString);
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("with a folder named, the shared one need not be there at all")
  void noSharedFolder() throws Exception {
    assertEquals(
        List.of("available", "session done", "mapped: 1 private"),
        new Jvm(temporary)
            .flags(
                "-Dpentrough.nativesFolder=" + temporary,
                "-Djava.io.tmpdir=" + temporary.resolve("missing"))
            .start(OpensCuda.class, "why", "session", "mapped")
            .said());
    assertEquals(List.of(), filesLeft());
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("where temporary files cannot be written, the library goes through another folder")
  void unwritable() throws Exception {
    Path file = Files.write(temporary.resolve("file"), GARBAGE);
    assertEquals(
        List.of("session done", "mapped: 1 private"),
        new Jvm(temporary)
            .flags("-Djava.io.tmpdir=" + file)
            .start(OpensCuda.class, "session", "mapped")
            .said());
  }

  /** A JVM that sees a folder of its own as mounted with noexec; not where nobody may mount. */
  private Jvm onNoexec(Path folder) throws Exception {
    String[] mounts = {
      "unshare",
      "-rm",
      "sh",
      "-c",
      "mount -t tmpfs -o noexec none '" + folder + "' && exec \"$@\"",
      "sh"
    };
    Process may = new ProcessBuilder(with(mounts, "true")).inheritIO().start();
    assumeTrue(may.waitFor() == 0, "nobody may mount here, so noexec is not tested");
    return new Jvm(temporary).wrapper(mounts).flags("-Djava.io.tmpdir=" + folder);
  }

  private static String[] with(String[] first, String last) {
    String[] all = Arrays.copyOf(first, first.length + 1);
    all[first.length] = last;
    return all;
  }

  @Test
  @DisplayName("where temporary files cannot be executed, the library goes through another folder")
  void noexec() throws Exception {
    Path folder = Files.createDirectory(temporary.resolve("noexec"));
    assertEquals(
        List.of("session done", "mapped: 1 private"),
        onNoexec(folder).start(OpensCuda.class, "session", "mapped").said());
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("a folder named for that is the one for every class loader")
  void noexecWithAFolderNamed() throws Exception {
    Path folder = Files.createDirectory(temporary.resolve("noexec"));
    Path named = Files.createDirectory(temporary.resolve("named"));
    assertEquals(
        List.of(
            "jcuda: UnsatisfiedLinkError",
            "session done",
            "session done",
            "loaded",
            "loaded",
            "mapped: 2 private"),
        onNoexec(folder)
            .flags("-Dpentrough.nativesFolder=" + named)
            .start(
                ManyLoaders.class,
                "A=all",
                "B=all",
                "C=all",
                "A:jcuda",
                "B:session",
                "C:session",
                "B:blas",
                "C:blas",
                "C:mapped")
            .said());
  }

  @Test
  @Tag("exhaustive")
  @DisplayName(
      "a folder named that cannot be executed in is refused in words, and no other is tried")
  void noexecNamed() throws Exception {
    Path folder = Files.createDirectory(temporary.resolve("noexec"));
    String why =
        "JCuda's native library could not be unpacked to "
            + folder
            + " (files cannot be executed there: it is mounted noexec); name a folder that can be"
            + " written and is not mounted noexec with -Dpentrough.nativesFolder=FOLDER";
    assertEquals(
        List.of(why, why, "jcuda: 0"),
        onNoexec(folder)
            .flags("-Dpentrough.nativesFolder=" + folder, "-Djava.io.tmpdir=" + temporary)
            .start(OpensCuda.class, "why", "why", "jcuda")
            .said());
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("natives on the library path, for the JVM's first class loader and for more")
  void libraryPath() throws Exception {
    Path folder = Files.createDirectory(temporary.resolve("natives"));
    try (InputStream in = OpensCuda.class.getResourceAsStream("/lib/" + LIBRARY)) {
      Files.copy(in, folder.resolve(LIBRARY));
    }
    Jvm jvm = new Jvm(temporary).flags("-Djava.library.path=" + folder);
    String classPath = Jvm.classPathWithout(entry -> entry.contains("jcuda-natives"));
    assertEquals(
        List.of("session done", "session done", "session done", "mapped: 3"),
        jvm.start(
                classPath,
                ManyLoaders.class,
                "A=all",
                "B=all",
                "C=all",
                "A:session",
                "B:session",
                "C:session",
                "C:mapped")
            .said());
  }

  @Test
  @EnabledForJreRange(min = JRE.JAVA_24)
  @DisplayName("a JVM that forbids native access is started with the option the message names")
  void noNativeAccess() throws Exception {
    String classPath = System.getProperty("java.class.path");
    List<String> denied =
        List.of("--illegal-native-access=deny", "-cp", classPath, OpensCuda.class.getName(), "why");
    String why = new Jvm(temporary).withoutNativeAccess().start(denied).said().get(0);
    assertTrue(why.startsWith("the JVM does not let JCuda call native code ("), why);
    assertTrue(why.endsWith("; start it with --enable-native-access=ALL-UNNAMED"), why);
    assertEquals(List.of("available"), new Jvm(temporary).start(denied).said());
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("a property java.io.tmpdir that was removed stays so")
  void noProperty() throws Exception {
    assertEquals(
        List.of("session done", "tmp: " + temporary + " = null"),
        run(true, "noTmp", "session", "tmp"));
  }

  // --- JCuda's other libraries

  private static final String CUBLAS = "libJCublas2-12.6.0-linux-x86_64.so";

  private static final String NO_CUBLAS =
      "JCublas2 cannot be used: cuBLAS is not installed (libcublas.so.12: cannot open shared object"
          + " file: No such file or directory); install the CUDA 12 toolkit's libraries, or name"
          + " their folder in LD_LIBRARY_PATH before the JVM starts";

  /** With the driver, which is loaded by its path, but without cuBLAS until it is, too. */
  private List<String> runWithoutCublas(String... steps) throws Exception {
    List<String> all = new ArrayList<>(List.of(Jvm.DRIVER.toString()));
    all.addAll(List.of(steps));
    return run(false, all.toArray(new String[0]));
  }

  @Test
  @DisplayName("without cuBLAS there is a sentence each time, and it may still come")
  void noCublas() throws Exception {
    String cublas = Jvm.DRIVER.resolveSibling("libcublas.so.12").toString();
    assertEquals(
        List.of(NO_CUBLAS, NO_CUBLAS, "loaded", "jcublas: CUBLAS_STATUS_SUCCESS"),
        runWithoutCublas("blas", "blas", cublas, "blas", "jcublas"));
    assertEquals(List.of(), filesLeft());
  }

  @Test
  @DisplayName("a second call is harmless, and nothing is left behind")
  void cublasTwice() throws Exception {
    Path foreign = Files.write(temporary.resolve(CUBLAS), GARBAGE);
    assertEquals(
        List.of(
            "loaded",
            "loaded",
            "mapped: 1 private",
            "jcublas: CUBLAS_STATUS_SUCCESS",
            "tmp: " + temporary + " = " + temporary),
        run(true, "blas", "blas", "cublasMapped", "jcublas", "tmp"));
    assertArrayEquals(GARBAGE, Files.readAllBytes(foreign), "neither loaded nor touched");
    assertEquals(List.of(CUBLAS), filesLeft());
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("if the application used JCublas first, its library is used as it is")
  void theApplicationUsedJCublasFirst() throws Exception {
    assertEquals(
        List.of("jcublas: CUBLAS_STATUS_SUCCESS", "loaded", "mapped: 1"),
        run(true, "jcublas", "blas", "cublasMapped"));
  }

  @Test
  @Tag("exhaustive")
  void theApplicationFailedWithJCublasFirst() throws Exception {
    List<String> said = runWithoutCublas("jcublas", "blas");
    assertEquals("jcublas: UnsatisfiedLinkError", said.get(0));
    assertEquals(NO_CUBLAS, said.get(1), "what is missing comes first");
    Files.write(temporary.resolve(CUBLAS), GARBAGE); // which JCublas trusts
    said = run(true, "jcublas", "blas");
    assertEquals("jcublas: UnsatisfiedLinkError", said.get(0));
    assertTrue(
        said.get(1)
            .startsWith(
                "JCublas2 cannot be used: JCublas2 has failed to start earlier in this JVM"),
        said::toString);
  }

  @Test
  @Tag("exhaustive")
  void otherLibrariesAndOtherClasses() throws Exception {
    assertEquals(
        List.of(
            "loaded",
            "io.pentrough.device.cuda.OpensCuda is no class of JCuda's: pass one such as JCublas2.class"),
        run(true, "runtime", "foreign"));
    assertTrue(run(false, "blas").get(0).startsWith("no CUDA: no NVIDIA driver found"));
    assertEquals(
        List.of(
            "JCublas2 cannot be used: its native library "
                + CUBLAS
                + " is not on the class path; add org.jcuda:jcublas-natives:"
                + JCudaVersion.get()
                + ":linux-x86_64"),
        runWithout("jcublas-natives", "blas"));
  }

  private static List<String> tail(List<String> list, int count) {
    return list.subList(list.size() - count, list.size());
  }
}
