package io.pentrough.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** Curves over two logarithmic axes, as a picture. */
final class LineChart {

  private final String title;
  private final String xAxis;
  private final String yAxis;
  private final Map<String, List<double[]>> series = new LinkedHashMap<>();

  LineChart(String title, String xAxis, String yAxis) {
    this.title = title;
    this.xAxis = xAxis;
    this.yAxis = yAxis;
  }

  void point(String name, double x, double y) {
    series.computeIfAbsent(name, unseen -> new ArrayList<>()).add(new double[] {x, y});
  }

  void line(String name, double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      point(name, x[i], y[i]);
    }
  }

  void write(Path file, PrintStream out) throws IOException {
    Picture.write(this::chart, file, out);
  }

  private XYChart chart() {
    XYChart chart =
        new XYChartBuilder()
            .width(Picture.WIDTH)
            .height(Picture.HEIGHT)
            .title(title)
            .xAxisTitle(xAxis)
            .yAxisTitle(yAxis)
            .build();
    chart.getStyler().setXAxisLogarithmic(true).setYAxisLogarithmic(true);
    series.forEach(
        (name, points) ->
            chart.addSeries(
                name,
                points.stream().mapToDouble(point -> point[0]).toArray(),
                points.stream().mapToDouble(point -> point[1]).toArray()));
    return chart;
  }
}
