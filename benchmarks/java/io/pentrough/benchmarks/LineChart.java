package io.pentrough.benchmarks;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** Curves over two logarithmic axes, as a picture. */
final class LineChart {

  private static final int WIDTH = 1200;
  private static final int HEIGHT = 560;

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

  /** Draws it; where Java finds no fonts it cannot, and a line says so. */
  void write(Path file, PrintStream out) throws IOException {
    System.setProperty("java.awt.headless", "true");
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    try {
      XYChart chart =
          new XYChartBuilder()
              .width(WIDTH)
              .height(HEIGHT)
              .title(title)
              .xAxisTitle(xAxis)
              .yAxisTitle(yAxis)
              .build();
      chart
          .getStyler()
          .setXAxisLogarithmic(true)
          .setYAxisLogarithmic(true)
          .setChartBackgroundColor(Color.WHITE);
      series.forEach(
          (name, points) ->
              chart.addSeries(
                  name,
                  points.stream().mapToDouble(point -> point[0]).toArray(),
                  points.stream().mapToDouble(point -> point[1]).toArray()));
      Graphics2D graphics = image.createGraphics();
      chart.paint(graphics, WIDTH, HEIGHT);
      graphics.dispose();
    } catch (RuntimeException | LinkageError | InternalError e) {
      out.println("No chart, for this Java cannot draw; most likely there are no fonts: " + e);
      return;
    }
    Files.createDirectories(file.toAbsolutePath().getParent());
    ImageIO.write(image, "png", file.toFile());
    out.println("chart: " + file);
  }
}
