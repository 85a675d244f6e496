package io.pentrough.example;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads a dataset of integers, three-dimensional, some planes of z at a time: no second copy of the
 * volume arises, and no object per voxel.
 */
final class PlaneReader {

  /** How many values are held at once, unless a single plane has more. */
  private static final int MAX_VALUES = 1 << 25;

  private final Hdf5Dataset dataset;
  private final Hdf5Type type;
  private final int depth;
  private final int height;
  private final int width;
  private final @Nullable ChunkIndex chunks;

  PlaneReader(Hdf5Dataset dataset) {
    this.dataset = dataset;
    this.type = dataset.type();
    long[] shape = dataset.shape();
    this.depth = (int) shape[0];
    this.height = (int) shape[1];
    this.width = (int) shape[2];
    this.chunks =
        dataset.layout() instanceof Hdf5Dataset.Chunked chunked
            ? new ChunkIndex(dataset, chunked)
            : null;
  }

  /** How many planes to read at once, so that a chunk is decoded once if possible. */
  int planesAtOnce() {
    int chunkDepth = dataset.layout() instanceof Hdf5Dataset.Chunked chunked ? chunked.shape[0] : 1;
    return Math.max(1, Math.min(Math.min(chunkDepth, depth), MAX_VALUES / (height * width)));
  }

  /**
   * Reads planes.
   *
   * @param target receives them one after another; x runs fastest. Unsigned values of 64 bits keep
   *     their bits
   */
  void read(int firstZ, int planes, long[] target) {
    int values = planes * height * width;
    Hdf5Dataset.Layout layout = dataset.layout();
    if (layout instanceof Hdf5Dataset.Chunked chunked && chunks != null) {
      readChunks(chunked, chunks, firstZ, planes, target);
    } else if (layout instanceof Hdf5Dataset.Compact compact) {
      type.decode(compact.elements().duplicate(), firstZ * height * width, target, 0, values);
    } else if (layout instanceof Hdf5Dataset.Contiguous contiguous) {
      readContiguous(contiguous.address(), (long) firstZ * height * width, target, values);
    }
  }

  private void readContiguous(long address, long first, long[] target, int values) {
    if (address == Hdf5File.UNDEFINED) {
      Arrays.fill(target, 0, values, dataset.fillValue());
      return;
    }
    int atOnce = MAX_VALUES;
    for (int done = 0; done < values; done += atOnce) {
      int count = Math.min(atOnce, values - done);
      long from = address + (first + done) * type.bytes();
      type.decode(dataset.file().bytes(from, count * type.bytes()), 0, target, done, count);
    }
  }

  private void readChunks(
      Hdf5Dataset.Chunked layout, ChunkIndex index, int firstZ, int planes, long[] target) {
    int[] chunk = layout.shape;
    ChunkFilters filters = new ChunkFilters(dataset, index.chunkBytes());
    int endZ = firstZ + planes;
    for (int z = firstZ / chunk[0]; (long) z * chunk[0] < endZ; z++) {
      for (int y = 0; (long) y * chunk[1] < height; y++) {
        for (int x = 0; (long) x * chunk[2] < width; x++) {
          int cz = z * chunk[0];
          int cy = y * chunk[1];
          int cx = x * chunk[2];
          int fromZ = Math.max(cz, firstZ);
          int toZ = (int) Math.min((long) cz + chunk[0], endZ);
          int rows = Math.min(chunk[1], height - cy);
          int columns = Math.min(chunk[2], width - cx);
          ChunkIndex.Chunk stored = index.at(z, y, x);
          ByteBuffer bytes = null;
          long fill = 0;
          if (stored == null) {
            fill = dataset.fillValue();
          } else {
            boolean atEdge =
                chunk[0] > depth - cz || chunk[1] > height - cy || chunk[2] > width - cx;
            int skipped = layout.plainEdges && atEdge ? -1 : stored.skipped();
            bytes = filters.decode(dataset.file().bytes(stored.address(), stored.bytes()), skipped);
          }
          for (int vz = fromZ; vz < toZ; vz++) {
            for (int vy = cy; vy < cy + rows; vy++) {
              int at = ((vz - firstZ) * height + vy) * width + cx;
              if (bytes == null) {
                Arrays.fill(target, at, at + columns, fill);
              } else {
                int from = ((vz - cz) * chunk[1] + vy - cy) * chunk[2];
                type.decode(bytes, from, target, at, columns);
              }
            }
          }
        }
      }
    }
  }
}
