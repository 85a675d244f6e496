package io.pentrough.spark;

import java.io.Serializable;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of a checkpoint's entry. Of two, the newer one is that of the later attempt, and within
 * an attempt that of the greater number.
 */
record CheckpointName(int attempt, int number) implements Comparable<CheckpointName>, Serializable {

  private static final Pattern ENTRY = Pattern.compile("checkpoint-(\\d{8,9})-(\\d{8,9})");
  private static final Comparator<CheckpointName> BY_AGE =
      Comparator.comparingInt(CheckpointName::attempt).thenComparingInt(CheckpointName::number);

  /** Those among the entries of a store, the newest first. */
  static List<CheckpointName> among(List<String> entries) {
    return entries.stream()
        .flatMap(entry -> parse(entry).stream())
        .sorted(BY_AGE.reversed())
        .toList();
  }

  private static Optional<CheckpointName> parse(String entry) {
    Matcher matcher = ENTRY.matcher(entry);
    return matcher.matches()
        ? Optional.of(
            new CheckpointName(
                Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2))))
        : Optional.empty();
  }

  @Override
  public int compareTo(CheckpointName other) {
    return BY_AGE.compare(this, other);
  }

  /** The entry. */
  @Override
  public String toString() {
    return String.format("checkpoint-%08d-%08d", attempt, number);
  }
}
