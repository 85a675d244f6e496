package io.pentrough.recipes;

import io.jhdf.HdfFile;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import java.io.IOException;
import java.lang.reflect.Array;
import java.util.Arrays;
import java.util.stream.IntStream;

// [hdf5-patches]
/**
 * The cubes that tile a volume in an HDF5 file, each with the label of the voxel in its middle.
 * Keep the file open as long as a loader reads from it.
 */
public record Hdf5Patches(io.jhdf.api.Dataset raw, io.jhdf.api.Dataset labels, int side)
    implements Dataset {

  public Hdf5Patches {
    if (IntStream.of(raw.getDimensions()).anyMatch(length -> length < side)) {
      throw new IllegalArgumentException("smaller than a patch of " + side + "^3: " + raw);
    }
  }

  @Override
  public void read(long index, Sample out) throws IOException {
    long[] corner = corner(index);
    try {
      Object patch = raw.getData(corner, new int[] {side, side, side});
      HostArray image = out.array("image");
      for (int z = 0; z < side; z++) {
        for (int y = 0; y < side; y++) {
          copy(Array.get(Array.get(patch, z), y), image, (z * side + y) * side);
        }
      }
      long[] middle = {corner[0] + side / 2, corner[1] + side / 2, corner[2] + side / 2};
      Object label = labels.getData(middle, new int[] {1, 1, 1});
      out.array("label").setInt(0, Array.getInt(Array.get(Array.get(label, 0), 0), 0));
    } catch (RuntimeException e) { // such as a chunk that is damaged
      String at = Arrays.toString(corner);
      throw new IOException(raw.getFileAsPath() + ", the patch at " + at + ": " + e, e);
    }
  }

  @Override
  public long size() {
    return (long) tiles(0) * tiles(1) * tiles(2);
  }

  public static BatchSpec spec(int batchSize, DType voxel, int side) {
    return BatchSpec.builder()
        .array("image", voxel, batchSize, side, side, side)
        .array("label", DType.INT32, batchSize)
        .build();
  }

  public static Hdf5Patches of(HdfFile file, int side) {
    return new Hdf5Patches(file.getDatasetByPath("raw"), file.getDatasetByPath("labels"), side);
  }

  private int tiles(int axis) {
    return raw.getDimensions()[axis] / side;
  }

  private long[] corner(long index) {
    long z = index / tiles(2) / tiles(1);
    return new long[] {z * side, index / tiles(2) % tiles(1) * side, index % tiles(2) * side};
  }

  /** The library gives unsigned bytes as integers. */
  private static void copy(Object row, HostArray target, int at) throws IOException {
    if (row instanceof float[] floats) {
      target.set(at, floats, 0, floats.length);
    } else if (row instanceof byte[] bytes) {
      target.set(at, bytes, 0, bytes.length);
    } else if (row instanceof int[] unsignedBytes) {
      for (int x = 0; x < unsignedBytes.length; x++) {
        target.setByte(at + x, (byte) unsignedBytes[x]);
      }
    } else {
      throw new IOException("voxels come as " + row.getClass().getSimpleName() + ": copy them too");
    }
  }
}
// [/hdf5-patches]
