package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.Patience;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * How the script of the GPU's bundle deals with steps that fail or hang; its Java is a script too.
 */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class OnGpuScriptTest {

  /** Hangs as native code does: no signal but KILL ends it. */
  private static final String HANG = "trap '' TERM; while :; do sleep 1; done";

  @TempDir private Path folder;

  private Path bundle;
  private Path out;
  private String said = "";

  @BeforeEach
  void makeBundle() throws IOException {
    bundle = folder.resolve("a bundle");
    out = folder.resolve("what came of it");
    Files.createDirectories(bundle.resolve("jars"));
    Files.copy(Path.of("benchmarks", "gpu", "run.sh"), bundle.resolve("run.sh"));
    Files.writeString(bundle.resolve("VERSION"), "commit: none\n");
    Files.writeString(bundle.resolve("tests.txt"), "a.FirstTest\na.SecondTest\n");
    Files.writeString(bundle.resolve("libcuda.so.1"), "");
  }

  /** What stands for Java in the bundle. */
  private void java(String script) throws IOException {
    file("[ \"$1\" = -version ] && exit\n" + script);
  }

  private void file(String script) throws IOException {
    Path java = bundle.resolve(Path.of("jdk", "bin", "java"));
    Files.createDirectories(java.getParent());
    Files.writeString(java, "#!/bin/bash\n" + script);
    assertTrue(java.toFile().setExecutable(true));
  }

  private int run(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("bash", bundle.resolve("run.sh").toString()));
    command.addAll(List.of(arguments));
    command.add(out.toString());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Path log = folder.resolve("log");
    builder.redirectOutput(log.toFile());
    builder.environment().put("LD_LIBRARY_PATH", bundle.toString());
    builder.environment().put("TMPDIR", folder.toString());
    Process process = builder.start();
    int exitCode = Patience.exitCode(process);
    said = Files.readString(log);
    assertEquals(List.of(), alive(), said);
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(
          List.of(),
          left.filter(file -> file.getFileName().toString().startsWith("pentrough-gpu")).toList());
    }
    return exitCode;
  }

  /** Processes that the script has started and left; ends them. */
  private List<String> alive() {
    List<String> commands = new ArrayList<>();
    ProcessHandle.allProcesses()
        .filter(one -> one.info().commandLine().orElse("").contains(bundle + "/jdk/bin/java"))
        .forEach(
            one -> {
              commands.add(one.info().commandLine().orElse(""));
              one.destroyForcibly();
            });
    return commands;
  }

  private String report() throws IOException {
    return Files.readString(out.resolve("report.md"));
  }

  @Test
  @DisplayName("a step that hangs is ended and named, what it found is kept, and the status is 1")
  void stepHangs() throws Exception {
    java("case \"$*\" in *' calls '*) echo found so far;" + HANG + ";; esac");

    assertEquals(1, run("--minutes", "1", "--only", "calls"), () -> said);

    assertTrue(report().contains("found so far\n"), report());
    assertTrue(report().contains("calls: **ENDED at its limit of 5 s** after "), report());
    assertTrue(said.contains("failed or had to be ended: calls"), said);
  }

  @Test
  @DisplayName("a step that fails is named with the end of what it said; the next ones run")
  void stepFails() throws Exception {
    java(
        """
        case "$*" in
          *' transfers '*) echo 'the bus is gone' >&2; exit 7 ;;
          *TestLines*) printf 'class,test,result,ms,message\\n"c","t",passed,1,""\\n' >"${@: -2:1}" ;;
          *' overlap '*) echo a table of overlap ;;
          *Train*) echo 'device: cuda:0; without a cuBLAS, device: host' ;;
        esac
        """);

    assertEquals(1, run("--minutes", "1"), () -> said);

    assertTrue(report().contains("the bus is gone\n"), report());
    assertTrue(report().contains("| transfers | FAILED (exit status 7) |"), report());
    assertTrue(report().contains("a table of overlap\n"), report());
    assertTrue(report().contains("| tests | well |"), report());
    assertTrue(said.contains("failed or had to be ended: transfers"), said);
  }

  @Test
  @DisplayName("a class that hangs is ended and named with its test; the next class runs")
  void testHangs() throws Exception {
    java(
        """
        csv=${@: -2:1}
        printf 'class,test,result,ms,message\\n' >"$csv"
        case "$*" in
          *a.FirstTest)
            printf '"a.FirstTest","well before",passed,1,""\\n' >>"$csv"
            printf '"a.FirstTest","never ends",started,0,""\\n' >"$csv.running"
            %s
            ;;
          *a.SecondTest)
            printf '"a.SecondTest","says no",failed,1,"because"\\n' >>"$csv"
            exit 1
            ;;
        esac
        """
            .formatted(HANG));

    assertEquals(1, run("--minutes", "1", "--only", "tests"), () -> said);

    assertTrue(report().contains("| a.FirstTest | 1 | 0 | 0 | "), report());
    assertTrue(report().contains("| **ENDED at its limit of 5 s** in never ends |"), report());
    assertTrue( // its seconds are whole ones, and may have turned over
        Pattern.compile("\\| a.SecondTest \\| 0 \\| 1 \\| 0 \\| \\d+ \\| \\*\\*FAILED")
            .matcher(report())
            .find(),
        report());
    assertTrue(report().contains("1 tests passed, 1 failed."), report());
    String tests = Files.readString(out.resolve("tests.csv"));
    assertTrue(tests.contains("\"a.FirstTest\",\"never ends\",HANGS OR CRASHES,"), tests);
    assertTrue(tests.contains("\"a.SecondTest\",\"says no\",failed,1,\"because\""), tests);
  }

  @Test
  @DisplayName("wrong options are refused in a sentence")
  void wrongOptions() throws Exception {
    java("");
    assertEquals(2, run("--minutes", "ten"));
    assertTrue(said.contains("--minutes is ten, but must be a whole number from 1 to 120."), said);
    assertEquals(2, run("--only", "all"));
    assertTrue(said.contains("There is no step all; --steps lists them."), said);
    assertEquals(2, run("--fast"));
    assertTrue(said.contains("There is no option --fast."), said);
    assertFalse(Files.exists(out));
  }

  @Test
  @DisplayName("a Java that does not start is said, with what it says")
  void javaDoesNotStart() throws Exception {
    file("echo 'version GLIBC_9 not found'; exit 1");
    assertEquals(1, run());
    assertTrue(
        report().contains("Java does not start here:** version GLIBC_9 not found"), report());
  }
}
