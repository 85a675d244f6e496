package io.pentrough.benchmarks;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;

/** Estimates with their error bars, as a picture. */
final class BarChart {

  private static final int WIDTH = 1200;
  private static final int HEIGHT = 560;

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

  /** Draws it; where Java finds no fonts it cannot, and a line says so. */
  void write(List<String> names, Path file, PrintStream out) throws IOException {
    System.setProperty("java.awt.headless", "true");
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    try {
      CategoryChart chart =
          new CategoryChartBuilder()
              .width(WIDTH)
              .height(HEIGHT)
              .title(title)
              .yAxisTitle(axis)
              .build();
      chart.getStyler().setXAxisLabelRotation(45).setChartBackgroundColor(Color.WHITE);
      series.forEach(
          (name, estimates) ->
              chart.addSeries(
                  name,
                  names,
                  estimates.stream().map(Estimate::mean).toList(),
                  estimates.stream().map(e -> (e.high() - e.low()) / 2).toList()));
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
