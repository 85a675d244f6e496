package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A modular program, with Pentrough, JCuda and its natives as automatic modules. */
@Tag("cuda")
@Tag("softwareDriver")
@EnabledOnOs(OS.LINUX)
@Timeout(180)
class ModulePathTest {

  private static final String MODULE =
      """
      module app {
        requires io.pentrough;
        requires jcuda;
        %s
      }
      """;

  private static final String PTX =
      """
      .version 6.0
      .target sm_50
      .address_size 64
      .visible .entry nothing() { ret; }
      """;

  private static final String MAIN =
      """
      package app;

      import io.pentrough.*;
      import io.pentrough.augment.*;
      import io.pentrough.device.*;
      import io.pentrough.device.cuda.CudaDevice;
      import java.time.Duration;
      import jcuda.driver.JCudaDriver;

      public class Main {
        public static void main(String[] args) throws Exception {
          try (Device device = Device.best()) {
            System.out.println(device.description());
            BatchSpec spec = BatchSpec.builder().array("x", DType.UINT8, 4, 8, 8).build();
            var builder =
                BackgroundLoader.builder(
                    device, spec, (out, context) -> out.array("x").setByte(0, (byte) 1));
            try (BackgroundLoader loader =
                    builder
                        .stage(
                            Augmentation.builder(spec.array("x"), Layout.NYX).flip(Axis.X).build())
                        .start();
                DeviceBatch batch = loader.get(Duration.ofSeconds(20))) {
              System.out.println("batch " + batch.index());
            }
            try {
              KernelSource source = KernelSource.ofResource(Main.class, "nothing.ptx");
              try (DeviceModule module = device.load(source)) {
                System.out.println(source.name());
              }
            } catch (RuntimeException e) {
              System.out.println(e.getMessage());
            }
            if (device instanceof CudaDevice) {
              System.out.println("jcuda: " + JCudaDriver.cuInit(0));
            }
          }
        }
      }
      """;

  @TempDir Path temporary;

  private Path lib;

  @BeforeEach
  void gather() throws IOException {
    lib = Files.createDirectory(temporary.resolve("lib"));
    for (String jar : List.of("jcuda-12", "jcuda-natives-12", "jspecify-")) {
      for (String entry : Jvm.classPath()) {
        Path path = Path.of(entry);
        if (path.getFileName().toString().startsWith(jar)) {
          Files.copy(path, lib.resolve(path.getFileName()));
        }
      }
    }
    pack(Jvm.jarOf(CudaDevice.class), lib.resolve("pentrough.jar"));
  }

  /** A jar as the build makes it, of classes as the tests have them. */
  private static void pack(Path classes, Path jar) throws IOException {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().putValue("Automatic-Module-Name", "io.pentrough");
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream zip = new JarOutputStream(out, manifest);
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        zip.putNextEntry(new JarEntry(classes.relativize(file).toString()));
        Files.copy(file, zip);
      }
    }
  }

  private Path compile(String moreOfModule) throws IOException {
    Path sources = Files.createDirectories(temporary.resolve("src/app"));
    Path module =
        Files.writeString(
            sources.resolveSibling("module-info.java"), MODULE.formatted(moreOfModule));
    Path main = Files.writeString(sources.resolve("Main.java"), MAIN);
    Path app = temporary.resolve("app");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter complaints = new StringWriter();
    boolean compiled =
        compiler
            .getTask(
                complaints,
                null,
                null,
                List.of("-proc:none", "-p", lib.toString(), "-d", app.toString()),
                null,
                compiler.getStandardFileManager(null, null, null).getJavaFileObjects(module, main))
            .call();
    assertTrue(compiled, complaints::toString);
    Files.writeString(app.resolve("app/nothing.ptx"), PTX);
    return app;
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("the Flight Recorder: no event and no complaint without its module, events with it")
  void flightRecorder() throws Exception {
    Path app = compile("opens app;");
    String path = lib + File.pathSeparator + app;
    List<String> without =
        run("--limit-modules", "java.base,app,jcuda.natives", "-p", path, "-m", "app/app.Main");
    assertEquals("batch 0", without.get(1), without::toString);

    Path file = temporary.resolve("run.jfr");
    List<String> with =
        run(
            "--add-modules",
            "jdk.jfr",
            "-XX:StartFlightRecording=filename=" + file,
            "-p",
            path,
            "-m",
            "app/app.Main");
    assertTrue(with.contains("batch 0"), with::toString);
    assertTrue(
        RecordingFile.readAllEvents(file).stream()
            .anyMatch(event -> event.getEventType().getName().equals("pentrough.Batch")));
  }

  private List<String> run(String... command) throws Exception {
    return new Jvm(temporary).flags("--enable-native-access=jcuda").start(List.of(command)).said();
  }

  @Test
  @DisplayName("Device.best() is CUDA, a stage's kernels are found, and JCuda works too")
  void modularProgram() throws Exception {
    Path app = compile("opens app;");
    List<String> said = run("-p", lib + File.pathSeparator + app, "-m", "app/app.Main");
    assertTrue(said.get(0).startsWith("cuda:0 (Pentrough software CUDA device"), said::toString);
    assertEquals(List.of("batch 0", "nothing.ptx", "jcuda: 0"), said.subList(1, said.size()));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("a resource of a package that is not open is said to be there, and what to do")
  void closedPackage() throws Exception {
    Path app = compile("");
    List<String> said = run("-p", lib + File.pathSeparator + app, "-m", "app/app.Main");
    assertEquals(
        "no resource nothing.ptx beside app.Main that can be read from here: module app must open"
            + " package app (\"opens app;\"), or read it itself and use KernelSource.of",
        said.get(2).replaceFirst("^.*Exception: ", ""));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("without JCuda's natives the artifact is named, for the module path")
  void withoutNatives() throws Exception {
    Path app = compile("opens app;");
    Files.delete(lib.resolve("jcuda-natives-12.6.0-linux-x86_64.jar"));
    List<String> said = run("-p", lib + File.pathSeparator + app, "-m", "app/app.Main");
    assertEquals(
        "host (no CUDA: JCuda's native library libJCudaDriver-12.6.0-linux-x86_64.so is not on the"
            + " module path; add org.jcuda:jcuda-natives:12.6.0:linux-x86_64)",
        said.get(0));
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("natives on the class path do for a modular program")
  void nativesOnTheClassPath() throws Exception {
    Path app = compile("opens app;");
    Path natives = temporary.resolve("natives.jar");
    Files.move(lib.resolve("jcuda-natives-12.6.0-linux-x86_64.jar"), natives);
    List<String> said =
        run("-p", lib + File.pathSeparator + app, "-cp", natives.toString(), "-m", "app/app.Main");
    assertTrue(said.get(0).startsWith("cuda:0 (Pentrough software CUDA device"), said::toString);
  }

  /** Makes a layer of its own modules, as containers of plug-ins do, and runs {@code app} there. */
  public static final class Layers {

    private Layers() {}

    public static void main(String[] args) throws Exception {
      java.lang.module.ModuleFinder finder =
          java.lang.module.ModuleFinder.of(Path.of(args[1]), Path.of(args[2]));
      ModuleLayer boot = ModuleLayer.boot();
      java.lang.module.Configuration configuration =
          boot.configuration()
              .resolve(finder, java.lang.module.ModuleFinder.of(), List.of("app", "jcuda.natives"));
      ClassLoader system = ClassLoader.getPlatformClassLoader();
      ModuleLayer layer =
          args[0].equals("one")
              ? boot.defineModulesWithOneLoader(configuration, system)
              : boot.defineModulesWithManyLoaders(configuration, system);
      layer
          .findLoader("app")
          .loadClass("app.Main")
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[0]);
    }
  }

  @Test
  @DisplayName("a layer of modules with one class loader, or with one for each module")
  void layers() throws Exception {
    Path app = compile("opens app; exports app;");
    for (String loaders : List.of("one", "many")) {
      List<String> command =
          new ArrayList<>(List.of("-cp", Jvm.jarOf(ModulePathTest.class).toString()));
      command.add(Layers.class.getName());
      command.addAll(List.of(loaders, lib.toString(), app.toString()));
      List<String> said = run(command.toArray(new String[0]));
      assertTrue(said.get(0).startsWith("cuda:0 (Pentrough software CUDA"), said::toString);
      assertEquals(List.of("batch 0", "nothing.ptx", "jcuda: 0"), said.subList(1, said.size()));
    }
  }
}
