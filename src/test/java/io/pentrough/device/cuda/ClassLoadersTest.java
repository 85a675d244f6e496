package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Pentrough and JCuda in several class loaders of one JVM, as with applications in a container,
 * notebook kernels and executors of a cluster; each case in a JVM of its own.
 */
@Tag("cuda")
@Tag("softwareDriver")
@EnabledOnOs(OS.LINUX)
@Timeout(180)
class ClassLoadersTest {

  private static final String LIBRARY = "libJCudaDriver-12.6.0-linux-x86_64.so";

  /** The jar of JCuda's classes. */
  private static final String JCUDA = "/jcuda/jcuda/";

  @TempDir Path temporary;

  private List<String> run(String... steps) throws Exception {
    return new Jvm(temporary).start(ManyLoaders.class, steps).said();
  }

  private static byte[] library() throws Exception {
    try (InputStream in = OpensCuda.class.getResourceAsStream("/lib/" + LIBRARY)) {
      return in.readAllBytes();
    }
  }

  @Test
  @DisplayName("one class loader after the other: each has CUDA, with a library of its own")
  void oneAfterTheOther() throws Exception {
    assertEquals(
        List.of("session done", "session done", "session done", "mapped: 2 private"),
        run("A=all", "B=all", "A:session", "B:session", "A:session", "A:mapped"));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName(
      "many class loaders at once, and the folder for temporary files is the old one again")
  void allAtOnce() throws Exception {
    assertEquals(
        List.of(
            "session done",
            "session done",
            "session done",
            "session done",
            "mapped: 4 private",
            "tmp: " + temporary + " = " + temporary),
        run("A=all", "B=all", "C=all", "D=all", "together:ABCD:session", "A:mapped", "A:tmp"));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("a class loader that comes when the first one is closed")
  void theFirstIsClosed() throws Exception {
    assertEquals(
        List.of("session done", "session done", "mapped: 2 private"),
        run("A=all", "A:session", "close:A", "B=all", "B:session", "B:mapped"));
  }

  /** JCuda itself keeps its class loader as soon as its library is loaded: references of JNI's. */
  @Test
  @DisplayName("a class loader that found no CUDA is collected")
  void theFirstIsCollected() throws Exception {
    List<String> said =
        new Jvm(temporary)
            .withoutDriver()
            .start(ManyLoaders.class, "A=all", "A:best", "drop:A", "B=all", "B:best")
            .said();
    assertTrue(said.get(0).startsWith("host (no CUDA: no NVIDIA driver found"), said::toString);
    assertEquals("collected", said.get(1));
    assertEquals(said.get(0), said.get(2));
  }

  @Test
  @DisplayName("an application that used JCuda first, in another class loader, keeps it")
  void theApplicationFirstElsewhere() throws Exception {
    assertEquals(
        List.of("jcuda: 0", "session done", "jcuda: 0", "mapped: 2"),
        run("A=all", "B=all", "A:jcuda", "B:session", "A:jcuda", "A:mapped"));
    assertTrue(Files.isRegularFile(temporary.resolve(LIBRARY)), "JCuda's own, and left alone");
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("an application that failed with JCuda in another class loader is no hindrance")
  void theApplicationFailedElsewhere() throws Exception {
    byte[] garbage = "not a library".getBytes(StandardCharsets.UTF_8);
    Path foreign = Files.write(temporary.resolve(LIBRARY), garbage);
    assertEquals(
        List.of("jcuda: UnsatisfiedLinkError", "session done", "mapped: 1 private"),
        run("A=all", "B=all", "A:jcuda", "B:session", "B:mapped"));
    assertArrayEquals(garbage, Files.readAllBytes(foreign));
  }

  @Test
  @DisplayName("half a library at JCuda's fixed name is loaded for no class loader")
  void halfALibrary() throws Exception {
    byte[] half = Arrays.copyOf(library(), library().length / 2);
    Path foreign = Files.write(temporary.resolve(LIBRARY), half);
    assertEquals(
        List.of("session done", "session done", "loaded", "loaded", "mapped: 2 private"),
        run("A=all", "B=all", "A:session", "B:session", "A:blas", "B:blas", "B:mapped"));
    assertArrayEquals(half, Files.readAllBytes(foreign));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("JCuda's other libraries, for each class loader")
  void otherLibraries() throws Exception {
    assertEquals(
        List.of(
            "jcublas: CUBLAS_STATUS_SUCCESS",
            "loaded",
            "loaded",
            "jcublas: CUBLAS_STATUS_SUCCESS",
            "jcublas: CUBLAS_STATUS_SUCCESS"),
        run("A=all", "B=all", "C=all", "A:jcublas", "B:blas", "C:blas", "B:jcublas", "C:jcublas"));
  }

  // --- JCuda in a class loader that others share

  private static final String[] SHARED = {"P=only:jcuda", "A=below:P:jcuda", "B=below:P:jcuda"};

  @Test
  @DisplayName("one JCuda for several applications is loaded once")
  void sharedJCuda() throws Exception {
    assertEquals(
        List.of("session done", "session done", "mapped: 1 private"),
        run(with(SHARED, "A:session", "B:session", "B:mapped")));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("one JCuda for several applications, which start at once")
  void sharedJCudaAtOnce() throws Exception {
    assertEquals(
        List.of(
            "session done",
            "session done",
            "mapped: 1 private",
            "tmp: " + temporary + " = " + temporary),
        run(with(SHARED, "together:AB:session", "A:mapped", "B:tmp")));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("a shared JCuda that does not see its natives, which are with the application")
  void nativesWithTheApplication() throws Exception {
    assertEquals(
        List.of("available", "session done", "mapped: 1 private"),
        run("P=only:" + JCUDA, "A=below:P:" + JCUDA, "A:why", "A:session", "A:mapped"));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("a shared JCuda that the application used first is used as it is")
  void sharedJCudaInUse() throws Exception {
    assertEquals(
        List.of("jcuda: 0", "session done", "session done", "mapped: 1"),
        run(with(SHARED, "A:jcuda", "A:session", "B:session", "B:mapped")));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("also if the file has been deleted since, as a cleaner of temporary files does")
  void sharedJCudaInUseAndDeleted() throws Exception {
    String delete = "delete:" + temporary.resolve(LIBRARY);
    assertEquals(
        List.of("jcuda: 0", "session done", "mapped: 1"),
        run(with(SHARED, "A:jcuda", delete, "A:session", "A:mapped")));
  }

  @Test
  @DisplayName("JCuda that only the application sees is said to lie in the wrong place")
  void outOfSight() throws Exception {
    Path pentrough = Jvm.jarOf(CudaDevice.class);
    assertEquals(
        List.of(
            "the application sees JCuda, but Pentrough's class loader does not; put the jars of"
                + " Pentrough and JCuda in the same place"),
        run("P=only:" + pentrough, "A=below:P:" + pentrough, "A:why"));
  }

  private static String[] with(String[] first, String... more) {
    String[] all = Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return all;
  }
}
