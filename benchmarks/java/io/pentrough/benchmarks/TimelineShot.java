package io.pentrough.benchmarks;

import io.pentrough.testkit.Browser;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;

/** Pictures of timeline pages, as a browser shows them. */
final class TimelineShot {

  private static final int PAGE_WIDTH = 1280;
  private static final int CHART_WIDTH = 1000;

  /** More than any page needs; what is empty at its end is cut off, but for a margin. */
  private static final int HEIGHT = 1400;

  private static final int MARGIN = 10;

  /** Leaves the legend and the chart, and shows the middle third of the time. */
  private static final String CHART_ONLY =
      "<style>h1, h2, pre, #sub, #tools, section .quiet, .batch, .neck, .note { display: none }"
          + " body { padding: 8px 12px } #top { position: static } .chart { margin-top: 6px }</style>"
          + "<script>show((2 * usual.from + usual.to) / 3, (usual.from + 2 * usual.to) / 3);"
          + " drawAll();</script>";

  private final String browser;
  private final Path work;

  /**
   * Names the tools.
   *
   * @param browser the program
   * @param work a folder for files that are made on the way
   */
  TimelineShot(String browser, Path work) {
    this.browser = browser;
    this.work = work;
  }

  void whole(Path page, Path file) throws IOException, InterruptedException {
    write(page, "", PAGE_WIDTH, file);
  }

  void chartOnly(Path page, Path file) throws IOException, InterruptedException {
    write(page, CHART_ONLY, CHART_WIDTH, file);
  }

  private void write(Path page, String addition, int width, Path file)
      throws IOException, InterruptedException {
    Path shown = work.resolve("shown.html");
    String html = Files.readString(page);
    Files.writeString(shown, html.replace("</body>\n</html>", addition + "</body>\n</html>"));
    Path shot = work.resolve("shot.png").toAbsolutePath();
    String unused =
        Browser.open(
            browser,
            work,
            shown,
            width,
            HEIGHT,
            "--hide-scrollbars",
            "--blink-settings=preferredColorScheme=1", // light
            "--screenshot=" + shot);
    ImageIO.write(trimmed(ImageIO.read(shot.toFile())), "png", file.toFile());
  }

  static BufferedImage trimmed(BufferedImage image) {
    int background = image.getRGB(0, 0);
    int end = image.getHeight();
    while (end > 1 && isEmpty(image, end - 1, background)) {
      end--;
    }
    return image.getSubimage(0, 0, image.getWidth(), Math.min(image.getHeight(), end + MARGIN));
  }

  private static boolean isEmpty(BufferedImage image, int y, int background) {
    for (int x = 0; x < image.getWidth(); x++) {
      if (image.getRGB(x, y) != background) {
        return false;
      }
    }
    return true;
  }
}
