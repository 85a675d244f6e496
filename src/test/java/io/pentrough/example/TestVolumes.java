package io.pentrough.example;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.jhdf.api.DatasetCreationOptions;
import java.nio.file.Path;
import java.util.random.RandomGenerator;

/** Small volumes for tests. */
final class TestVolumes {

  private TestVolumes() {}

  /** Random grey values and random classes, each voxel by itself. */
  static Volume random(int depth, int height, int width, int classCount, RandomGenerator random) {
    byte[] grey = new byte[depth * height * width];
    byte[] classes = new byte[grey.length];
    random.nextBytes(grey);
    for (int i = 0; i < classes.length; i++) {
      classes[i] = (byte) random.nextInt(classCount);
    }
    long[] labelValues = new long[classCount];
    for (int c = 0; c < classCount; c++) {
      labelValues[c] = c;
    }
    return new Volume(depth, height, width, grey, classes, labelValues, false);
  }

  /** A file with the datasets /raw and /labels, in chunks of the given shape or contiguous. */
  static Path write(Path file, Object raw, boolean unsignedRaw, Object labels, int... chunk) {
    try (WritableHdfFile hdf = HdfFile.write(file)) {
      hdf.putDataset("raw", raw, options(unsignedRaw, chunk));
      hdf.putDataset("labels", labels, options(false, chunk));
    }
    return file;
  }

  private static DatasetCreationOptions options(boolean unsigned, int[] chunk) {
    DatasetCreationOptions.Builder options = DatasetCreationOptions.builder();
    if (unsigned) {
      options.unsigned();
    }
    if (chunk.length > 0) {
      options.chunkDimensions(chunk).deflate();
    }
    return options.build();
  }

  /** The content of a /raw dataset: each voxel its index, modulo 256. */
  static byte[][][] raw(int depth, int height, int width) {
    byte[][][] raw = new byte[depth][height][width];
    for (int z = 0; z < depth; z++) {
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          raw[z][y][x] = (byte) ((z * height + y) * width + x);
        }
      }
    }
    return raw;
  }

  /** The content of a /labels dataset: x modulo the number of values. */
  static int[][][] labels(int depth, int height, int width, int values) {
    int[][][] labels = new int[depth][height][width];
    for (int[][] slice : labels) {
      for (int[] row : slice) {
        for (int x = 0; x < width; x++) {
          row[x] = x % values;
        }
      }
    }
    return labels;
  }
}
