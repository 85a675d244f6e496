package io.pentrough.data;

/**
 * Samples that are read by their index. {@link Batches} makes batches of them.
 *
 * <pre>{@code
 * final class Patches implements Dataset {
 *   public long size() {
 *     return positions.length;
 *   }
 *
 *   public void read(long index, Sample out) throws IOException {
 *     out.array("image").readFrom(volume, positions[(int) index]);
 *     out.array("label").setInt(0, labels[(int) index]);
 *   }
 * }
 * }</pre>
 *
 * <p><b>Threads.</b> All workers of a loader call it at the same time.
 */
public interface Dataset {

  /**
   * How many samples there are.
   *
   * @return at least 1, and never less than before; samples that are added later are not read by
   *     {@link Batches} that exist already
   */
  long size();

  /**
   * Writes one sample in place. May block.
   *
   * <p>The content should depend on nothing but the index and {@link Sample#random()}. Then the
   * same seed gives the same batches with any number of workers.
   *
   * <p>Every array must be asked for and written. Its row holds whatever was there before.
   *
   * @param index 0 to {@link #size()} - 1
   * @param out where it goes; valid until this call returns
   * @throws Exception whatever stops this sample from being made. The batch fails, or the sample is
   *     left out ({@link Batches#skipBadSamples(long)})
   */
  void read(long index, Sample out) throws Exception;
}
