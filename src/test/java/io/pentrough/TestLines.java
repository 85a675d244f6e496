package io.pentrough;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the tests of what a real CUDA driver must do, where there is neither Maven nor the sources:
 * benchmarks/on-gpu.sh.
 *
 * <pre>
 *   TestLines --list          prints the classes that have such tests
 *   TestLines CSV CLASS       runs a class, and adds a line to CSV when a test has ended
 * </pre>
 *
 * <p>A line is {@code class,test,result,ms,message}. While a test runs, a line with the result
 * {@code started} is in the file {@code CSV.running}: if the JVM is ended, that is the test which
 * hangs. The exit status is 0, 1 if a test has failed, and 3 if the class has no such test.
 */
public final class TestLines implements TestExecutionListener {

  private final Path csv;
  private final Path running;
  private final String className;
  private final Map<String, Integer> counts = new LinkedHashMap<>();
  private final Map<String, Long> startNanos = new ConcurrentHashMap<>();
  private @Nullable TestPlan plan;

  private TestLines(Path csv, String className) throws IOException {
    this.csv = csv;
    this.className = className;
    running = csv.resolveSibling(csv.getFileName() + ".running");
    Files.deleteIfExists(running);
    if (!Files.exists(csv)) {
      Files.writeString(csv, "class,test,result,ms,message\n");
    }
  }

  public static void main(String[] args) throws IOException {
    if (args.length == 1 && args[0].equals("--list")) {
      classes().forEach(System.out::println);
    } else if (args.length == 2) {
      // As Maven's execution "cuda" has it with -Dpentrough.cuda=real; else it would be the host.
      System.setProperty("pentrough.cuda", "real");
      System.setProperty("pentrough.softwareCuda.library", "none, but the driver of this machine");
      System.setProperty("pentrough.patience", "3"); // a driver's first use of a kernel takes long
      TestLines lines = new TestLines(Path.of(args[0]), args[1]);
      LauncherFactory.create().execute(request(DiscoverySelectors.selectClass(args[1])), lines);
      System.exit(lines.conclude()); // whatever threads a test has left
    } else {
      System.err.println("TestLines --list, or TestLines CSV CLASS");
      System.exit(2);
    }
  }

  private static LauncherDiscoveryRequest request(DiscoverySelector of) {
    return LauncherDiscoveryRequestBuilder.request()
        .selectors(of)
        .filters(
            TagFilter.includeTags("cuda | everyDevice"),
            TagFilter.excludeTags("softwareDriver", "sources"))
        .build();
  }

  private static Set<String> classes() {
    TestPlan plan =
        LauncherFactory.create()
            .discover(request(DiscoverySelectors.selectPackage("io.pentrough")));
    Set<String> classes = new TreeSet<>();
    for (TestIdentifier engine : plan.getRoots()) {
      for (TestIdentifier type : plan.getChildren(engine)) {
        if (type.getSource().orElse(null) instanceof ClassSource source) {
          classes.add(source.getClassName());
        }
      }
    }
    return classes;
  }

  private int conclude() throws IOException {
    Files.deleteIfExists(running);
    int tests = counts.values().stream().mapToInt(Integer::intValue).sum();
    System.out.println(className + ": " + tests + " tests " + counts);
    if (tests == 0) {
      return 3;
    }
    return counts.containsKey("failed") ? 1 : 0;
  }

  @Override
  public void testPlanExecutionStarted(TestPlan started) {
    plan = started;
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    startNanos.put(test.getUniqueId(), System.nanoTime());
    if (test.isTest()) {
      write(running, line(test, "started", 0, ""), false);
    }
  }

  @Override
  public void executionSkipped(TestIdentifier test, String reason) {
    told(test, "skipped", 0, reason);
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    Throwable why = result.getThrowable().orElse(null);
    String word =
        switch (result.getStatus()) {
          case SUCCESSFUL -> "passed";
          case ABORTED -> "skipped";
          case FAILED -> "failed";
        };
    if (test.isTest() || word.equals("failed")) { // a class fails, too: in @BeforeAll
      long start = Objects.requireNonNull(startNanos.get(test.getUniqueId()));
      told(test, word, (System.nanoTime() - start) / 1_000_000, why == null ? "" : why.toString());
    }
    if (why != null && word.equals("failed")) {
      why.printStackTrace();
    }
  }

  private synchronized void told(TestIdentifier test, String result, long millis, String message) {
    counts.merge(result, 1, Integer::sum);
    write(csv, line(test, result, millis, message), true);
  }

  private String line(TestIdentifier test, String result, long millis, String message) {
    return String.join(
        ",", quoted(className), quoted(name(test)), result, Long.toString(millis), quoted(message));
  }

  /** With the names of what is around it within the class: the run of a template, say. */
  private String name(TestIdentifier test) {
    String name = test.getDisplayName();
    TestIdentifier at = test;
    while (plan != null && (at = plan.getParent(at).orElse(null)) != null) {
      if (at.getSource().orElse(null) instanceof ClassSource source
          && source.getClassName().equals(className)
          && plan.getParent(at).flatMap(TestIdentifier::getSource).isEmpty()) {
        break;
      }
      name = at.getDisplayName() + ": " + name;
    }
    return name;
  }

  private static String quoted(String text) {
    String one = text.length() > 500 ? text.substring(0, 500) + "..." : text;
    return '"' + one.replaceAll("\\s+", " ").replace('"', '\'') + '"';
  }

  private static void write(Path file, String line, boolean behind) {
    try {
      Files.write(
          file,
          List.of(line),
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE,
          behind ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
