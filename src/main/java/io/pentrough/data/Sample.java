package io.pentrough.data;

import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Where a {@link Dataset} writes one sample: a row of each array of the batch. There is no copy.
 *
 * <pre>{@code
 * public void read(long index, Sample out) {
 *   float[] row = rows.get((int) index);
 *   HostArray image = out.array("image"); // float32 [784]: this sample's row
 *   image.set(0, row, 0, row.length);
 *   if (out.random().nextBoolean()) { // the same with 1 worker or 16
 *     flip(image);
 *   }
 *   int[] text = texts.get((int) index);
 *   out.array("tokens", text.length).set(0, text, 0, text.length); // each has its own length
 * }
 * }</pre>
 *
 * <p>Each worker has one object and reuses it for one sample after the other. It is valid until the
 * {@code read} that it was given to returns, and so are its arrays and random numbers. Ask for them
 * again in each {@code read}.
 *
 * <p><b>Threads.</b> For the thread of that {@code read} only.
 */
public final class Sample {

  private @Nullable HostBatch batch;
  private @Nullable BatchContext context;
  private @Nullable SequenceArrays sequences;

  /** Its row in the batch. */
  private int row;

  /** Which of the batch's samples it is, counted with bad ones. */
  private int number;

  /** Where it stands in the epoch's order. */
  private long position;

  private @Nullable RandomGenerator random;

  /** Goes on where anybody wants to know later what has happened since. */
  private long clock;

  private long turnedAt;

  /** For each array, when it was asked for last. */
  private long[] askedAt = {};

  /** How many caches keep what is read now: one, or caches of caches. */
  private int caches;

  /** When random numbers were asked for last, of which a cache must keep none. */
  private long refusedAt;

  Sample() {}

  /** A batch begins. */
  void begin(HostBatch batch, BatchContext context, SequenceArrays sequences) {
    this.batch = batch;
    this.context = context;
    this.sequences = sequences;
    int arrays = batch.spec().arrays().size();
    if (askedAt.length != arrays) {
      askedAt = new long[arrays];
    }
  }

  /** Turns to another sample of the batch. Allocates nothing. */
  void turnTo(int row, int number, long position) {
    this.row = row;
    this.number = number;
    this.position = position;
    random = null;
    turnedAt = ++clock;
  }

  /** The fill is over. */
  void end() {
    batch = null;
    context = null;
    sequences = null;
    random = null;
  }

  /**
   * This sample's row of an array, with the shape of the array without its first dimension.
   *
   * @param name a name of the loader's specification
   * @return always the same object for an array, turned to this sample's row; flat indexes begin at
   *     0
   * @throws IllegalArgumentException if there is none with that name; the message lists the names.
   *     Or if samples have different lengths in that array, or it receives lengths or offsets
   * @throws IllegalStateException if called from another thread than that of {@code read}, or after
   *     the batch was made
   */
  public HostArray array(String name) {
    Objects.requireNonNull(name, "name");
    int i = batch().spec().indexOf(name);
    sequences().requireOneShape(i);
    return array(i);
  }

  /** The same by the array's index, if it is one that is written row by row. */
  HostArray array(int i) {
    HostArray array = batch().array(i).row(row);
    askedAt[i] = clock;
    return array;
  }

  /**
   * This sample's part of an array in which samples have different lengths ({@link Batches#pad},
   * {@link Batches#ragged}). Its first dimension is the length. {@link Batches} writes the padding,
   * the lengths and the offsets.
   *
   * @param name a name of the loader's specification
   * @param length the length of this sample, 0 or more. If {@code read} asks several times, the
   *     last call counts
   * @return always the same object for an array, turned to this sample's part; flat indexes begin
   *     at 0
   * @throws IllegalArgumentException if there is none with that name, all its samples have one
   *     shape, or it has no room for this length; the message says how much room it has
   * @throws IllegalStateException if called from another thread than that of {@code read}, or after
   *     the batch was made
   */
  public HostArray array(String name, int length) {
    Objects.requireNonNull(name, "name");
    return array(batch().spec().indexOf(name), length);
  }

  /** The same by the array's index. */
  HostArray array(int i, int length) {
    HostArray array = sequences().of(batch(), i, row, number, length);
    askedAt[i] = clock;
    return array;
  }

  /**
   * What this sample has in an array of any kind.
   *
   * @param length as in {@link SequenceArrays#length}
   */
  HostArray part(int i, int length) {
    return sequences().find(i) == null ? array(i) : array(i, length);
  }

  /**
   * Random numbers for this sample: a function of the loader's seed, the epoch and the sample's
   * position in the epoch's order. They depend neither on the batch size nor on other samples. A
   * sample that an epoch has several times gets other numbers each time.
   *
   * @return the same object until {@code read} returns, which goes on where it is
   * @throws IllegalStateException if called from another thread than that of {@code read}, or after
   *     the batch was made; or if a {@linkplain Dataset#cached cache} is to keep what is read
   */
  public RandomGenerator random() {
    if (caches > 0) {
      refusedAt = clock;
      throw new IllegalStateException(
          "a sample that is cached cannot have random numbers: they would be the same in every"
              + " epoch");
    }
    RandomGenerator own = random;
    if (own == null) {
      own = context().random("samples", position);
      random = own;
    }
    return own;
  }

  /** Refuses a sample that the dataset cannot have written. */
  void requireWritten() {
    for (int i = 0; i < askedAt.length; i++) {
      if (!wasAsked(i, turnedAt) && !sequences().isWritten(i)) {
        BatchSpec spec = batch().spec();
        throw new IllegalStateException(
            "read(...) has returned without asking for array '"
                + spec.array(i).name()
                + "', so its row holds another sample: write every array of "
                + spec);
      }
    }
  }

  /** The memory of the whole array of the batch, which is the same object for all its samples. */
  ByteBuffer memory(int i) {
    return batch().array(i).unsafeBuffer();
  }

  /** Where this sample begins in {@link #memory}, in bytes. */
  int start(int i) {
    HostArray whole = batch().array(i);
    SequenceArray sequence = sequences().find(i);
    int element = sequence == null ? row * whole.row(row).elements() : sequence.start(row);
    return element * whole.spec().dtype().bytes();
  }

  /** Whether an array was asked for since a time of this sample's clock. */
  boolean wasAsked(int array, long since) {
    return askedAt[array] >= since;
  }

  /**
   * What is written from now on is to be kept by a cache.
   *
   * @return the time
   */
  long beginCached() {
    caches++;
    return ++clock;
  }

  void endCached() {
    caches--;
  }

  /** Whether random numbers were asked for since then, and refused for a cache's sake. */
  boolean hasRefusedSince(long since) {
    return refusedAt >= since;
  }

  private HostBatch batch() {
    if (batch == null) {
      throw over();
    }
    return batch;
  }

  private BatchContext context() {
    if (context == null) {
      throw over();
    }
    return context;
  }

  SequenceArrays sequences() {
    if (sequences == null) {
      throw over();
    }
    return sequences;
  }

  private static IllegalStateException over() {
    return new IllegalStateException(
        "a sample is used after the read(...) that it was given to: write it before you return");
  }
}
