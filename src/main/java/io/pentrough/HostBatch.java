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
 * <pre>{@code
 * BatchTarget target =
 *     (out, context) -> {
 *       out.array("image").set(0, values, 0, 2 * 784); // float32 [32, 784]
 *       out.array("label").setInt(0, 7); // int32 [32]
 *       out.array("label").setInt(1, 3);
 *       out.size(2); // the rest of the 32 samples does not count
 *     };
 * }</pre>
 *
 * <p>Each host slot has one object of this type, and uses it for every batch in the slot.
 *
 * <p><b>Threads.</b> This object and its arrays may be used on the thread that called {@code fill},
 * until {@code fill} returns. Any other use throws {@link IllegalStateException}. For threads of
 * your own, call {@link #concurrentView()}. No method blocks.
 */
public final class HostBatch {

  private final BatchSpec spec;
  private final Access access;
  private final HostArray[] arrays;

  /** Null without stages. */
  private final @Nullable StageParameters parameters;

  /** The slot's own batch: this object, or the one that this is a shared view of. */
  private final HostBatch own;

  /** How many samples count. Kept in the slot's own batch. */
  private int size;

  /** The samples that were left out; null if there are none. Kept in the slot's own batch. */
  private @Nullable List<BadSample> badSamples;

  /** How many samples repeat others. Kept in the slot's own batch. */
  private int padded;

  /** Whether the running fill has asked for a stage's parameters. Kept in the slot's own batch. */
  private boolean parametersSeen;

  /**
   * The batch of a host slot. No fill runs yet.
   *
   * @param memory the slot: the header, and at least {@link BatchSpec#slotBytes()} behind it
   * @param headerBytes the size of the stages' parameters, which come before the arrays
   * @param parameters the stages' parameters, null without stages
   */
  HostBatch(
      BatchSpec spec, PinnedBuffer memory, long headerBytes, @Nullable StageParameters parameters) {
    this.spec = spec;
    this.parameters = parameters;
    this.own = this;
    this.access = new Access(spec);
    this.arrays = new HostArray[spec.arrays().size()];
    ByteBuffer slot = memory.unsafeBuffer();
    for (int i = 0; i < arrays.length; i++) {
      ArraySpec array = spec.array(i);
      ByteBuffer bytes =
          slot.slice((int) (headerBytes + array.offset()), (int) array.bytes())
              .order(ByteOrder.nativeOrder());
      arrays[i] = new HostArray(access.extent(i), bytes, access);
    }
  }

  private HostBatch(HostBatch original, Access access) {
    this.spec = original.spec;
    this.own = original.own;
    this.parameters = original.parameters;
    this.access = access;
    this.arrays = new HostArray[original.arrays.length];
    for (int i = 0; i < arrays.length; i++) {
      arrays[i] = new HostArray(original.arrays[i], access);
    }
  }

  /** A fill begins on this thread. Every array has its maximum shape. Allocates nothing. */
  void open() {
    access.open();
    size = spec.samples();
    badSamples = null; // it has gone with the batch
    padded = 0;
    parametersSeen = false;
  }

  /** The fill has returned or thrown. Called on the thread that opened. */
  void close() {
    access.close();
  }

  /**
   * The parameters that a stage has drawn for this batch. They let a target fetch only what the
   * stage will need.
   *
   * @param stage one of the loader's stages
   * @return a new read-only buffer with the declared number of bytes, in native byte order, at
   *     position 0
   * @throws IllegalArgumentException if the loader does not have this stage
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
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
   * The bytes that the last fill used, up to the end of the last array that is not empty: what one
   * copy must carry.
   */
  long usedBytes() {
    for (int i = arrays.length - 1; i >= 0; i--) {
      if (access.extent(i).elements() > 0) {
        return spec.array(i).offset() + access.extent(i).bytes();
      }
    }
    return 0;
  }

  /**
   * Copies the shapes that the variable arrays have in the last fill.
   *
   * @param target one row per array, as long as the array's rank; only the rows of variable arrays
   *     are written
   */
  void copyShapesTo(int[][] target) {
    for (int i = 0; i < arrays.length; i++) {
      if (spec.array(i).isVariable()) {
        int[] shape = access.extent(i).shape();
        System.arraycopy(shape, 0, target[i], 0, shape.length);
      }
    }
  }

  /** Whether the last fill has asked for a stage's parameters, and may have left out the rest. */
  boolean parametersSeen() {
    return own.parametersSeen;
  }

  /** An array in its maximum shape, unguarded. */
  ByteBuffer bytes(int array) {
    return arrays[array].bytes();
  }

  /** Fills the memory after an array's present shape with zeros. */
  void clearBehind(int array) {
    arrays[array].fillZeroBehind();
  }

  /** How many elements an array has in the last fill, including rows that do not count. */
  int elements(int array) {
    return access.extent(array).elements();
  }

  /** Fills the rows that do not count with zeros. For the end of a fill, on its thread. */
  void clearOtherRows() {
    if (own.size == spec.samples()) {
      return;
    }
    for (int i = 0; i < arrays.length; i++) {
      int rows = spec.hasRowPerSample(spec.array(i)) ? access.extent(i).shape()[0] : 0;
      if (rows > own.size) {
        arrays[i].fillZero(access.extent(i).elements() / rows * own.size);
      }
    }
  }

  /**
   * The specification of the arrays. May be called at any time, from any thread.
   *
   * @return the loader's specification
   */
  public BatchSpec spec() {
    return spec;
  }

  /**
   * Returns the array with this name.
   *
   * @param name a name of the specification
   * @return the array; always the same object
   * @throws IllegalArgumentException if no array has this name; the message lists the names
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
   */
  public HostArray array(String name) {
    return array(spec.indexOf(name));
  }

  /**
   * Returns the array with this index in the specification.
   *
   * @param i 0 to {@code spec().arrays().size() - 1}
   * @return the array; always the same object
   * @throws IndexOutOfBoundsException if the specification has no such array
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
   */
  public HostArray array(int i) {
    access.check(null);
    if (i < 0 || i >= arrays.length) {
      throw spec.noSuchArray(i);
    }
    return arrays[i];
  }

  /**
   * Says that only the first samples of this batch count, as in the last batch of an epoch. Without
   * a call all samples count. Their number is the specified first dimension of the first array,
   * even if that array is variable and was resized.
   *
   * <p>The call affects arrays with one row per sample. These are the arrays whose specified first
   * dimension equals that of the first array. Consumers and stages see at most {@code samples} rows
   * of them. The library fills the remaining rows with zeros, whatever the target wrote there.
   *
   * <p>An array may have the same first dimension by chance, such as a weight for each of 32
   * classes in a batch of 32. To keep it whole, specify it with a first dimension of 1: {@code [1,
   * 32]}.
   *
   * <p>The arrays keep their shape until {@code fill} returns. So you may call this before or after
   * you write or {@linkplain HostArray#resize resize} them.
   *
   * @param samples 1 to the specified first dimension of the first array. 0 is allowed if all
   *     samples of the batch are bad and at least one has been reported ({@link #badSample}). The
   *     batch is then left out, and counts in {@link LoaderStats#skips()}
   * @throws IllegalArgumentException if out of range
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
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
              + ": for none at all, say context.endOfEpoch()");
    }
    own.size = samples;
  }

  /** How many samples of the last fill count. */
  int size() {
    return own.size;
  }

  /**
   * Says that a sample is left out of this batch because it could not be made. Call {@link #size}
   * afterwards to say how many samples count. The batch carries the list of its bad samples ({@link
   * DeviceBatch#badSamples()}). They count in {@link LoaderStats#badSamples()} when the batch is
   * delivered, and for an {@link EpochTarget} against {@link EpochTarget#maxBadSamples}. If this
   * fill fails, they are forgotten.
   *
   * <p>Only one thread at a time may call this.
   *
   * @param index which sample, for messages: in general its index in the dataset
   * @param cause why it could not be made
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
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
   * Says how many samples of this batch repeat other samples only to fill it up. A consumer can
   * then leave them out of a mean ({@link DeviceBatch#padded()}). They are the last ones of {@link
   * #size}. If they are more than that, the fill fails.
   *
   * @param samples 0 to one less than the first dimension of the first array
   * @throws IllegalArgumentException if out of range
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
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

  /** Refuses more repeated samples than count. The two calls may come in either order. */
  void requireConsistent() {
    if (own.padded > own.size) {
      throw new IllegalStateException(
          "padded("
              + own.padded
              + ") says that more samples repeat others than the "
              + own.size
              + " that count: those of padded are the last ones of size");
    }
  }

  /** How many samples of the last fill repeat others. */
  int padded() {
    return own.padded;
  }

  /**
   * A view of the same arrays that any thread may use until this fill returns. Every later use of
   * the view throws, also during later fills.
   *
   * <p>Call this on the fill's thread. Before {@code fill} returns, wait for the other threads to
   * finish with the view. The library does not synchronise their writes. All views share an array's
   * shape, so resize before you start the threads. Each access to a view costs a volatile read
   * (about 2 ns), so write in bulk.
   *
   * @return a new, small object
   * @throws IllegalStateException if called on another thread than the fill's, or after the fill
   */
  public HostBatch concurrentView() {
    return new HostBatch(this, access.share());
  }

  /** The specification, for example {@code "{image: uint8 [16, 33], label: int32 [16]}"}. */
  @Override
  public String toString() {
    return spec.toString();
  }
}
