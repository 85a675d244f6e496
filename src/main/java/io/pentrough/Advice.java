package io.pentrough;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * One way to make a program faster, with numbers: what to change, and the rate to expect.
 *
 * <pre>{@code
 * loader.stats().advice().forEach(System.out::println);
 * }</pre>
 *
 * <p>It is arithmetic on what {@link LoaderStats} measured. {@link LoaderStats#advice()} says what
 * it cannot know.
 *
 * <p><b>Threads.</b> Immutable; may be used from any thread. Equal if all figures and the sentence
 * are equal.
 */
public final class Advice {

  /** What to change. */
  public enum Subject {
    /** The number of {@code workers}. */
    WORKERS(false),
    /** The number of {@code hostSlots}; with {@code zeroCopy(true)}, the number of all slots. */
    HOST_SLOTS(false),
    /** The number of {@code deviceSlots}. */
    DEVICE_SLOTS(false),
    /** How many jobs of a {@link BatchQueue} are submitted and not yet delivered. */
    SUBMIT_AHEAD(false),
    /** The time that the target takes to fill a batch. */
    TARGET(true),
    /** The time that the copy of a batch takes. */
    COPY(true),
    /** The time that the stages take for a batch. */
    STAGES(true),
    /** The time that the loop's own work on the device takes for a batch. */
    LOOP(true);

    private final boolean isTime;

    Subject(boolean isTime) {
      this.isTime = isTime;
    }

    /**
     * Whether the two values of a {@link Change} are times.
     *
     * @return true for nanoseconds, false for numbers
     */
    public boolean isTime() {
      return isTime;
    }
  }

  /**
   * A value that is to become another one.
   *
   * @param subject what it is the value of
   * @param from the value that was measured, or that the loader was built with; in nanoseconds if
   *     it is a time
   * @param to the value that is needed, at most this for a time
   */
  public record Change(Subject subject, long from, long to) {

    /**
     * A change.
     *
     * @param subject what it is the value of
     * @param from the value before, in nanoseconds if it is a time
     * @param to the value after, likewise
     * @throws NullPointerException if {@code subject} is null
     */
    public Change {
      Objects.requireNonNull(subject, "subject");
    }

    /** For example {@code "WORKERS 1 -> 3"} or {@code "TARGET 20.2 ms -> 8.40 ms"}. */
    @Override
    public String toString() {
      return subject + " " + value(from) + " -> " + value(to);
    }

    private String value(long value) {
      return subject.isTime ? Units.duration(value) : Long.toString(value);
    }
  }

  private final List<Change> changes;
  private final double batchesPerSecond;
  private final String reason;
  private final String condition;

  Advice(List<Change> changes, double batchesPerSecond, String reason, String condition) {
    this.changes = List.copyOf(changes);
    this.batchesPerSecond = batchesPerSecond;
    this.reason = reason;
    this.condition = condition;
  }

  /**
   * What to change. Several changes must all be made: one without the others gains next to nothing.
   *
   * @return at least one change; unmodifiable
   */
  public List<Change> changes() {
    return changes;
  }

  /** The figures that it follows from, and its condition. */
  String reason() {
    return condition.isEmpty() ? reason : reason + ", if " + condition;
  }

  /**
   * What must be true of your program, and cannot be seen in the figures. If it is not true, the
   * changes gain less or nothing. For example: with one worker nobody can see whether fills would
   * wait for each other's lock, so advice to add workers has the condition {@code "fills do not
   * wait for each other"}. Try such advice, and measure again before you rely on it.
   *
   * @return the condition, which the sentence has after "if"; empty if there is none
   */
  public String condition() {
    return condition;
  }

  /**
   * The rate to expect when all changes are made. It is an upper bound.
   *
   * @return batches per second; more than the rate that was measured
   */
  public double batchesPerSecond() {
    return batchesPerSecond;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Advice that
        && changes.equals(that.changes)
        && batchesPerSecond == that.batchesPerSecond
        && reason.equals(that.reason)
        && condition.equals(that.condition);
  }

  @Override
  public int hashCode() {
    return Objects.hash(changes, batchesPerSecond, reason, condition);
  }

  /**
   * A sentence, for example {@code "WORKERS 1 -> 3: a fill takes 20.2 ms, the loop needs a batch
   * every 8.40 ms (at most 119.0 batches/s)"}.
   */
  @Override
  public String toString() {
    StringJoiner text = new StringJoiner(", ");
    changes.forEach(change -> text.add(change.toString()));
    return String.format(
        Locale.ROOT, "%s: %s (at most %.1f batches/s)", text, reason(), batchesPerSecond);
  }
}
