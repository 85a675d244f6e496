package io.pentrough.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Commands one after the other, each in a JVM of its own like this one: as if it were run alone,
 * with nothing that another has compiled, loaded or left on the heap.
 */
final class All {

  static final Path FOLDER = Path.of("target", "benchmarks");
  static final Path QUICK_FOLDER = FOLDER.resolve("quick");

  /** What docs/performance.md shows; {@link Gpu} has a report of its own. */
  static final List<String> USUAL =
      List.of(
          "throughput --rounds 5 --seconds 0.4",
          "overhead --rounds 7 --seconds 0.15",
          "overlap",
          "growth",
          "scale",
          "failure-latency",
          "host-kernels",
          "transfer",
          "unwritten --rounds 5 --seconds 0.2",
          "permutation",
          "rows",
          "rows --bytes 12288 --samples 32768 --stored 32768",
          "images",
          "advice",
          "trace",
          "jfr"); // last: what it starts stays in the JVM

  /** To see that everything runs; the charts of a real run are left alone. */
  static final List<String> QUICK =
      List.of(
          "throughput --rounds 1 --seconds 0.01 --out " + QUICK_FOLDER,
          "overhead --rounds 1 --seconds 0.01",
          "overlap --millis 1,3 --sweep-batches 20 --depth-batches 20 --rounds 1",
          "growth --rounds 1 --seconds 0.005 --max 4 --max-bytes 1048576 --out " + QUICK_FOLDER,
          "scale --rounds 1 --seconds 0.01 --loaders 1,2 --max-shards 8 --nodes 4 --out "
              + QUICK_FOLDER,
          "failure-latency --repetitions 5 --warmup 2 --stuck 0.1 --idle 0.2",
          "host-kernels --rounds 1 --seconds 0.05",
          "transfer --to 16777216 --seconds 0.01 --out " + QUICK_FOLDER,
          "unwritten --rounds 1 --seconds 0.01 --workers 1",
          "permutation --rounds 1 --sizes 1000,100000",
          "rows --rounds 1 --warm-up 0 --bytes 1024",
          "images --rounds 1 --images 40 --side 32",
          "advice --batches 20",
          "trace --rounds 1 --bursts 2",
          "jfr --rounds 1 --bursts 2");

  private final List<String> commands;

  /** Each gets every line. */
  private final List<PrintStream> outs;

  private All(List<String> commands, List<PrintStream> outs) {
    this.commands = commands;
    this.outs = outs;
  }

  /**
   * Runs them; one that fails does not keep the rest from running.
   *
   * @param commands names with options, as on a command line; no argument has a space
   * @param title the first line
   * @param report gets all that is printed
   * @return whether none has failed
   */
  static boolean run(List<String> commands, String title, PrintStream out, Path report)
      throws IOException, InterruptedException {
    Files.createDirectories(report.toAbsolutePath().getParent());
    try (PrintStream file =
        new PrintStream(Files.newOutputStream(report), true, StandardCharsets.UTF_8)) {
      boolean well = new All(commands, List.of(out, file)).run(title);
      out.println("report: " + report);
      return well;
    }
  }

  private boolean run(String title) throws IOException, InterruptedException {
    long started = System.nanoTime();
    List<String> failed = new ArrayList<>();
    say("# " + title);
    for (String command : commands) {
      String[] arguments = command.split(" ");
      String name = arguments[0];
      long began = System.nanoTime();
      say("");
      say("## " + name);
      say("");
      say("    -Dbenchmarks=\"" + command + "\"");
      say("");
      int status = run(arguments);
      say("");
      say(name + " took " + secondsSince(began));
      if (status != 0) {
        failed.add(command + " (exit status " + status + ")");
      }
    }
    say("");
    say("All of them took " + secondsSince(started) + ".");
    failed.forEach(command -> say("FAILED: " + command));
    return failed.isEmpty();
  }

  private int run(String[] arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.add("-classpath");
    command.add(System.getProperty("java.class.path"));
    command.add(Benchmarks.class.getName());
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    // Else it would go on when this JVM is ended. If it has ended by then, nothing happens.
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
    try (BufferedReader printed = process.inputReader()) {
      printed.lines().forEach(this::say);
      return process.waitFor();
    }
  }

  private void say(String line) {
    outs.forEach(out -> out.println(line));
  }

  private static String secondsSince(long nanos) {
    return String.format(Locale.ROOT, "%.0f s", (System.nanoTime() - nanos) / 1e9);
  }
}
