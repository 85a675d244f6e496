package io.pentrough;

import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The arrays of one batch in pinned host memory, for a {@linkplain BatchTarget target} to fill.
 *
 * <p>One object per host slot, used again for every batch that passes through the slot.
 *
 * <p><b>Threads.</b> It and its arrays may be used on the thread of the {@code fill} they were
 * given to, until that returns; any other use throws {@link IllegalStateException}. For threads of
 * the target's own there is {@link #shared()}.
 */
public final class HostBatch {

  private final BatchSpec spec;
  private final Access access;
  private final Extent[] extents;
  private final HostArray[] arrays;

  /** Null without stages. */
  private final @Nullable StageParameters parameters;

  /** The slot's own batch: this, or the one this is a shared view of. */
  private final HostBatch own;

  /** How many samples count; kept in the slot's own batch. */
  private int size;

  /** Samples that were left out; null if there are none. Likewise. */
  private @Nullable List<BadSample> badSamples;

  /** How many samples repeat others; likewise. */
  private int padded;

  /** Whether the running fill has looked at what a stage will need; likewise. */
  private boolean parametersSeen;

  /**
   * The batch of a host slot; belongs to no fill yet.
   *
   * @param memory at least {@link BatchSpec#slotBytes()} behind the header
   * @param headerBytes what comes before the arrays
   * @param parameters of stages, if there are any
   */
  HostBatch(
      BatchSpec spec, PinnedBuffer memory, long headerBytes, @Nullable StageParameters parameters) {
    this.spec = spec;
    this.parameters = parameters;
    this.own = this;
    this.access = new Access();
    this.extents = new Extent[spec.arrays().size()];
    this.arrays = new HostArray[spec.arrays().size()];
    ByteBuffer slot = memory.unsafeBuffer();
    for (int i = 0; i < arrays.length; i++) {
      ArraySpec array = spec.array(i);
      extents[i] = new Extent(array);
      ByteBuffer bytes =
          slot.slice((int) (headerBytes + array.offset()), (int) array.bytes())
              .order(ByteOrder.nativeOrder());
      arrays[i] = new HostArray(extents[i], bytes, access);
    }
  }

  private HostBatch(HostBatch original, Access access) {
    this.spec = original.spec;
    this.own = original.own;
    this.parameters = original.parameters;
    this.access = access;
    this.extents = original.extents;
    this.arrays = new HostArray[original.arrays.length];
    for (int i = 0; i < arrays.length; i++) {
      arrays[i] = new HostArray(original.arrays[i], access);
    }
  }

  /** A fill begins on this thread: every array has its maximum shape. Allocates nothing. */
  void open() {
    access.open();
    for (Extent extent : extents) {
      extent.reset();
    }
    size = spec.samples();
    badSamples = null; // it has gone with the batch
    padded = 0;
    parametersSeen = false;
  }

  /** The fill has returned or thrown; on the thread that opened. Every later use is found. */
  void close() {
    access.close();
  }

  /**
   * What a stage has drawn for this batch, for a target that wants to fetch just what the stage
   * will need.
   *
   * @param stage one that the loader was given
   * @return a new read-only view, in native byte order, position 0; as many bytes as the stage has
   *     declared
   * @throws IllegalArgumentException if it is not one of the loader's stages
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public ByteBuffer parameters(BatchStage stage) {
    Objects.requireNonNull(stage, "stage");
    access.check(null);
    own.parametersSeen = true;
    if (parameters == null) {
      throw new IllegalArgumentException("this loader has no stages: give it some with stage(...)");
    }
    return parameters.of(stage);
  }

  /**
   * How much of the arrays' part of the slot the last fill used: up to the end of the last array
   * that is not empty. What one copy must carry.
   */
  long usedBytes() {
    for (int i = extents.length - 1; i >= 0; i--) {
      if (extents[i].elements() > 0) {
        return spec.array(i).offset() + extents[i].bytes();
      }
    }
    return 0;
  }

  /**
   * Tells the shapes of the variable arrays in the last fill.
   *
   * @param target by array; only the rows of variable arrays are written, each as long as the rank
   */
  void copyShapesTo(int[][] target) {
    for (int i = 0; i < extents.length; i++) {
      if (spec.array(i).isVariable()) {
        int[] shape = extents[i].shape();
        System.arraycopy(shape, 0, target[i], 0, shape.length);
      }
    }
  }

  /** Whether the last fill has looked at what a stage will need, and may have left out the rest. */
  boolean parametersSeen() {
    return own.parametersSeen;
  }

  /** An array at its maximum, unguarded. */
  ByteBuffer bytes(int array) {
    return arrays[array].bytes();
  }

  /** Lets zeros stand where the memory of an array is not used by the fill. */
  void clearBehind(int array) {
    arrays[array].fillZeroBehind();
  }

  /** How many elements an array has in the last fill, with rows that do not count. */
  int elements(int array) {
    return extents[array].elements();
  }

  /** Lets zeros stand in the rows that do not count. For the end of a fill, on its thread. */
  void clearOtherRows() {
    if (own.size == spec.samples()) {
      return;
    }
    for (int i = 0; i < extents.length; i++) {
      int rows = spec.hasRowPerSample(spec.array(i)) ? extents[i].shape()[0] : 0;
      if (rows > own.size) {
        arrays[i].fillZero(extents[i].elements() / rows * own.size);
      }
    }
  }

  /**
   * What the arrays are. May be asked at any time.
   *
   * @return the loader's specification
   */
  public BatchSpec spec() {
    return spec;
  }

  /**
   * One array by its name.
   *
   * @param name a name of the specification
   * @return always the same object
   * @throws IllegalArgumentException if there is none of that name; the message lists the names
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public HostArray array(String name) {
    return array(spec.indexOf(name));
  }

  /**
   * One array by its index.
   *
   * @param i 0 to {@code spec().arrays().size()} - 1
   * @return always the same object
   * @throws IndexOutOfBoundsException if there is no such array
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public HostArray array(int i) {
    access.check(null);
    if (i < 0 || i >= arrays.length) {
      throw spec.noSuchArray(i);
    }
    return arrays[i];
  }

  /**
   * Says that only the first samples of this batch count, as in the last one of an epoch. Without a
   * call all do: the first dimension of the first array as specified, also where that array is
   * variable and was resized.
   *
   * <p>It concerns the arrays that have a row for each sample: those whose first dimension, as
   * specified, is that of the first array. What a consumer and a stage get of them has at most so
   * many rows, and behind these are zeros, whatever the target wrote there. An array that is as
   * long by chance, such as a weight for each of 32 classes in a batch of 32, is kept whole if it
   * is specified with a first dimension of 1: {@code [1, 32]}.
   *
   * <p>While the batch is filled its arrays keep their shape. So it makes no difference whether
   * this is called before or after they are written or {@linkplain HostArray#resize resized}.
   *
   * @param samples 1 to the first dimension of the first array; also 0 if all samples of the batch
   *     are bad ({@link #badSample}), of which at least one has been reported before. The batch is
   *     then left out, and counts in {@link LoaderStats#skips()}
   * @throws IllegalArgumentException if out of range
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public void size(int samples) {
    access.check(null);
    boolean allBad = samples == 0 && own.badSamples != null;
    if (!allBad && (samples < 1 || samples > spec.samples())) {
      throw new IllegalArgumentException(
          "a batch has 1 to "
              + spec.samples()
              + " samples, not "
              + samples
              + ": for none at all, say context.noMore()");
    }
    own.size = samples;
  }

  /** How many samples of the last fill count. */
  int size() {
    return own.size;
  }

  /**
   * Says that a sample is left out of this batch because it could not be made. What counts is then
   * said with {@link #size}. The batch carries the list of its bad samples ({@link
   * DeviceBatch#badSamples()}). They count in {@link LoaderStats#badSamples()}, and for an {@link
   * EpochTarget} against {@link EpochTarget#maxBadSamples}, when the batch is delivered. If this
   * fill fails, nothing of them remains.
   *
   * <p>Threads of the target's own must not call it at the same time.
   *
   * @param index which sample, for messages: in general its index in the data set
   * @param cause why it could not be made
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public void badSample(long index, Throwable cause) {
    access.check(null);
    BadSample sample = new BadSample(index, cause);
    if (own.badSamples == null) {
      own.badSamples = new ArrayList<>();
    }
    own.badSamples.add(sample);
  }

  /** What the last fill has left out. */
  List<BadSample> badSamples() {
    return own.badSamples == null ? List.of() : Collections.unmodifiableList(own.badSamples);
  }

  /**
   * Says how many samples of this batch only fill it up and repeat other ones, so that a consumer
   * can leave them out of a mean ({@link DeviceBatch#padded()}). They count in {@link #size}.
   *
   * @param samples 0 to one less than the first dimension of the first array
   * @throws IllegalArgumentException if out of range
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public void padded(int samples) {
    access.check(null);
    if (samples < 0 || samples >= spec.samples()) {
      throw new IllegalArgumentException(
          "of "
              + spec.samples()
              + " samples 0 to "
              + (spec.samples() - 1)
              + " can repeat others, not "
              + samples);
    }
    own.padded = samples;
  }

  /** How many samples of the last fill repeat others. */
  int padded() {
    return own.padded;
  }

  /**
   * A view of the same arrays that any thread may use until this fill returns; from then on every
   * use of it throws, also during later fills.
   *
   * <p>Called on the fill's thread, which must see the other threads done before {@code fill}
   * returns. Who writes which elements is for those threads to agree on; an array's shape is common
   * to all views, so resize first. An access costs a volatile read (about 2 ns), so write in bulk
   * where it matters.
   *
   * @return a new, small object
   * @throws IllegalStateException if called from another thread than the fill's, or after it
   */
  public HostBatch shared() {
    return new HostBatch(this, access.share());
  }

  /** The specification, for example {@code "{image: uint8 [16, 33], label: int32 [16]}"}. */
  @Override
  public String toString() {
    return spec.toString();
  }
}
