package io.pentrough.benchmarks;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import javax.imageio.ImageIO;
import org.knowm.xchart.internal.chartpart.Chart;

/** A chart as a PNG file. */
final class Picture {

  static final int WIDTH = 1200;
  static final int HEIGHT = 560;

  private Picture() {}

  /** Draws it; where Java finds no fonts it cannot, and a line says so. */
  static void write(Supplier<? extends Chart<?, ?>> made, Path file, PrintStream out)
      throws IOException {
    System.setProperty("java.awt.headless", "true");
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    try {
      Chart<?, ?> chart = made.get();
      chart.getStyler().setChartBackgroundColor(Color.WHITE);
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
