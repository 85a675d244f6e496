package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.JavaCommand;
import io.pentrough.testkit.Patience;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the software CUDA driver lets no JVM survive, each in a JVM of its own. */
@Tag("cuda")
@Tag("softwareDriver")
class SoftwareDriverCrashTest {

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "device,   device memory,                  'offset 16 of buffer 1 (100 bytes)'",
    "freed,    freed pinned memory,            'offset 16 of buffer 1 (100 bytes)'",
    "behind,   the guard page of pinned memory,'offset 4096 of buffer 1 (100 bytes)'"
  })
  void aTouchThatARealDriverMayLetPassEndsTheJvm(String what, String where, String place)
      throws Exception {
    Result result = run(what);
    assertTrue(result.output.contains("software CUDA: the host touched " + where + " at 0x"));
    assertTrue(result.output.contains(place), result.output);
    assertTrue(result.output.contains("SIGSEGV"), result.output); // the JVM's own report
    assertTrue(result.exit != 0);
  }

  @Test
  void theSameProgramWithoutTheTouchEndsWell() throws Exception {
    Result result = run("nothing");
    assertEquals(0, result.exit, result.output);
    assertEquals("CUDA_ERROR_NOT_INITIALIZED\n", result.output);
  }

  @Test
  @DisplayName("a program that does not ask for violations reads each of them once on stderr")
  void violationsOfAUsersProgram() throws Exception {
    List<String> said = saidWithErrors("sh").start(FreesTwice.class).said();
    List<String> violations = said.stream().filter(line -> line.contains("violation:")).toList();
    assertEquals(1, violations.size(), said::toString);
    assertTrue(violations.get(0).contains("which was freed before"), said::toString);
  }

  @ParameterizedTest
  @CsvSource({"RACE, true", "THREADS, false"})
  @DisplayName("a program may be run in another schedule, which shows what this one hides")
  void scheduleOfAUsersProgram(String schedule, boolean seen) throws Exception {
    List<String> said = inSchedule(schedule).start(WritesTooEarly.class).said();
    assertEquals(
        seen,
        said.stream().anyMatch(line -> line.contains("violation: race: the host wrote pinned")),
        said::toString);
    assertTrue(said.contains("CUDA_SUCCESS"), said::toString);
  }

  private static Stream<String> unknownSchedules() {
    Stream<String> all =
        Stream.of("RACES", "RACE:7", "SEEDED:x", "race", "SLOW", "RACE 7", ":7", "SEEDED:-7");
    return all.limit(Exhaustive.count(3, 8)); // each needs a JVM
  }

  @ParameterizedTest
  @MethodSource("unknownSchedules")
  @DisplayName("a schedule that there is not: CUDA cannot be used, and stderr says which there are")
  void unknownSchedule(String schedule) throws Exception {
    List<String> said = inSchedule(schedule).start(WritesTooEarly.class).said();
    assertTrue(said.contains("CUDA_ERROR_INVALID_VALUE"), said::toString);
    assertTrue(
        said.stream().anyMatch(line -> line.contains("'" + schedule + "': there are THREADS")),
        said::toString);
  }

  private Jvm inSchedule(String schedule) {
    return saidWithErrors("env", "SOFTWARE_CUDA_SCHEDULE=" + schedule, "sh");
  }

  /** A JVM whose errors count as what it says. */
  private Jvm saidWithErrors(String... shell) {
    List<String> command = new ArrayList<>(List.of(shell));
    command.addAll(List.of("-c", "exec \"$@\" 2>&1", "sh"));
    return new Jvm(folder).wrapper(command.toArray(String[]::new));
  }

  /** Runs in the other JVM: writes memory before the copy that reads it has run. */
  static final class WritesTooEarly {

    public static void main(String[] arguments) {
      JCudaDriver.setExceptionsEnabled(false);
      int result = cuInit(0);
      System.out.println(CUresult.stringFor(result));
      if (result != CUresult.CUDA_SUCCESS) {
        return;
      }
      try (RawCuda cuda = RawCuda.primary()) {
        RawCuda.Pinned pinned = cuda.pinned(100);
        RawCuda.Memory memory = cuda.memory(100);
        CUstream stream = cuda.stream();
        RawCuda.Gate gate = cuda.new Gate();
        gate.hold(stream);
        RawCuda.ok(cuMemcpyHtoDAsync(memory, pinned, 100, stream));
        pinned.bytes().put(0, (byte) 1);
        gate.open();
        RawCuda.ok(cuStreamSynchronize(stream));
      }
    }
  }

  /** Runs in the other JVM, without {@link CudaSim}. */
  static final class FreesTwice {

    public static void main(String[] arguments) {
      JCudaDriver.setExceptionsEnabled(false);
      try (RawCuda cuda = RawCuda.primary()) {
        cuda.memory(8);
        CUdeviceptr memory = new CUdeviceptr();
        RawCuda.ok(cuMemAlloc(memory, 100));
        RawCuda.ok(cuMemFree(memory));
        cuMemFree(memory);
        cuMemFree(memory);
      }
    }
  }

  private record Result(int exit, String output) {}

  private Result run(String what) throws Exception {
    List<String> command = JavaCommand.start();
    command.addAll(
        List.of(
            "-Xmx64m",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:+IgnoreUnrecognizedVMOptions",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:ErrorFile=" + folder.resolve("hs_err.log"),
            "-Dpentrough.softwareCuda.library="
                + Path.of(
                        System.getProperty(
                            "pentrough.softwareCuda.library", "target/software-cuda/libcuda.so.1"))
                    .toAbsolutePath(),
            "-cp",
            System.getProperty("java.class.path"),
            Program.class.getName(),
            what));
    Process process =
        new ProcessBuilder(command)
            .directory(new File(folder.toString()))
            .redirectErrorStream(true)
            .start();
    String output = Patience.output(process);
    return new Result(process.exitValue(), output);
  }

  /** Runs in the other JVM. */
  static final class Program {

    public static void main(String[] arguments) {
      CudaSim.load();
      JCudaDriver.setExceptionsEnabled(false);
      System.out.println(CUresult.stringFor(cuCtxSynchronize()));
      try (RawCuda cuda = RawCuda.primary()) {
        RawCuda.Pinned pinned = cuda.pinned(100);
        cuda.pinned(100); // has the next addresses
        RawCuda.Memory memory = cuda.memory(100);
        switch (arguments[0]) {
          case "device" -> CudaSim.peek(memory.address() + 16);
          case "behind" -> CudaSim.poke(pinned.address() + 4096, 1);
          case "freed" -> {
            RawCuda.ok(cuMemFreeHost(RawCuda.Pinned.at(pinned.address())));
            CudaSim.peek(pinned.address() + 16);
          }
          default -> CudaSim.peek(pinned.address() + 16);
        }
      }
    }
  }
}
