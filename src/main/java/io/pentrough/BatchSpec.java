package io.pentrough;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The arrays of a batch and how they lie in a slot: in the order they were named, each at a
 * multiple of 256 bytes.
 *
 * <pre>{@code
 * BatchSpec spec =
 *     BatchSpec.builder()
 *         .array("image", DType.UINT8, 32, 3, 224, 224) // slowest axis first
 *         .array("label", DType.INT32, 32)
 *         .variableArray("boxes", DType.FLOAT32, 1000, 4) // at most 1,000 rows
 *         .build();
 * }</pre>
 *
 * <p>Immutable; equal if the arrays are equal and in the same order.
 *
 * <p><b>Threads.</b> Any.
 */
public final class BatchSpec {

  /** What CUDA's allocations are aligned to, so that a slot's arrays are as well aligned alone. */
  private static final long ALIGNMENT = 256;

  /** One slot is one buffer of the JDK, whose indexes are ints. */
  static final long MAX_SLOT_BYTES = 1L << 30;

  private final List<ArraySpec> arrays;
  private final long slotBytes;

  private BatchSpec(List<ArraySpec> arrays, long slotBytes) {
    this.arrays = List.copyOf(arrays);
    this.slotBytes = slotBytes;
  }

  /** Arrays that lie somewhere already. */
  static BatchSpec of(List<ArraySpec> arrays, long slotBytes) {
    return new BatchSpec(arrays, slotBytes);
  }

  /**
   * Begins a description.
   *
   * @return a builder without arrays
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * All arrays, in the order they were named.
   *
   * @return an immutable list, never empty
   */
  public List<ArraySpec> arrays() {
    return arrays;
  }

  /**
   * One array by its index.
   *
   * @param i 0 to {@code arrays().size()} - 1
   * @return the array
   * @throws IndexOutOfBoundsException if there is no such array
   */
  public ArraySpec array(int i) {
    if (i < 0 || i >= arrays.size()) {
      throw noSuchArray(i);
    }
    return arrays.get(i);
  }

  IndexOutOfBoundsException noSuchArray(int i) {
    return new IndexOutOfBoundsException(
        "there is no array " + i + " in this batch: it has " + arrays.size() + ", counted from 0");
  }

  /**
   * One array by its name.
   *
   * @param name a name given to the builder
   * @return the array
   * @throws IllegalArgumentException if there is none with that name; the message lists the names
   */
  public ArraySpec array(String name) {
    return arrays.get(indexOf(name));
  }

  /**
   * The index of an array, without allocating.
   *
   * @param name a name given to the builder
   * @return 0 to {@code arrays().size()} - 1
   * @throws IllegalArgumentException if there is none with that name; the message lists the names
   */
  public int indexOf(String name) {
    int i = find(arrays, Objects.requireNonNull(name, "name"));
    if (i < 0) {
      throw new IllegalArgumentException(
          "there is no array '"
              + name
              + "' in this batch, only "
              + arrays.stream().map(a -> "'" + a.name() + "'").collect(Collectors.joining(", ")));
    }
    return i;
  }

  /** A batch has a handful of arrays: looking at each is faster than a map. */
  private static int find(List<ArraySpec> arrays, String name) {
    for (int i = 0; i < arrays.size(); i++) {
      if (arrays.get(i).name().equals(name)) {
        return i;
      }
    }
    return -1;
  }

  /**
   * The size of a slot: all arrays, each rounded up to 256 bytes.
   *
   * @return the size in bytes, a multiple of 256, at most 1 GiB
   */
  public long slotBytes() {
    return slotBytes;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other || (other instanceof BatchSpec that && arrays.equals(that.arrays));
  }

  @Override
  public int hashCode() {
    return arrays.hashCode();
  }

  /** The same arrays, each right after the one before; this if they lie so already. */
  BatchSpec packed() {
    long expected = 0;
    for (int i = 0; i < arrays.size(); i++) { // an iterator would be heap for each job
      if (arrays.get(i).offset() != expected) {
        return repacked();
      }
      expected += Builder.roundUp(arrays.get(i).bytes());
    }
    return slotBytes == expected ? this : repacked();
  }

  private BatchSpec repacked() {
    Builder builder = builder();
    for (ArraySpec array : arrays) {
      builder.add(array.name(), array.dtype(), array.shape(), array.isVariable());
    }
    return builder.build();
  }

  /** How many samples a full batch has: the first dimension of the first array. */
  int samples() {
    ArraySpec first = arrays.get(0);
    return first.rank() == 0 ? 1 : first.dimension(0);
  }

  /** Whether an array has a row for each sample: as many as the first array has. */
  boolean hasRowPerSample(ArraySpec array) {
    return array.rank() > 0 && array.dimension(0) == samples();
  }

  /** The arrays, for example {@code "{image: uint8 [16, 1, 33, 33, 33], label: int32 [16]}"}. */
  @Override
  public String toString() {
    return arrays.stream().map(ArraySpec::toString).collect(Collectors.joining(", ", "{", "}"));
  }

  /**
   * Collects the arrays of a batch. May be used again after {@link #build()}.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder {

    private final List<ArraySpec> arrays = new ArrayList<>();
    private long end;

    private Builder() {}

    /**
     * Adds an array that has the same shape in every batch.
     *
     * @param name not blank, and not yet taken
     * @param dtype the type of the elements
     * @param shape slowest dimension first, each at least 1, at most 2^31 - 1 elements together; no
     *     dimension for a scalar
     * @return this builder
     * @throws IllegalArgumentException if the name or the shape is not as described; nothing is
     *     added then
     */
    public Builder array(String name, DType dtype, int... shape) {
      return add(name, dtype, Objects.requireNonNull(shape, "shape"), false);
    }

    /**
     * Adds an array of which a batch may use less, down to nothing, along every dimension. Its slot
     * has room for the maximum.
     *
     * @param name not blank, and not yet taken
     * @param dtype the type of the elements
     * @param maxShape the largest shape: at least one dimension, else as for {@link #array}
     * @return this builder
     * @throws IllegalArgumentException if the name or the shape is not as described; nothing is
     *     added then
     */
    public Builder variableArray(String name, DType dtype, int... maxShape) {
      return add(name, dtype, Objects.requireNonNull(maxShape, "maxShape"), true);
    }

    private Builder add(String name, DType dtype, int[] shape, boolean variable) {
      ArraySpec array = new ArraySpec(name, dtype, shape.clone(), variable, end);
      if (find(arrays, name) >= 0) {
        throw new IllegalArgumentException(
            "the name '"
                + name
                + "' is taken: "
                + arrays.get(find(arrays, name))
                + "; choose another name");
      }
      end = Math.addExact(end, roundUp(array.bytes()));
      arrays.add(array);
      return this;
    }

    private static long roundUp(long bytes) {
      return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /**
     * Makes the description.
     *
     * @return the arrays added so far
     * @throws IllegalArgumentException if there is none, or a slot would exceed 1 GiB; the message
     *     names the largest array
     */
    public BatchSpec build() {
      if (arrays.isEmpty()) {
        throw new IllegalArgumentException(
            "a batch needs at least one array: add it with array(...)");
      }
      if (end > MAX_SLOT_BYTES) {
        ArraySpec largest =
            arrays.stream().max(Comparator.comparingLong(ArraySpec::bytes)).orElseThrow();
        throw new IllegalArgumentException(
            "a slot of "
                + end
                + " bytes is more than the "
                + MAX_SLOT_BYTES
                + " (1 GiB) it may have; its largest array is '"
                + largest.name()
                + "' with "
                + largest.bytes()
                + " bytes: take fewer samples in a batch, or a smaller type");
      }
      return new BatchSpec(arrays, end);
    }
  }
}
