package io.pentrough.data;

import java.nio.ByteBuffer;

/**
 * Samples that are read by their index. {@link Batches} makes batches of them.
 *
 * <pre>{@code
 * record Patches(FileChannel volume, List<Long> positions, List<Integer> classes)
 *     implements Dataset {
 *   public long size() {
 *     return positions.size();
 *   }
 *
 *   public void read(long index, Sample out) throws IOException {
 *     int i = (int) index;
 *     HostArray image = out.array("image"); // this sample's row: 33 x 33 bytes
 *     image.readFrom(volume, positions.get(i));
 *     if (out.random().nextBoolean()) { // the same with 1 worker or 16, and with any batch size
 *       invert(image);
 *     }
 *     out.array("label").setInt(0, classes.get(i));
 *   }
 * }
 * }</pre>
 *
 * <p><b>Threads.</b> All workers of a loader call it at the same time.
 */
public interface Dataset {

  /**
   * How many samples there are. {@link Batches} asks when it is made, and all workers ask before
   * each batch. So it must be fast.
   *
   * @return at least 1, and never less than before; samples that are added later are not read by
   *     {@link Batches} that exist already
   */
  long size();

  /**
   * The length of a sample in an array that is padded to the longest sample of each batch ({@link
   * Padding#toLongest}). Not called for other arrays. Called for all samples of a batch before the
   * first of them is read, so it should not need to read the sample. May block. A loader also calls
   * it once for sample 0 when it starts.
   *
   * @param index 0 to {@link #size()} - 1
   * @param array the name of the array
   * @return 0 to the array's second dimension. {@link #read} may ask for a smaller length, but not
   *     for a larger one
   * @throws Exception if the length is not known. The sample is then bad, as if {@code read} had
   *     thrown the exception
   * @throws UnsupportedOperationException if this dataset knows no lengths, as by default
   */
  default int length(long index, String array) throws Exception {
    throw new UnsupportedOperationException(
        "this dataset does not know the lengths of its samples: implement length(index, array)");
  }

  /**
   * Writes one sample in place. May block.
   *
   * <p>The content should depend on nothing but the index and {@link Sample#random()}. Then the
   * same seed gives the same batches with any number of workers.
   *
   * <p>Every array must be asked for and written. Its row holds whatever was there before. Only the
   * arrays that receive lengths or offsets are left alone.
   *
   * @param index 0 to {@link #size()} - 1
   * @param out where it goes; valid until this call returns
   * @throws Exception whatever stops this sample from being made. The batch fails, or the sample is
   *     left out ({@link Batches#skipBadSamples(long)})
   */
  void read(long index, Sample out) throws Exception;

  /**
   * The same dataset with a cache in memory outside the Java heap. A sample that is read for the
   * first time is kept if there is room, and then stays. See {@link CachedDataset}.
   *
   * <p>All memory is allocated and zeroed by this call, which may take a second for each GiB.
   * {@code -XX:MaxDirectMemorySize} limits how much there may be; without it, the size of the heap
   * does.
   *
   * @param bytes how large the cache is. Each sample of the dataset takes 8 bytes. A sample that is
   *     kept also takes its own bytes and a header of 4 bytes for each array. The header and each
   *     of its arrays are rounded up to a multiple of 8 bytes
   * @return a dataset that must be closed
   * @throws IllegalArgumentException if that leaves no room for a sample, or this dataset is empty
   * @throws IllegalStateException if the JVM does not give so much memory. None is held then
   */
  default CachedDataset cached(long bytes) {
    return new CachedDataset(this, bytes, OffHeap.USUAL_CHUNK_BYTES, ByteBuffer::allocateDirect);
  }
}
