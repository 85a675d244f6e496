package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

  static Stream<Arguments> idLayouts() {
    return Stream.of(1, 2, 4, 8)
        .flatMap(
            bytes ->
                Stream.of(
                    Arguments.of(bytes, new int[0]),
                    Arguments.of(bytes, new int[] {2, 3, 4}),
                    Arguments.of(bytes, new int[] {DEPTH, HEIGHT, 2})));
  }

  @ParameterizedTest
  @MethodSource("idLayouts")
  void moreThan16LabelsAreIdsWhoseBoundariesAreTheClasses(int bytes, int[] chunk) {
    // Objects of 2 x 2 x 3 voxels, 36 of them, and a large one with the id 0. The highest ids only
    // fit unsigned.
    long highest = bytes == 8 ? -1 : (1L << (8 * bytes)) - 1;
    long[][][] ids = new long[DEPTH][HEIGHT][WIDTH];
    for (int z = 0; z < DEPTH; z++) {
      for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
          ids[z][y][x] = x < 5 ? 0 : highest - (z / 2 * 16 + y / 2 * 4 + x / 3);
        }
      }
    }
    Path file = folder.resolve("v.h5");
    DatasetCreationOptions.Builder options = DatasetCreationOptions.builder().unsigned();
    if (chunk.length > 0) {
      options.chunkDimensions(chunk).deflate();
    }
    try (WritableHdfFile hdf = HdfFile.write(file)) {
      hdf.putDataset("raw", TestVolumes.raw(DEPTH, HEIGHT, WIDTH), options.build());
      hdf.putDataset("labels", narrowed(ids, bytes), options.build());
    }

    Volume volume = VolumeReader.read(file, "/raw", "/labels");

    assertTrue(volume.boundaries);
    int[] seen = new int[2];
    for (int z = 0; z < DEPTH; z++) {
      for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
          boolean boundary = false;
          for (int axis = 0; axis < 3; axis++) {
            for (int step = -1; step <= 1; step += 2) {
              int nz = z + (axis == 0 ? step : 0);
              int ny = y + (axis == 1 ? step : 0);
              int nx = x + (axis == 2 ? step : 0);
              boolean inside =
                  nz >= 0 && nz < DEPTH && ny >= 0 && ny < HEIGHT && nx >= 0 && nx < WIDTH;
              boundary |= inside && ids[nz][ny][nx] != ids[z][y][x];
            }
          }
          int found = volume.classes[volume.index(z, y, x)];
          assertEquals(boundary ? 1 : 0, found, "class of " + z + ", " + y + ", " + x);
          assertEquals((byte) ((z * HEIGHT + y) * WIDTH + x), volume.grey[volume.index(z, y, x)]);
          seen[found]++;
        }
      }
    }
    assertTrue(seen[0] > 50 && seen[1] > 50, "too few voxels of one class to show anything");
  }

  private static Object narrowed(long[][][] values, int bytes) {
    Class<?> type =
        switch (bytes) {
          case 1 -> byte.class;
          case 2 -> short.class;
          case 4 -> int.class;
          default -> long.class;
        };
    Object narrow = Array.newInstance(type, DEPTH, HEIGHT, WIDTH);
    for (int z = 0; z < DEPTH; z++) {
      for (int y = 0; y < HEIGHT; y++) {
        Object row = Array.get(Array.get(narrow, z), y);
        for (int x = 0; x < WIDTH; x++) {
          long value = values[z][y][x];
          switch (bytes) {
            case 1 -> Array.setByte(row, x, (byte) value);
            case 2 -> Array.setShort(row, x, (short) value);
            case 4 -> Array.setInt(row, x, (int) value);
            default -> Array.setLong(row, x, value);
          }
        }
      }
    }
    return narrow;
  }

  @Test
  void sixteenLabelsAreStillClasses() {
    Path file =
        TestVolumes.write(
            folder.resolve("v.h5"),
            TestVolumes.raw(2, 2, 32),
            true,
            TestVolumes.labels(2, 2, 32, LabelClasses.MOST));

    Volume volume = VolumeReader.read(file, "/raw", "/labels");

    assertEquals(16, volume.classCount());
    assertEquals(15, volume.classes[volume.index(1, 1, 31)]);
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
