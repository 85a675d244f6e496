package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The samples of docs/data.md do what they say. */
class DataSampleTest {

  @Test
  @DisplayName(
      "each patch once in an epoch, shuffled; one that lies behind the file's end is left out")
  void runs(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("volume");
    Files.write(file, new byte[33 * 33 + 99]);
    int count = 100;
    List<Long> positions =
        LongStream.range(0, count).map(i -> i == 7 ? 33 * 33 : i).boxed().toList();
    List<Integer> classes = IntStream.range(0, count).boxed().toList();
    DataSample sample = new DataSample();
    try (FileChannel volume = FileChannel.open(file);
        Device device = HostDevice.open()) {
      sample.run(device, new DataSample.Patches(volume, positions, classes));
    }
    List<Integer> all = IntStream.range(0, count).filter(i -> i != 7).boxed().toList();
    assertEquals(List.of(99, 198, 297, 396, 495), sample.labelsAtValidation);
    for (int epoch = 0; epoch < 5; epoch++) {
      List<Integer> seen = sample.labels.subList(99 * epoch, 99 * (epoch + 1));
      assertEquals(all, seen.stream().sorted().toList());
      assertTrue(!seen.equals(all), "shuffled");
    }
    assertEquals(495 * 33 * 33, sample.pixels);
    assertEquals(5, sample.log.size());
    assertTrue(sample.log.get(0).startsWith("left out sample 7: java.io.EOFException"));
  }
}
