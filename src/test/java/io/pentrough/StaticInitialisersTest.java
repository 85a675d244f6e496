package io.pentrough;

import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** A loader whose first batch is waited for in a static initialiser that its target waits for. */
@ResourceLock("io.pentrough's log")
class StaticInitialisersTest {

  /**
   * What a get says that can't succeed; the loader is closed then, and its target stuck.
   *
   * @param end what it says once the target is held up. Before, it may say less.
   */
  private static String said(HostDevice device, BatchTarget target, String end) {
    AtomicReference<String> said = new AtomicReference<>("");
    try (LogCapture log = new LogCapture()) {
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, Numbered.SPEC, target)
              .name("early")
              .closeTimeout(Duration.ZERO)
              .start()) {
        until(
            "a get says: " + end,
            () -> {
              String now = message(loader);
              said.set(now);
              return now.contains(end);
            });
      }
      return said.get() + log.containing("still in use");
    }
  }

  private static String message(BackgroundLoader loader) {
    try {
      loader.get(Duration.ZERO).close();
      return "a batch";
    } catch (BatchTimeoutException e) {
      return String.valueOf(e.getMessage());
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static final class Early {
    static final HostDevice DEVICE = HostDevice.open();
    static final int LENGTH = Integer.parseInt("3");
    static final String SAID =
        said(DEVICE, (out, context) -> out.array(0).setLong(0, LENGTH), " waits for class ");

    private Early() {}
  }

  @Test
  @DisplayName(
      "the target is a lambda of the class: the worker, the class and the thread are named")
  void targetOfTheClass() {
    String said = Early.SAID;
    assertTrue(
        said.contains(
            "pentrough-early-worker-0 waits for class "
                + Early.class.getName()
                + " to be initialised, which thread "
                + Thread.currentThread().getName()
                + " is doing: start the loader"),
        said);
    until("all to be given back", () -> Early.DEVICE.liveResources().equals(HostDevice.Usage.NONE));
    Early.DEVICE.close();
  }

  private static final class Table {
    static final HostDevice DEVICE = HostDevice.open();
    static final String SAID = said(DEVICE, StaticInitialisersTest::useTable, " waits for it");
    static final int LENGTH = Integer.parseInt("3");

    private Table() {}
  }

  private static void useTable(HostBatch out, BatchContext context) {
    out.array(0).setLong(0, Table.LENGTH);
  }

  @Test
  @DisplayName("the target uses the class: no stack shows it, so it is said with an if")
  void targetThatUsesTheClass() {
    String said = Table.SAID;
    assertTrue(
        said.contains(
            "thread "
                + Thread.currentThread().getName()
                + " is initialising class "
                + Table.class.getName()
                + ", so a target that uses this class waits for it: start the loader"),
        said);
    until("all to be given back", () -> Table.DEVICE.liveResources().equals(HostDevice.Usage.NONE));
    Table.DEVICE.close();
  }

  private static StackTraceElement[] stack(String... methods) {
    StackTraceElement[] stack = new StackTraceElement[methods.length];
    for (int i = 0; i < methods.length; i++) {
      int dot = methods[i].lastIndexOf('.');
      stack[i] =
          new StackTraceElement(methods[i].substring(0, dot), methods[i].substring(dot + 1), "", 1);
    }
    return stack;
  }

  @Test
  @DisplayName("nothing is said where no class is being initialised, or by the target itself")
  void nothingToSay() {
    Thread main = new Thread("main");
    Thread worker = new Thread("worker");
    StackTraceElement[] target = stack("app.Target.fill");
    assertEquals(
        "",
        StaticInitialisers.describe(
            Map.of(main, stack("app.Main.run", "app.Main.main")), Map.of(worker, target)));
    assertEquals(
        "",
        StaticInitialisers.describe(
            Map.of(worker, stack("app.Table.<clinit>", "app.Target.fill")),
            Map.of(worker, stack("app.Table.<clinit>", "app.Target.fill"))));
    assertTrue(
        StaticInitialisers.describe(
                Map.of(main, stack("java.lang.Thread.join", "app.Main.<clinit>")),
                Map.of(worker, stack("app.Main$Inner.fill")))
            .startsWith("\n  worker waits for class app.Main to be initialised"));
    assertTrue(
        StaticInitialisers.describe(
                Map.of(main, stack("app.Main.<clinit>")), Map.of(worker, stack("app.Mainly.fill")))
            .startsWith("\n  thread main is initialising class app.Main"));
  }
}
