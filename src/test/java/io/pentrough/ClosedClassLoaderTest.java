package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Collected;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.Jvm;
import io.pentrough.testkit.LogCapture;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A container may close an application's class loader before what the application has left is given
 * back: then no class may be missing that was not needed before.
 */
class ClosedClassLoaderTest {

  /** One with the class path to itself, which tells what it is asked for when it is closed. */
  private static final class Watched extends URLClassLoader {

    final List<String> late = new CopyOnWriteArrayList<>();
    private volatile boolean closed;

    Watched() throws Exception {
      super(urls(), ClassLoader.getPlatformClassLoader());
    }

    private static URL[] urls() throws Exception {
      List<URL> urls = new ArrayList<>();
      for (String entry : Jvm.classPath()) {
        urls.add(Path.of(entry).toUri().toURL());
      }
      return urls.toArray(new URL[0]);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      if (closed) {
        late.add(name);
      }
      return super.findClass(name);
    }

    @Override
    public void close() throws java.io.IOException {
      closed = true;
      super.close();
    }
  }

  private static Stream<String> uses() {
    return Stream.of(
        "loader forgotten",
        "loader forgotten, batch lost",
        "loader forgotten, batch kept",
        "loader forgotten, batch outlives",
        "loader kept",
        "loader kept, batch kept",
        "loader kept, batch lost",
        "loader kept, batch outlives",
        "queue forgotten",
        "queue forgotten, batch lost",
        "queue, loader kept",
        "queue, loader kept, batch outlives",
        "stuck, loader forgotten",
        "stuck, loader kept",
        "failing, loader forgotten",
        "failing, loader kept",
        "staged, loader forgotten",
        "staged, loader kept",
        "staged, loader kept, batch outlives",
        "zero-copy, loader forgotten",
        "zero-copy, loader kept, batch outlives",
        "watched, loader kept, batch kept",
        "queued, loader forgotten, batch lost",
        "queued, loader kept, batch kept");
  }

  @ParameterizedTest
  @MethodSource("uses")
  @DisplayName("on the host")
  void onTheHost(String use) throws Exception {
    check(use);
  }

  /** On CUDA a usual build takes these. */
  private static final Set<String> SAMPLE =
      Set.of(
          "loader forgotten, batch lost",
          "loader kept, batch outlives",
          "queue, loader kept",
          "stuck, loader kept",
          "failing, loader forgotten",
          "staged, loader kept, batch outlives",
          "zero-copy, loader forgotten",
          "queued, loader kept, batch kept");

  private static Stream<String> sample() {
    return uses().filter(SAMPLE::contains);
  }

  private static Stream<String> others() {
    return uses().filter(use -> !SAMPLE.contains(use));
  }

  @ParameterizedTest
  @MethodSource("sample")
  @DisplayName("on CUDA")
  @Tag("cuda")
  @Tag("softwareDriver")
  void onCuda(String use) throws Exception {
    CudaSim.load();
    check("cuda, " + use);
  }

  @ParameterizedTest
  @MethodSource("others")
  @DisplayName("on CUDA, the others")
  @Tag("cuda")
  @Tag("softwareDriver")
  @Tag("exhaustive")
  void othersOnCuda(String use) throws Exception {
    onCuda(use);
  }

  /** What a lease that cannot be recorded leaves is one allocation, for good. */
  @ParameterizedTest
  @ValueSource(
      strings = {"loader forgotten", "loader kept, batch kept", "staged, loader kept, batch lost"})
  @DisplayName("on CUDA, where the device fails when the class loader is closed")
  @Tag("cuda")
  @Tag("softwareDriver")
  void onBrokenCuda(String use) throws Exception {
    CudaSim.load();
    try {
      check("broken cuda, " + use);
    } finally {
      CudaSim.reset();
    }
  }

  @SuppressWarnings("try") // closed in the middle, as that is what is tried
  private static void check(String use) throws Exception {
    System.setProperty("pentrough.leakDetection", String.valueOf(use.contains("lost")));
    try (LogCapture log = new LogCapture();
        Watched loader = new Watched()) {
      Object[] begun =
          (Object[])
              loader
                  .loadClass(Abandons.class.getName())
                  .getMethod("begin", String.class)
                  .invoke(null, use);
      loader.close();
      if (use.contains("broken")) {
        CudaSim.killContext(0, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
      }
      ((Runnable) begun[1]).run();
      LongSupplier left = (LongSupplier) begun[0];
      int mayStay = use.contains("broken") && use.contains("batch") ? 1 : 0;
      Collected.until(
          "what is left is given back",
          () -> {
            assertEquals(List.of(), loader.late, "needed late");
            return left.getAsLong() <= mayStay;
          });
      assertEquals(List.of(), loader.late, "needed late");
      assertEquals(List.of(), log.thrown().stream().filter(t -> t instanceof Error).toList());
    } finally {
      System.clearProperty("pentrough.leakDetection");
    }
  }
}
