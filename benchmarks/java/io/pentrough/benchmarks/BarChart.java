package io.pentrough.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;

/** Estimates with their error bars, as a picture. */
final class BarChart {

  private final String title;
  private final String axis;
  private final Map<String, List<Estimate>> series = new LinkedHashMap<>();

  BarChart(String title, String axis) {
    this.title = title;
    this.axis = axis;
  }

  void series(String name, List<Estimate> estimates) {
    series.put(name, estimates);
  }

  void write(List<String> names, Path file, PrintStream out) throws IOException {
    Picture.write(() -> chart(names), file, out);
  }

  private CategoryChart chart(List<String> names) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(Picture.WIDTH)
            .height(Picture.HEIGHT)
            .title(title)
            .yAxisTitle(axis)
            .build();
    chart
        .getStyler()
        .setXAxisTickMarkSpacingHint(0) // by default bars closer than this share a label
        .setXAxisLabelRotation(45);
    series.forEach(
        (name, estimates) ->
            chart.addSeries(
                name,
                names,
                estimates.stream().map(Estimate::mean).toList(),
                estimates.stream().map(BarChart::half).toList()));
    return chart;
  }

  /** Of the interval; one round has none, and is drawn without. */
  private static double half(Estimate estimate) {
    double half = (estimate.high() - estimate.low()) / 2;
    return Double.isInfinite(half) ? 0 : half;
  }
}
