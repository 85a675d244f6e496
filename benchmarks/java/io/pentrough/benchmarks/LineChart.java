package io.pentrough.benchmarks;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** Lines over two logarithmic axes, as a picture. */
final class LineChart {

  private static final int WIDTH = 1200;
  private static final int HEIGHT = 640;

  private final XYChart chart;

  LineChart(String title, String xAxis, String yAxis) {
    System.setProperty("java.awt.headless", "true");
    chart =
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
  }

  void line(String name, double[] x, double[] y) {
    chart.addSeries(name, x, y);
  }

  /** Draws it; where Java finds no fonts it cannot, and a line says so. */
  void write(Path file, PrintStream out) throws IOException {
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    try {
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
