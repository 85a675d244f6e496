package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaProbe.Found;
import io.pentrough.device.host.HostDeviceProvider;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class CudaProbeTest {

  private static final String LINUX = "libJCudaDriver-12.6.0-linux-x86_64.so";
  private static final String WINDOWS = "JCudaDriver-12.6.0-windows-x86_64.dll";

  private static final Found ABSENT = new Found(false, false, null, List::of, "class path");
  private static final Found JCUDA = of("12.6.0", "12.6.0");

  private static Found of(@Nullable String version, String... natives) {
    return new Found(true, true, version, () -> List.of(natives), "class path");
  }

  private static String probe(
      String os, String arch, Found jcuda, Set<String> resources, String... files) {
    return new CudaProbe(
            os,
            arch,
            os.startsWith("Windows") ? List.of("C:\\Windows\\System32") : List.of("/opt/asked for"),
            jcuda,
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
          probe(platform[0], platform[1], JCUDA, Set.of()));
    }
  }

  @Test
  void aMissingJCudaIsNamed() {
    assertEquals(
        "JCuda is not on the class path; add org.jcuda:jcuda:12.6.0",
        probe("Linux", "amd64", ABSENT, Set.of("lib/" + LINUX)));
  }

  @Test
  void missingNativesAreNamed() {
    assertEquals(
        "JCuda's native library libJCudaDriver-12.6.0-linux-x86_64.so is not on the class path;"
            + " add org.jcuda:jcuda-natives:12.6.0:linux-x86_64",
        probe("Linux", "amd64", of("12.6.0"), Set.of("lib/" + WINDOWS)));
    assertEquals(
        "JCuda's native library JCudaDriver-12.6.0-windows-x86_64.dll is not on the class path;"
            + " add org.jcuda:jcuda-natives:12.6.0:windows-x86_64",
        probe("Windows Server 2022", "amd64", of("12.6.0"), Set.of()));
  }

  @Test
  @DisplayName("JCuda of another version asks for natives of its own")
  void otherVersions() {
    String other = LINUX.replace("12.6.0", "12.0.0");
    assertEquals(
        "nothing", probe("Linux", "amd64", of("12.0.0", "12.0.0"), Set.of("lib/" + other)));
    assertEquals(
        "JCuda 12.0.0 does not go together with natives of version 12.6.0; use"
            + " org.jcuda:jcuda-natives:12.0.0:linux-x86_64",
        probe("Linux", "amd64", of("12.0.0", "12.6.0"), Set.of("lib/" + LINUX)));
    assertEquals(
        "JCuda's native library "
            + other
            + " is not on the class path; add org.jcuda:jcuda-natives:12.0.0:linux-x86_64",
        probe("Linux", "amd64", of("12.0.0"), Set.of()));
    assertEquals(
        "the JCuda on the class path is too old; use org.jcuda:jcuda:12.6.0 and its natives",
        probe("Linux", "amd64", of(null, "10.2.0"), Set.of()));
  }

  @Test
  @DisplayName("where the jars are missing is said as the program was started")
  void wordsForThePlace() {
    assertEquals(
        "JCuda is not on the module path; add org.jcuda:jcuda:12.6.0",
        probe("Linux", "amd64", new Found(false, false, null, List::of, "module path"), Set.of()));
    assertEquals(
        "the application sees JCuda, but Pentrough's class loader does not; put the jars of"
            + " Pentrough and JCuda in the same place",
        probe("Linux", "amd64", new Found(false, true, null, List::of, "class path"), Set.of()));
  }

  /** On Linux nothing can tell but trying; on Windows a try that fails is final for JCuda. */
  @Test
  void aMissingDriverIsNamedWhereTryingIsNoWay() {
    assertEquals("nothing", probe("Linux", "amd64", JCUDA, Set.of("lib/" + LINUX)));
    assertEquals("nothing", probe("Linux", "x86_64", JCUDA, Set.of(), "/opt/asked for/" + LINUX));
    assertEquals(
        "no NVIDIA driver found (no nvcuda.dll on the path)",
        probe("Windows 11", "amd64", JCUDA, Set.of("lib/" + WINDOWS)));
    assertEquals(
        "nothing",
        probe(
            "Windows 10",
            "amd64",
            JCUDA,
            Set.of("lib/" + WINDOWS),
            "C:\\Windows\\System32\\nvcuda.dll"));
  }

  /** The version in the code is the one in the pom: what the build put there is found. */
  @Test
  void thisBuildsJCudaIsFound() {
    assertEquals(Optional.empty(), CudaProbe.ofThisMachine().whyImpossible());
    assertEquals("12.6.0", JCudaJars.version(), "the version to ask for");
  }

  @Test
  void theProviderComesBeforeTheHost() {
    assertEquals("cuda", new CudaProvider().kind());
    assertTrue(new CudaProvider().priority() > new HostDeviceProvider().priority());
  }
}
