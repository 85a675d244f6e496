package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.augment.AugmentationGallery.Exhibit;
import io.pentrough.augment.AugmentationGallery.Volume;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The pictures of docs/augmentation.md are what {@link AugmentationGallery} writes. */
class AugmentationGalleryTest {

  private static final String TO_MAKE_THEM_ANEW = ": run AugmentationGallery, and look at it";

  @Test
  @DisplayName("a run on the host makes the pictures' first two panels, pixel by pixel")
  void pictures() throws Exception {
    Volume volume = Volume.read();
    for (Exhibit exhibit : AugmentationGallery.exhibits()) {
      String file = exhibit.path() + TO_MAKE_THEM_ANEW;
      assertTrue(Files.size(exhibit.path()) < 60 << 10, file);
      BufferedImage picture = ImageIO.read(exhibit.path().toFile());
      assertNotNull(picture, file);
      int[] original = AugmentationGallery.panel(picture, 0);
      assertArrayEquals(AugmentationGallery.original(volume, exhibit), original, file);
      try (Device host = HostDevice.open()) {
        int[] onHost = AugmentationGallery.run(host, volume, exhibit).panel(exhibit.channel());
        assertArrayEquals(onHost, AugmentationGallery.panel(picture, 1), file);
        assertArrayEquals(onHost, AugmentationGallery.panel(picture, 2), "the device's, " + file);
        assertTrue(exhibit.file().equals("cast") || !Arrays.equals(onHost, original), file);
      }
      int[] difference = AugmentationGallery.panel(picture, 3);
      assertEquals(0, Arrays.stream(difference).filter(pixel -> pixel != 0).count(), file);
    }
  }

  @Test
  @DisplayName("the page shows a picture of each operation, and says where the data is from")
  void page() throws Exception {
    String page = Files.readString(Path.of("docs/augmentation.md"));
    TreeSet<String> shown = new TreeSet<>();
    Matcher image =
        Pattern.compile("!\\[[^]]+]\\(images/augmentation/([\\w-]+)\\.png\\)").matcher(page);
    while (image.find()) {
      shown.add(image.group(1));
    }
    TreeSet<String> exhibits =
        AugmentationGallery.exhibits().stream()
            .map(Exhibit::file)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(exhibits, shown);
    try (Stream<Path> files = Files.list(AugmentationGallery.FOLDER)) {
      assertEquals(
          exhibits,
          files
              .map(file -> String.valueOf(file.getFileName()).replace(".png", ""))
              .filter(name -> !name.equals("README.md"))
              .collect(Collectors.toCollection(TreeSet::new)));
    }
    for (String words : new String[] {"INIA19", "Rohlfing", "CC-BY"}) {
      assertTrue(page.contains(words), words);
      assertTrue(
          Files.readString(AugmentationGallery.FOLDER.resolve("README.md")).contains(words), words);
    }
  }
}
