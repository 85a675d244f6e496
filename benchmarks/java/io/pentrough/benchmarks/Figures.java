package io.pentrough.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What was measured, sample by sample: in tables for readers, and in a CSV file, from which the
 * same tables can be made again.
 *
 * <p>A line of the file is {@code "part","case","measure, unit",value}: one sample. A line that
 * begins with {@code #} is a fact about the machine.
 */
final class Figures {

  static final String HEADER = "part,case,measure,value";

  /** More samples of one figure are thinned out evenly. */
  private static final int MAX_SAMPLES = 200;

  private static final Pattern SAMPLE =
      Pattern.compile("\"([^\"]*)\",\"([^\"]*)\",\"([^\"]*)\",([^,]+)");

  /** Part to case to measure to samples, each in the order of its first sample. */
  private final Map<String, Map<String, Map<String, List<Double>>>> parts = new LinkedHashMap<>();

  private final Set<String> facts = new LinkedHashSet<>();

  /** Where samples go as they come; null if they are only kept. */
  private final @Nullable Path file;

  private Figures(@Nullable Path file) {
    this.file = file;
  }

  /** Figures that are only kept. */
  static Figures kept() {
    return new Figures(null);
  }

  /** Figures that are also added to the end of a file, part by part, so that a crash loses none. */
  static Figures appendedTo(Path file) throws IOException {
    if (!Files.exists(file)) {
      Files.createDirectories(file.toAbsolutePath().getParent());
      Files.writeString(file, HEADER + "\n");
    }
    return new Figures(file);
  }

  /**
   * Figures from a file.
   *
   * @throws IOException if it cannot be read, or a line is none of ours
   */
  static Figures read(Path file) throws IOException {
    Figures figures = kept();
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      Matcher sample = SAMPLE.matcher(line);
      if (line.startsWith("# ")) {
        figures.fact(line.substring(2));
      } else if (sample.matches()) {
        figures.add(sample.group(1), sample.group(2), sample.group(3), value(sample.group(4)));
      } else if (!line.equals(HEADER)) {
        throw new IOException(file + " is no CSV of figures: line " + number + " is: " + line);
      }
    }
    return figures;
  }

  private static double value(String text) throws IOException {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IOException("no number: " + text, e);
    }
  }

  /** A fact about the machine; reported once. */
  void fact(String fact) {
    if (facts.add(fact)) {
      append("# " + fact + "\n");
    }
  }

  Set<String> facts() {
    return facts;
  }

  Set<String> parts() {
    return parts.keySet();
  }

  /**
   * Adds samples of one figure.
   *
   * @param measure what was measured, with its unit behind a comma
   */
  void add(String part, String name, String measure, double... samples) {
    double[] some = thinned(samples);
    List<Double> all =
        parts
            .computeIfAbsent(part, p -> new LinkedHashMap<>())
            .computeIfAbsent(name, n -> new LinkedHashMap<>())
            .computeIfAbsent(measure, m -> new ArrayList<>());
    StringBuilder lines = new StringBuilder();
    for (double sample : some) {
      all.add(sample);
      lines.append(
          String.format(Locale.ROOT, "\"%s\",\"%s\",\"%s\",%s%n", part, name, measure, sample));
    }
    append(lines.toString());
    if (file != null) { // should this be ended before it prints its table
      System.err.println(part + ", " + name + ": " + cell(all) + " (" + measure + ")");
    }
  }

  private static double[] thinned(double[] samples) {
    if (samples.length <= MAX_SAMPLES) {
      return samples;
    }
    double[] some = new double[MAX_SAMPLES];
    for (int i = 0; i < MAX_SAMPLES; i++) {
      some[i] = samples[(int) ((long) i * samples.length / MAX_SAMPLES)];
    }
    return some;
  }

  private void append(String text) {
    if (file != null) {
      try {
        Files.writeString(file, text, StandardOpenOption.APPEND);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** The median of a figure's samples; NaN if there are none. */
  double median(String part, String name, String measure) {
    List<Double> samples =
        parts.getOrDefault(part, Map.of()).getOrDefault(name, Map.of()).get(measure);
    return samples == null ? Double.NaN : Estimate.median(sorted(samples));
  }

  private static double[] sorted(List<Double> samples) {
    double[] values = samples.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(values);
    return values;
  }

  /** A part as a table: a row for each case, a column for each measure. */
  Table table(String part) {
    Map<String, Map<String, List<Double>>> cases = parts.getOrDefault(part, Map.of());
    Set<String> measures = new LinkedHashSet<>();
    cases.values().forEach(figures -> measures.addAll(figures.keySet()));
    List<String> header = new ArrayList<>(List.of(part));
    header.addAll(measures);
    Table table = new Table(header.toArray(String[]::new));
    cases.forEach(
        (name, figures) -> {
          List<Object> row = new ArrayList<>(List.of(name));
          for (String measure : measures) {
            row.add(cell(figures.getOrDefault(measure, List.of())));
          }
          table.row(row.toArray());
        });
    return table;
  }

  /** A single value; or of several the median, and between what eight of ten lie. */
  private static String cell(List<Double> samples) {
    double[] values = sorted(samples);
    int n = values.length;
    if (n < 2) {
      return n == 0 ? "" : number(values[0]);
    }
    return String.format(
        Locale.ROOT,
        "%s [%s, %s]",
        number(Estimate.median(values)),
        number(values[n / 10]),
        number(values[n - 1 - n / 10]));
  }

  /** Three digits that count. */
  private static String number(double value) {
    double size = Math.abs(value);
    if ((value == Math.rint(value) && size < 1e9) || size >= 100) {
      return String.format(Locale.ROOT, "%,.0f", value);
    }
    return String.format(
        Locale.ROOT,
        size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : size >= 0.01 ? "%.3f" : "%.5f",
        value);
  }
}
