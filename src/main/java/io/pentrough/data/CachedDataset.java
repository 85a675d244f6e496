package io.pentrough.data;

import io.pentrough.BatchSpec;
import io.pentrough.device.DirectMemory;
import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Dataset} that keeps samples in memory outside the Java heap. A sample is kept when it is
 * read for the first time, if there is room. From then on it comes from the cache, bit for bit as
 * {@code read} wrote it. No sample is ever replaced by another. When the cache is full, other
 * samples are read from the dataset each time. Made by {@link Dataset#cached}.
 *
 * <pre>{@code
 * try (CachedDataset cached = images.cached(memory); // 8L << 30 is 8 GiB
 *     BackgroundLoader loader =
 *         BackgroundLoader.builder(device, spec, Batches.of(cached, 32)).epochs(2).start()) {
 *   loader.batches().forEach(this::train);
 *   System.out.println(cached); // how much is kept, and the hit rate
 * }
 * }</pre>
 *
 * <p><b>No random numbers.</b> If {@code read} drew them, they would be kept with the sample, and
 * be the same in every epoch. So a {@code read} that calls {@link Sample#random()} is refused. Draw
 * in a dataset around the cache, whose {@code read} first calls that of the cache:
 *
 * <pre>{@code
 * public void read(long index, Sample out) throws Exception {
 *   cached.read(index, out);
 *   if (out.random().nextBoolean()) {
 *     flip(out.array("image"));
 *   }
 * }
 * }</pre>
 *
 * <p>The cache keeps those arrays that {@code read} asks for, and leaves others alone. A sample
 * whose {@code read} throws is not kept. All loaders that use one cache must have the same arrays;
 * their batch sizes may differ.
 *
 * <p><b>Threads.</b> Any. All workers of any number of loaders may share a cache. Nobody waits: if
 * several threads read a sample for the first time, each of them reads it, and one keeps it.
 */
public final class CachedDataset implements Dataset, AutoCloseable {

  private final Dataset dataset;
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();

  /** Null once closed. A read that has begun goes on with what it has; then it is collected. */
  private volatile @Nullable SampleStore store;

  /** What the samples are that are kept, in words; empty before one is. */
  private volatile String kept = "";

  /**
   * Allocates the cache.
   *
   * @param chunkBytes a power of two, at least 8
   * @param allocator makes direct buffers
   */
  CachedDataset(Dataset dataset, long bytes, int chunkBytes, IntFunction<ByteBuffer> allocator) {
    this.dataset = dataset;
    long samples = dataset.size();
    if (samples < 1) {
      throw new IllegalArgumentException(
          "the dataset says that it has " + samples + " samples: there is nothing to cache");
    }
    if (bytes <= 0 || samples >= bytes / Long.BYTES) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a cache of %,d bytes has no room for samples: it takes 8 bytes for each of the %,d"
                  + " samples of the dataset, and the samples that it keeps",
              bytes,
              samples));
    }
    DirectMemory.whyNot(bytes)
        .ifPresent(
            why -> {
              throw new IllegalStateException(noMemory(bytes, why));
            });
    try {
      store = new SampleStore(bytes, samples, chunkBytes, allocator);
    } catch (OutOfMemoryError e) {
      throw new IllegalStateException(noMemory(bytes, String.valueOf(e.getMessage())), e);
    }
  }

  private static String noMemory(long bytes, String why) {
    return String.format(
        Locale.ROOT,
        "no memory outside the Java heap for a cache of %,d bytes: allow more with"
            + " -XX:MaxDirectMemorySize, or ask for a smaller cache (%s)",
        bytes,
        why);
  }

  /** The size of the dataset itself. May be asked after {@link #close()}, too. */
  @Override
  public long size() {
    return dataset.size();
  }

  /** As the dataset itself says. May be asked after {@link #close()}, too. */
  @Override
  public int length(long index, String array) throws Exception {
    return dataset.length(index, Objects.requireNonNull(array, "array"));
  }

  /**
   * Writes one sample in place: from the cache, or as the dataset reads it. Blocks only as the
   * dataset does.
   *
   * @throws Exception what the dataset throws
   * @throws IllegalStateException if this is closed, the dataset asks for random numbers, this
   *     cache is smaller than the sample, or it has samples of other arrays. {@link Batches} takes
   *     none of these for a bad sample: the batch fails
   */
  @Override
  public void read(long index, Sample out) throws Exception {
    Objects.requireNonNull(out, "out");
    SampleStore own = open();
    long at = own.find(index);
    if (at != SampleStore.NOWHERE) {
      requireSameSamples(out.sequences());
      own.load(at, out);
      hits.increment();
      return;
    }
    misses.increment();
    long since = readThrough(index, out);
    requireSameSamples(out.sequences());
    long needed = own.save(index, out, since);
    if (needed > own.capacity()) {
      throw new CacheRefusal(tooSmall(own, needed), null);
    }
  }

  /**
   * Lets the dataset read.
   *
   * @return when it began, in the time of the sample
   */
  private long readThrough(long index, Sample out) throws Exception {
    long since = out.beginCached();
    Throwable thrown = null;
    try {
      dataset.read(index, out);
    } catch (Throwable t) {
      thrown = t;
      throw t;
    } finally {
      out.endCached();
      if (out.hasRefusedSince(since)) {
        refuseRandomNumbers(index, thrown);
      }
    }
    return since;
  }

  /** Also if the dataset has caught what {@link Sample#random()} has thrown, or wrapped it. */
  private static void refuseRandomNumbers(long index, @Nullable Throwable thrown) {
    throw new CacheRefusal(
        "read(...) of sample "
            + index
            + " asks for random numbers, but the sample is cached, so they would be the same in"
            + " every epoch: draw them in a dataset around the cached one, or do without a cache",
        thrown);
  }

  /**
   * Refuses a loader that cannot use this cache.
   *
   * @throws IllegalStateException if this has samples of other arrays, or is closed
   * @throws IllegalArgumentException if this is smaller than one sample
   */
  void check(SequenceArrays arrays) {
    SampleStore own = open();
    BatchSpec spec = arrays.spec;
    long needed = SampleStore.headerBytes(spec.arrays().size());
    for (int i = 0; i < spec.arrays().size(); i++) {
      if (arrays.find(i) == null && !arrays.isWritten(i)) {
        needed += SampleStore.aligned(spec.array(i).bytes() / spec.array(i).dimension(0));
      }
    }
    if (needed > own.capacity()) {
      throw new IllegalArgumentException(tooSmall(own, needed));
    }
    if (!kept.isEmpty()) {
      requireSameSamples(arrays);
    }
  }

  private static String tooSmall(SampleStore store, long needed) {
    return String.format(
        Locale.ROOT,
        "a cache with %,d bytes for samples, besides its table, is smaller than one sample of %,d"
            + " bytes: make it larger, or do without it",
        store.capacity(),
        needed);
  }

  /** The first sample that is kept decides what all of them are. */
  private void requireSameSamples(SequenceArrays arrays) {
    String own = arrays.samples();
    if (!own.equals(kept)) {
      synchronized (this) {
        if (kept.isEmpty()) {
          kept = own;
        }
      }
      if (!own.equals(kept)) {
        throw new CacheRefusal(
            "this cache has samples of "
                + kept
                + ", and another loader wants "
                + own
                + ": give each a cache of its own",
            null);
      }
    }
  }

  private SampleStore open() {
    SampleStore own = store;
    if (own == null) {
      throw new CacheRefusal(
          "this cached dataset is closed: close it only after the loaders that read from it", null);
    }
    return own;
  }

  /**
   * How many reads were answered from the cache.
   *
   * @return since this was made; stays after {@link #close()}
   */
  public long hits() {
    return hits.sum();
  }

  /**
   * How many reads were left to the dataset, with those that threw.
   *
   * @return since this was made; stays after {@link #close()}
   */
  public long misses() {
    return misses.sum();
  }

  /**
   * The share of hits.
   *
   * @return 0 to 1; 0 before the first read
   */
  public double hitRate() {
    long hit = hits();
    long all = hit + misses();
    return all == 0 ? 0 : (double) hit / all;
  }

  /**
   * How many samples are kept.
   *
   * @return 0 after {@link #close()}
   */
  public long samples() {
    SampleStore own = store;
    return own == null ? 0 : own.samples();
  }

  /**
   * How much memory is used: by the samples and by the table of 8 bytes for each sample of the
   * dataset.
   *
   * @return in bytes; 0 after {@link #close()}
   */
  public long bytes() {
    SampleStore own = store;
    return own == null ? 0 : own.usedBytes();
  }

  /**
   * Gives the memory back. Closing twice is harmless. Closes neither the dataset nor loaders.
   *
   * <p>The collector frees the memory when no read that has begun before uses it any more, as it
   * frees any direct buffer: at the latest when the JVM needs it for others. {@code System.gc()}
   * makes it sooner.
   */
  @Override
  public void close() {
    store = null;
  }

  /** What is kept, and the hit rate. */
  @Override
  public String toString() {
    SampleStore own = store;
    String text =
        own == null
            ? "closed cache"
            : String.format(
                Locale.ROOT,
                "cache of %,d bytes: %,d of %,d samples in %,d bytes",
                own.bytes(),
                own.samples(),
                size(),
                own.usedBytes());
    return String.format(
        Locale.ROOT,
        "%s; %,d hits, %,d misses (%.1f %% hits)",
        text,
        hits(),
        misses(),
        100 * hitRate());
  }
}
