package io.pentrough.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/** What the figures were taken on, and what else ran there meanwhile. */
final class Machine {

  private final long startNanos = System.nanoTime();
  private final double startBusy = busySeconds();
  private final double startOwn = ownSeconds();

  private Machine() {}

  /** From now on, beginning with a line about what it is. */
  static Machine watch(PrintStream out) {
    out.println(description());
    return new Machine();
  }

  /** A line about processor, memory, system and Java. */
  private static String description() {
    return String.format(
        Locale.ROOT,
        "%s, %d cores, %s %s, Java %s (%s)",
        processor(),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name"),
        System.getProperty("os.arch"),
        System.getProperty("java.version"),
        System.getProperty("java.vm.name"));
  }

  private static String processor() {
    try {
      return Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown processor");
    } catch (IOException e) {
      return "unknown processor";
    }
  }

  /** How many cores other processes have used since the watch began, as a line. */
  String others() {
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    double others = (busySeconds() - startBusy) - (ownSeconds() - startOwn);
    return Double.isNaN(others)
        ? "other processes: unknown on this system"
        : String.format(
            Locale.ROOT,
            "other processes used %.2f cores meanwhile",
            Math.max(0, others) / seconds);
  }

  /** Of all cores since boot, in hundredths as Linux counts; also what a host took from us. */
  private static double busySeconds() {
    try {
      long[] ticks =
          Arrays.stream(Files.readAllLines(Path.of("/proc/stat")).get(0).strip().split("\\s+"))
              .skip(1)
              .mapToLong(Long::parseLong)
              .toArray();
      return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) / 100.0;
    } catch (IOException e) {
      return Double.NaN;
    }
  }

  /** With JVMs that it has started and that have ended. */
  private static double ownSeconds() {
    return childrenSeconds()
        + ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime()
            / 1e9;
  }

  private static double childrenSeconds() {
    try {
      String stat = Files.readString(Path.of("/proc/self/stat"));
      String[] words =
          stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1); // from the third on
      return (Long.parseLong(words[13]) + Long.parseLong(words[14])) / 100.0;
    } catch (IOException e) {
      return 0;
    }
  }
}
