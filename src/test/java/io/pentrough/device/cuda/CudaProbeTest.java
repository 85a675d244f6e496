package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceProvider;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CudaProbeTest {

  private static final String CLASS = "jcuda/driver/JCudaDriver.class";
  private static final String LINUX = "libJCudaDriver-12.6.0-linux-x86_64.so";
  private static final String WINDOWS = "JCudaDriver-12.6.0-windows-x86_64.dll";

  private static String probe(String os, String arch, Set<String> resources, String... files) {
    return new CudaProbe(
            os,
            arch,
            os.startsWith("Windows") ? List.of("C:\\Windows\\System32") : List.of("/opt/asked for"),
            resources::contains,
            Arrays.asList(files)::contains)
        .whyUnavailable();
  }

  @Test
  void aPlatformWithoutJCudaIsNamed() {
    for (String[] platform :
        new String[][] {{"Mac OS X", "aarch64"}, {"Linux", "aarch64"}, {"Windows 11", "x86"}}) {
      assertEquals(
          "JCuda runs on Linux and Windows on x86-64 only, and this is "
              + platform[0]
              + " on "
              + platform[1],
          probe(platform[0], platform[1], Set.of()));
    }
  }

  @Test
  void aMissingJCudaIsNamed() {
    assertEquals(
        "JCuda is not on the class path; add org.jcuda:jcuda:12.6.0",
        probe("Linux", "amd64", Set.of("lib/" + LINUX)));
  }

  @Test
  void missingNativesAreNamed() {
    assertEquals(
        "JCuda's native library libJCudaDriver-12.6.0-linux-x86_64.so is not on the class path;"
            + " add org.jcuda:jcuda-natives:12.6.0:linux-x86_64",
        probe("Linux", "amd64", Set.of(CLASS, "lib/" + WINDOWS)));
    assertEquals(
        "JCuda's native library JCudaDriver-12.6.0-windows-x86_64.dll is not on the class path;"
            + " add org.jcuda:jcuda-natives:12.6.0:windows-x86_64",
        probe("Windows Server 2022", "amd64", Set.of(CLASS)));
  }

  @Test
  void aMissingDriverIsNamed() {
    String linux =
        "no NVIDIA driver found (no libcuda.so.1 on the library path or in the usual folders)";
    assertEquals(linux, probe("Linux", "amd64", Set.of(CLASS, "lib/" + LINUX)));
    assertEquals(linux, probe("Linux", "amd64", Set.of(CLASS), "/opt/asked for/" + LINUX));
    assertEquals(
        linux, probe("Linux", "x86_64", Set.of(CLASS, "lib/" + LINUX), "/tmp/libcuda.so.1"));
    assertEquals(
        "no NVIDIA driver found (no nvcuda.dll on the library path or in the usual folders)",
        probe("Windows 11", "amd64", Set.of(CLASS, "lib/" + WINDOWS)));
  }

  @Test
  void aDriverIsFoundButNotUsedYet() {
    String notYet =
        "an NVIDIA driver is installed, but this version of Pentrough has no CUDA device yet"
            + " (it is next on the roadmap)";
    for (String folder :
        List.of("/opt/asked for", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/wsl/lib")) {
      assertEquals(
          notYet, probe("Linux", "amd64", Set.of(CLASS, "lib/" + LINUX), folder + "/libcuda.so.1"));
    }
    assertEquals(
        notYet,
        probe(
            "Windows 10",
            "amd64",
            Set.of(CLASS, "lib/" + WINDOWS),
            "C:\\Windows\\System32\\nvcuda.dll"));
  }

  /** The version in the code is the one in the pom: what the build put there is found. */
  @Test
  void thisBuildsJCudaIsFound() {
    String why = CudaProbe.ofThisMachine().whyUnavailable();
    assertFalse(why.contains("class path"), why);
  }

  @Test
  void theProviderRefusesInTheSameWords() {
    CudaProvider provider = new CudaProvider();
    assertEquals("cuda", provider.kind());
    assertTrue(provider.priority() > 0);
    String why = provider.whyUnavailable().orElseThrow();
    DeviceException e = assertThrows(DeviceException.class, () -> provider.open(""));
    assertEquals("cuda: " + why, e.getMessage());
  }

  /** A class of JCuda whose initialiser has failed would stay unusable until the JVM ends. */
  @Test
  void askingTouchesNoClassOfJCuda() throws Exception {
    Loader loader = new Loader();
    DeviceProvider provider =
        (DeviceProvider)
            loader.loadClass(CudaProvider.class.getName()).getDeclaredConstructor().newInstance();
    assertFalse(provider.whyUnavailable().isEmpty());
    assertTrue(loader.asked.contains(CudaProbe.class.getName()), loader.asked::toString);
    assertTrue(
        loader.asked.stream().noneMatch(name -> name.startsWith("jcuda.")), loader.asked::toString);
  }

  /** Defines the package's classes anew, and notes each class they ask for. */
  private static final class Loader extends ClassLoader {
    final List<String> asked = new ArrayList<>();

    Loader() {
      super(CudaProvider.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      asked.add(name);
      if (!name.startsWith(CudaProvider.class.getPackageName() + ".")) {
        return super.loadClass(name, resolve);
      }
      Class<?> loaded = findLoadedClass(name);
      if (loaded != null) {
        return loaded;
      }
      try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = in.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }
}
