package io.pentrough.example;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The loss over the steps as a picture. */
final class LossPlot {

  private static final int WIDTH = 900;
  private static final int HEIGHT = 500;

  private LossPlot() {}

  /**
   * Draws the picture. Where Java finds no fonts it cannot; then a line says so, for a picture is
   * no reason to lose a run.
   *
   * @param losses one of each step, at least one
   * @return null, or why the file could not be written, as a sentence
   */
  static @Nullable String write(OutputFile file, float[] losses, PrintStream err) {
    byte[] png;
    try {
      png = png(losses);
    } catch (IOException | RuntimeException | LinkageError | InternalError e) {
      String cause = e.toString().lines().findFirst().orElse("");
      err.println("No plot, for this Java cannot draw; most likely there are no fonts: " + cause);
      return null;
    }
    return file.write(out -> out.write(png));
  }

  private static byte[] png(float[] losses) throws IOException {
    System.setProperty("java.awt.headless", "true");
    ImageIO.setUseCache(false); // which would be a file in java.io.tmpdir
    int window = Math.max(1, losses.length / 50);
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Training loss")
            .xAxisTitle("step")
            .yAxisTitle("cross-entropy")
            .build();
    chart
        .getStyler()
        .setXAxisMin(0.0)
        .setYAxisMin(0.0)
        .setXAxisTickMarkSpacingHint(100)
        .setXAxisDecimalPattern("0")
        .setChartBackgroundColor(Color.WHITE);
    float[] steps = new float[losses.length];
    IntStream.range(0, steps.length).forEach(i -> steps[i] = i + 1);
    steps[0] = 0.5f; // behind equally spaced values XChart has ticks at some of them, such as 158
    addLine(chart, "each batch", steps, losses, Color.LIGHT_GRAY);
    if (window > 1) {
      addLine(
          chart,
          "mean of " + window,
          Arrays.copyOfRange(steps, window - 1, steps.length),
          movingMean(losses, window),
          Color.BLUE);
    }
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    chart.paint(graphics, WIDTH, HEIGHT);
    graphics.dispose();
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    ImageIO.write(image, "png", png);
    return png.toByteArray();
  }

  private static void addLine(XYChart chart, String name, float[] x, float[] y, Color color) {
    chart
        .addSeries(name, x, y)
        .setMarker(SeriesMarkers.NONE)
        .setLineColor(color)
        .setLineWidth(1.5f);
  }

  /** The mean of each value and those before it, as many as fit into the window. */
  static float[] movingMean(float[] values, int window) {
    float[] means = new float[values.length - window + 1];
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      sum += values[i];
      if (i >= window) {
        sum -= values[i - window];
      }
      if (i >= window - 1) {
        means[i - window + 1] = (float) (sum / window);
      }
    }
    return means;
  }
}
