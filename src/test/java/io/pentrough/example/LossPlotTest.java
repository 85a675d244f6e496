package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.JavaCommand;
import io.pentrough.testkit.Patience;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class LossPlotTest {

  @TempDir Path folder;

  @Test
  void averagesOverTheWindow() {
    assertArrayEquals(
        new float[] {2, 3, 5}, LossPlot.movingMean(new float[] {1, 3, 3, 7}, 2), 1e-6f);
  }

  @Test
  void drawsALineThatFallsWithTheLoss() throws Exception {
    Path file = folder.resolve("loss.png");
    float[] losses = new float[400];
    for (int i = 0; i < losses.length; i++) {
      losses[i] = (float) Math.exp(-i / 100.0);
    }
    assertNull(LossPlot.write(new OutputFile("--plot", file), losses, System.err));

    BufferedImage image = ImageIO.read(file.toFile());
    assertTrue(
        topmostBlue(image, 200) < topmostBlue(image, 400),
        "the mean does not fall from x = 200 to x = 400");
  }

  private static int topmostBlue(BufferedImage image, int x) {
    for (int y = 0; y < image.getHeight(); y++) {
      int colour = image.getRGB(x, y);
      if ((colour & 0xff) > 200 && ((colour >> 8) & 0xff) < 120 && ((colour >> 16) & 0xff) < 120) {
        return y;
      }
    }
    throw new AssertionError("no blue at x = " + x);
  }

  @Test
  @EnabledOnOs(OS.LINUX) // only there can fonts be taken away
  void aJavaWithoutFontsTrainsToTheEndAndSaysWhyThereIsNoPicture() throws Exception {
    Path file = folder.resolve("loss.png");
    List<String> command = JavaCommand.start();
    Path noFonts = Files.writeString(folder.resolve("fonts.conf"), "<fontconfig></fontconfig>");
    command.add("-Dsun.awt.fontconfig=/dev/null");
    command.add("-Dsun.java2d.fontpath=" + folder);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Train.class.getName()));
    command.addAll(List.of("--steps", "3", "--batch", "16", "--device", "host"));
    command.addAll(List.of("--plot", file.toString()));
    Path errors = folder.resolve("errors");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
    builder.environment().put("FONTCONFIG_FILE", noFonts.toString());

    Process process = builder.start();
    String out = Patience.output(process);
    int exitCode = process.exitValue();

    String err = Files.readString(errors);
    assertEquals(0, exitCode, err);
    assertTrue(out.contains("balanced accuracy"), out);
    assertEquals(1, err.lines().filter(line -> line.startsWith("No plot")).count(), err);
    assertEquals(4, err.lines().count(), "three steps and the reason: " + err);
    assertFalse(Files.exists(file));
  }
}
