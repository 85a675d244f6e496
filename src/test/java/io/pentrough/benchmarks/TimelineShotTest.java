package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TimelineShotTest {

  private static final String BROWSER = System.getProperty("pentrough.browser", "chromium");

  @TempDir private Path folder;
  private final Device device = TestDevice.open();

  @Test
  @Tag("browser")
  @DisplayName("a page is drawn whole, or only its chart, which has nothing below it")
  void drawn() throws Exception {
    Path page = folder.resolve("page.html");
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).start()) {
      for (int i = 0; i < 30; i++) {
        loader.get().close();
      }
      loader.trace().writeHtml(page);
    }
    TimelineShot shot = new TimelineShot(BROWSER, folder);
    Path file = folder.resolve("picture.png");
    shot.whole(page, file);
    BufferedImage whole = ImageIO.read(file.toFile());
    shot.chartOnly(page, file);
    BufferedImage chart = ImageIO.read(file.toFile());

    assertEquals(1280, whole.getWidth());
    assertEquals(1000, chart.getWidth());
    assertTrue(whole.getHeight() > 500 && whole.getHeight() < 1400, "" + whole.getHeight());
    assertTrue(chart.getHeight() > 150 && chart.getHeight() < 300, "" + chart.getHeight());
    assertTrue(colours(chart) > 20, "it is not empty");
  }

  private static long colours(BufferedImage image) {
    int[] pixels =
        image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
    return Arrays.stream(pixels).distinct().count();
  }

  @Test
  void whatIsEmptyAtTheEndIsCutOff() {
    BufferedImage image = new BufferedImage(5, 100, BufferedImage.TYPE_INT_RGB);
    image.setRGB(4, 30, 0xffffff);
    assertEquals(41, TimelineShot.trimmed(image).getHeight());
    assertEquals(11, TimelineShot.trimmed(image.getSubimage(0, 0, 5, 30)).getHeight());
  }
}
