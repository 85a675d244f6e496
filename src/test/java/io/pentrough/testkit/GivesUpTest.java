package io.pentrough.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * What becomes of a run whose tests hang. Each runs in a JVM of its own with less patience than
 * usual: what a JVM has spent does not come back.
 */
class GivesUpTest {

  @TempDir Path folder;
  private String said = "";

  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static class Hangs {
    @Test
    @Order(1)
    void hangs() throws Exception {
      new CountDownLatch(1).await();
    }

    @Test
    @Order(2)
    void wouldPass() {}
  }

  static class Deaf {
    @Test
    void hangs() {
      while (true) {
        Thread.onSpinWait();
      }
    }
  }

  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static class WaitsInVain {
    @Test
    @Order(1)
    void waits() {
      Patience.until("pigs fly", () -> false);
    }

    @Test
    @Order(2)
    void waitsForLess() {
      assertEquals(Patience.scaled(1), Patience.patience());
    }
  }

  /** Runs the tests of a class, and prints what became of them. */
  static final class Run implements TestExecutionListener {

    public static void main(String[] args) throws Exception {
      LauncherFactory.create()
          .execute(
              LauncherDiscoveryRequestBuilder.request()
                  .selectors(DiscoverySelectors.selectClass(Class.forName(args[0])))
                  .build(),
              new Run());
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      System.out.println(test.getDisplayName() + " skipped: " + reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      System.out.println(test.getDisplayName() + " " + result.getStatus());
      result.getThrowable().ifPresent(thrown -> thrown.printStackTrace(System.out));
    }
  }

  private int run(Class<?> tests, double patience) throws Exception {
    Path log = folder.resolve("log");
    List<String> command = JavaCommand.start();
    command.addAll(
        List.of(
            "-Dpentrough.patience=" + patience,
            "-cp",
            System.getProperty("java.class.path"),
            Run.class.getName(),
            tests.getName()));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    boolean ended = process.waitFor(Patience.patience().toMillis(), TimeUnit.MILLISECONDS);
    process.destroyForcibly().waitFor();
    said = Files.readString(log, StandardCharsets.UTF_8);
    assertTrue(ended, said);
    return process.exitValue();
  }

  private void assertSaid(String words) {
    assertTrue(said.contains(words), said);
  }

  @Test
  @DisplayName("a test that hangs fails with the stacks of all threads; the rest is not run")
  void hang() throws Exception {
    assertEquals(0, run(Hangs.class, 0.02));
    assertSaid("hangs() FAILED");
    assertSaid("interrupted after PT0.4S");
    assertSaid("GivesUpTest$Hangs.hangs(");
    assertSaid("wouldPass() skipped: tests have failed after long waits");
  }

  @Test
  @DisplayName("a test that heeds no interrupt ends the JVM, with the stacks of all threads")
  void deaf() throws Exception {
    assertEquals(GivesUp.HUNG, run(Deaf.class, 0.02));
    assertSaid("hangs, and heeds no interrupt: this JVM is ended.");
    assertSaid("GivesUpTest$Deaf.hangs(");
  }

  @Test
  @DisplayName("after a wait in vain the next ones are short")
  void waitInVain() throws Exception {
    assertEquals(0, run(WaitsInVain.class, 0.05));
    assertSaid("waits() FAILED");
    assertSaid("waited in vain: pigs fly");
    assertSaid("waitsForLess() SUCCESSFUL");
  }
}
