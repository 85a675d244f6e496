package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.host.HostDeviceProvider;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
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
        .whyImpossible()
        .orElse("nothing");
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

  /** On Linux nothing can tell but trying; on Windows a try that fails is final for JCuda. */
  @Test
  void aMissingDriverIsNamedWhereTryingIsNoWay() {
    assertEquals("nothing", probe("Linux", "amd64", Set.of(CLASS, "lib/" + LINUX)));
    assertEquals("nothing", probe("Linux", "x86_64", Set.of(CLASS), "/opt/asked for/" + LINUX));
    assertEquals(
        "no NVIDIA driver found (no nvcuda.dll on the path)",
        probe("Windows 11", "amd64", Set.of(CLASS, "lib/" + WINDOWS)));
    assertEquals(
        "nothing",
        probe(
            "Windows 10",
            "amd64",
            Set.of(CLASS, "lib/" + WINDOWS),
            "C:\\Windows\\System32\\nvcuda.dll"));
  }

  /** The version in the code is the one in the pom: what the build put there is found. */
  @Test
  void thisBuildsJCudaIsFound() {
    assertEquals(Optional.empty(), CudaProbe.ofThisMachine().whyImpossible());
  }

  @Test
  void theProviderComesBeforeTheHost() {
    assertEquals("cuda", new CudaProvider().kind());
    assertTrue(new CudaProvider().priority() > new HostDeviceProvider().priority());
  }
}
