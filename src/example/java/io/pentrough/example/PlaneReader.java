package io.pentrough.example;

import io.jhdf.api.Dataset;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.exceptions.HdfException;
import io.jhdf.object.datatype.FixedPoint;
import java.lang.reflect.Array;
import java.math.BigInteger;
import java.nio.ByteBuffer;

/**
 * Reads a dataset of integers, three-dimensional, some planes of z at a time: no second copy of the
 * volume arises, and no object per voxel (what jhdf makes of uint64).
 */
final class PlaneReader {

  /** How many values are held at once, unless a single plane has more. */
  private static final int MOST_VALUES = 1 << 25;

  private final Dataset dataset;
  private final FixedPoint type;
  private final int height;
  private final int width;

  PlaneReader(Dataset dataset) {
    this.dataset = dataset;
    this.type = (FixedPoint) dataset.getDataType();
    int[] size = dataset.getDimensions();
    this.height = size[1];
    this.width = size[2];
  }

  /** How many planes to read at once, so that a chunk is decoded once if possible. */
  int planesAtOnce() {
    int depth = dataset instanceof ChunkedDataset chunked ? chunked.getChunkDimensions()[0] : 1;
    return Math.max(1, Math.min(depth, MOST_VALUES / (height * width)));
  }

  /**
   * Reads planes.
   *
   * @param target receives them one after another; x runs fastest. Unsigned values of 64 bits keep
   *     their bits
   */
  void read(int firstZ, int planes, long[] target) {
    if (!hasPlainElements()) {
      readBox(new int[] {firstZ, 0, 0}, new int[] {planes, height, width}, firstZ, target);
    } else if (dataset instanceof ChunkedDataset chunked) {
      readChunks(chunked, firstZ, planes, target);
    } else if (dataset instanceof ContiguousDataset contiguous
        && dataset.getStorageInBytes() == dataset.getSizeInBytes()
        && dataset.getSizeInBytes() <= Integer.MAX_VALUE) { // what a buffer can hold
      ByteBuffer all = contiguous.getBuffer().order(type.getByteOrder());
      int values = planes * height * width;
      decode(all, firstZ * height * width, target, 0, values);
    } else {
      readBox(new int[] {firstZ, 0, 0}, new int[] {planes, height, width}, firstZ, target);
    }
  }

  private boolean hasPlainElements() {
    int bytes = type.getSize();
    return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  }

  private void readChunks(ChunkedDataset chunked, int firstZ, int planes, long[] target) {
    int[] chunk = chunked.getChunkDimensions();
    int endZ = firstZ + planes;
    for (int cz = firstZ / chunk[0] * chunk[0]; cz < endZ; cz += chunk[0]) {
      for (int cy = 0; cy < height; cy += chunk[1]) {
        for (int cx = 0; cx < width; cx += chunk[2]) {
          int fromZ = Math.max(cz, firstZ);
          int depth = Math.min(cz + chunk[0], endZ) - fromZ;
          int rows = Math.min(chunk[1], height - cy);
          int columns = Math.min(chunk[2], width - cx);
          ByteBuffer bytes;
          try {
            bytes = ByteBuffer.wrap(chunked.getDecompressedChunk(new int[] {cz, cy, cx}));
          } catch (HdfException e) { // one that was never written, perhaps: jhdf knows better
            readBox(new int[] {fromZ, cy, cx}, new int[] {depth, rows, columns}, firstZ, target);
            continue;
          }
          bytes.order(type.getByteOrder());
          for (int z = fromZ; z < fromZ + depth; z++) {
            for (int y = cy; y < cy + rows; y++) {
              int from = ((z - cz) * chunk[1] + y - cy) * chunk[2];
              decode(bytes, from, target, ((z - firstZ) * height + y) * width + cx, columns);
            }
          }
        }
      }
    }
  }

  private void decode(ByteBuffer bytes, int from, long[] target, int at, int count) {
    boolean signed = type.isSigned();
    switch (type.getSize()) {
      case 1 -> {
        long mask = signed ? -1 : 0xff;
        for (int i = 0; i < count; i++) {
          target[at + i] = bytes.get(from + i) & mask;
        }
      }
      case 2 -> {
        long mask = signed ? -1 : 0xffff;
        for (int i = 0; i < count; i++) {
          target[at + i] = bytes.getShort(2 * (from + i)) & mask;
        }
      }
      case 4 -> {
        long mask = signed ? -1 : 0xffff_ffffL;
        for (int i = 0; i < count; i++) {
          target[at + i] = bytes.getInt(4 * (from + i)) & mask;
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          target[at + i] = bytes.getLong(8 * (from + i));
        }
      }
    }
  }

  /** Whatever the layout and type, slower. */
  private void readBox(int[] corner, int[] extent, int firstZ, long[] target) {
    long[] from = {corner[0], corner[1], corner[2]};
    Object[] box = (Object[]) dataset.getData(from, extent);
    for (int z = 0; z < extent[0]; z++) {
      Object[] plane = (Object[]) box[z];
      for (int y = 0; y < extent[1]; y++) {
        int at = ((corner[0] + z - firstZ) * height + corner[1] + y) * width + corner[2];
        Object row = plane[y];
        for (int x = 0; x < extent[2]; x++) {
          target[at + x] =
              row instanceof BigInteger[] unsigned
                  ? unsigned[x].longValue()
                  : Array.getLong(row, x);
        }
      }
    }
  }
}
