package io.pentrough.example;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Shows how training goes: a bar on a terminal, elsewhere a line every tenth of the way. */
final class Progress implements AutoCloseable {

  private static final int COLUMNS = 100;

  private final PrintStream err;
  private final int steps;
  private final @Nullable ProgressBar bar;
  private final int reportEvery;

  private final long start = System.nanoTime();
  private final int firstStep;
  private int step;
  private long waitedNanos;
  private double lossSinceReport;
  private int stepsSinceReport;

  /**
   * Starts the clock.
   *
   * @param done steps that an earlier run has made
   * @param steps all together
   */
  Progress(PrintStream err, int done, int steps) {
    this.err = err;
    this.firstStep = done;
    this.step = done;
    this.steps = steps;
    boolean terminal = err == System.err && errorIsTerminal();
    reportEvery = Math.max(1, steps / (terminal ? 100 : 10));
    bar =
        terminal
            ? new ProgressBarBuilder()
                .setTaskName("training")
                .setInitialMax(steps)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(200)
                // With the width given it does not ask JLine, which would take Ctrl-C from us.
                .setConsumer(new ConsoleProgressBarConsumer(err, COLUMNS))
                .build()
            : null;
  }

  /** How many steps have been shown. */
  int step() {
    return step;
  }

  /** Counts how long the loop waited for a batch. */
  void waited(long nanos) {
    waitedNanos += nanos;
  }

  /** Counts a step when its loss is known. */
  void step(float loss) {
    step++;
    stepsSinceReport++;
    lossSinceReport += loss;
    if (bar != null) {
      bar.stepTo(step);
    }
    if (step % reportEvery == 0 || step == steps) {
      report();
    }
  }

  private void report() {
    double nanos = System.nanoTime() - start;
    String state =
        String.format(
            Locale.ROOT,
            "loss %.3f, %.0f batches/s, %.1f %% waiting",
            lossSinceReport / stepsSinceReport,
            (step - firstStep) / (nanos * 1e-9),
            100 * waitedNanos / nanos);
    lossSinceReport = 0;
    stepsSinceReport = 0;
    if (bar != null) {
      bar.setExtraMessage(state);
    } else {
      err.println("step " + step + " of " + steps + ": " + state);
    }
  }

  /** Prints a line beside the progress. */
  void say(String line) {
    err.println((bar == null ? "" : "\r" + " ".repeat(COLUMNS) + "\r") + line);
  }

  /**
   * Java cannot ask about standard error alone: on Linux its link tells, elsewhere the console has
   * to do (JDK 22 to 24 always have one: a bar in a file does no harm).
   */
  @SuppressWarnings("SystemConsoleNull")
  private static boolean errorIsTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | UnsupportedOperationException e) {
      return System.console() != null;
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
