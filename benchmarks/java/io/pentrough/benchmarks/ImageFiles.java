package io.pentrough.benchmarks;

import io.pentrough.recipes.ImageFolder;
import io.pentrough.recipes.Pictures;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageInputStream;

/**
 * JPEG files for {@link ImagesCommand}, which must not refer to AWT: the bundle for machines with a
 * GPU runs its command line on a JDK without {@code java.desktop}.
 */
final class ImageFiles {

  private static final int CLASSES = 4;

  private ImageFiles() {}

  /**
   * Decodes samples into a batch: their planes, and behind the planes of a full batch their labels.
   */
  static ByteBuffer fill(
      ByteBuffer slot, ImageFolder files, List<Integer> samples, int batchSize, int side)
      throws IOException {
    int at = 0;
    for (int i = 0; i < samples.size(); i++) {
      int sample = samples.get(i);
      try (ImageInputStream in =
          ImageIO.createImageInputStream(files.files().get(sample).toFile())) {
        byte[] planes = Pictures.planes(in, side, side);
        slot.put(at, planes);
        at += planes.length;
      }
      slot.putInt(batchSize * 3 * side * side + i * Integer.BYTES, files.labels().get(sample));
    }
    return slot;
  }

  /** Soft shapes with some noise, as photographs have. */
  static void write(Path folder, int images, int side) throws IOException {
    int size = side * 3 / 2;
    Random random = new Random(1);
    for (int i = 0; i < images; i++) {
      BufferedImage image = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
      double wave = 0.02 + 0.05 * random.nextDouble();
      for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
          int grey = (int) (110 + 90 * Math.sin(wave * x) * Math.cos(wave * y));
          int noisy = grey + random.nextInt(24);
          image.setRGB(x, y, (noisy << 16) | (grey << 8) | (255 - noisy));
        }
      }
      Path file = Files.createDirectories(folder.resolve("class" + i % CLASSES));
      ImageIO.write(image, "jpg", file.resolve(i + ".jpg").toFile());
    }
  }
}
