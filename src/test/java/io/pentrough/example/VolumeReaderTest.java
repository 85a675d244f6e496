package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.jhdf.api.DatasetCreationOptions;
import java.lang.reflect.Array;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class VolumeReaderTest {

  private static final int DEPTH = 5;
  private static final int HEIGHT = 7;
  private static final int WIDTH = 9;

  @TempDir Path folder;

  static Stream<Arguments> layouts() {
    return Stream.of(byte.class, short.class, int.class, long.class)
        .flatMap(
            type ->
                Stream.of(
                    Arguments.of(type, new int[0]),
                    Arguments.of(type, new int[] {2, 3, 4}),
                    Arguments.of(type, new int[] {1, HEIGHT, WIDTH})));
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void readsEveryVoxelOfEveryLayout(Class<?> labelType, int[] chunk) {
    // Labels that are neither dense nor in order of appearance: -3 * (x % 3) + 5.
    Object labels = Array.newInstance(labelType, DEPTH, HEIGHT, WIDTH);
    for (int z = 0; z < DEPTH; z++) {
      for (int y = 0; y < HEIGHT; y++) {
        Object row = Array.get(Array.get(labels, z), y);
        for (int x = 0; x < WIDTH; x++) {
          byte label = (byte) (5 - 3 * (x % 3));
          if (labelType == byte.class) {
            Array.setByte(row, x, label);
          } else if (labelType == short.class) {
            Array.setShort(row, x, label);
          } else {
            Array.setInt(row, x, label);
          }
        }
      }
    }
    Path file =
        TestVolumes.write(
            folder.resolve("v.h5"), TestVolumes.raw(DEPTH, HEIGHT, WIDTH), true, labels, chunk);

    Volume volume = VolumeReader.read(file, "/raw", "labels");

    assertEquals(DEPTH, volume.depth);
    assertEquals(HEIGHT, volume.height);
    assertEquals(WIDTH, volume.width);
    assertArrayEquals(new long[] {-1, 2, 5}, volume.labelValues);
    for (int i = 0; i < DEPTH * HEIGHT * WIDTH; i++) {
      assertEquals((byte) i, volume.grey[i], "grey value of voxel " + i);
      assertEquals(2 - i % WIDTH % 3, volume.classes[i], "class of voxel " + i);
    }
  }

  @Test
  void readsUnsignedLabelsOf64Bits() {
    long[][][] labels = new long[2][3][4];
    labels[1][2][3] = 1L << 40;
    Path file = folder.resolve("v.h5");
    try (WritableHdfFile hdf = HdfFile.write(file)) {
      DatasetCreationOptions unsigned = DatasetCreationOptions.builder().unsigned().build();
      hdf.putDataset("raw", TestVolumes.raw(2, 3, 4), unsigned);
      hdf.putDataset("labels", labels, unsigned);
    }

    Volume volume = VolumeReader.read(file, "/raw", "/labels");

    assertArrayEquals(new long[] {0, 1L << 40}, volume.labelValues);
    assertEquals(1, volume.classes[volume.index(1, 2, 3)]);
    assertEquals(0, volume.classes[volume.index(1, 2, 2)]);
  }

  @Test
  void readsTheBundledVolume() {
    Volume volume =
        VolumeReader.readResource(Options.BUNDLED_VOLUME, "/volumes/raw", "/volumes/tissue");

    int[] count = new int[volume.classCount()];
    for (byte c : volume.classes) {
      count[c]++;
    }
    assertArrayEquals(new int[] {1_391_087, 585_970, 209_376, 6_042}, count);
  }
}
