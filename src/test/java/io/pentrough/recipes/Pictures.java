package io.pentrough.recipes;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

// [pictures]
/** Encoded images, such as PNG and JPEG, as planes of bytes: red, green, blue. */
public final class Pictures {

  private Pictures() {}

  /** An image, stretched to that size: uint8 [3, height, width]. */
  public static byte[] planes(ImageInputStream in, int height, int width) throws IOException {
    BufferedImage image = decode(in);
    BufferedImage scaled = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = scaled.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    graphics.drawImage(image, 0, 0, width, height, null);
    graphics.dispose();
    int pixels = height * width;
    int[] rgb = scaled.getRGB(0, 0, width, height, null, 0, width);
    byte[] planes = new byte[3 * pixels];
    for (int i = 0; i < pixels; i++) {
      planes[i] = (byte) (rgb[i] >> 16);
      planes[pixels + i] = (byte) (rgb[i] >> 8);
      planes[2 * pixels + i] = (byte) rgb[i];
    }
    return planes;
  }

  /** Refuses what ImageIO only warns of, such as a file that is cut off. */
  private static BufferedImage decode(ImageInputStream in) throws IOException {
    Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
    if (!readers.hasNext()) {
      throw new IOException("no image that ImageIO can read");
    }
    ImageReader reader = readers.next();
    List<String> warnings = new ArrayList<>();
    reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
    reader.setInput(in, true, true);
    try {
      BufferedImage image = reader.read(0);
      if (!warnings.isEmpty()) {
        throw new IOException("damaged image: " + warnings);
      }
      return image;
    } finally {
      reader.dispose();
    }
  }
}
// [/pictures]
