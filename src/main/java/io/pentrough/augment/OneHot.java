package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.DeviceKernel;
import java.util.Objects;
import java.util.Set;

/**
 * A stage that makes one-hot labels: an array with a channel for each class, which is 1 where the
 * label is that class and 0 elsewhere. Labels [n, ...] become [n, classes, ...].
 *
 * <pre>{@code
 * OneHot oneHot = OneHot.of("label", "classes", 4, DType.UINT8);
 * }</pre>
 *
 * <p>Labels may be of any integer type. A label that is negative or too large is no class, and is 0
 * in all channels. So a voxel to be ignored (often labelled 255 or -1) adds nothing to a loss that
 * sums over classes. The stage does not report such labels. Check labels in the target, which knows
 * the file's name.
 *
 * <p>Immutable. Any thread may use it, and several loaders at once.
 */
public final class OneHot implements BatchStage {

  private static final Set<DType> SIGNED =
      Set.of(DType.INT8, DType.INT16, DType.INT32, DType.INT64);

  private final String labels;
  private final String into;
  private final int classes;
  private final DType dtype;

  private OneHot(String labels, String into, int classes, DType dtype) {
    this.labels = Objects.requireNonNull(labels, "labels");
    this.into = Objects.requireNonNull(into, "into");
    this.classes = classes;
    this.dtype = Objects.requireNonNull(dtype, "dtype");
    if (classes < 1) {
      throw new IllegalArgumentException(
          "one-hot labels need at least 1 class, not " + classes + ": count class 0 too");
    }
    if (dtype != DType.FLOAT32 && dtype != DType.UINT8) {
      throw new IllegalArgumentException(
          "one-hot labels can be made as FLOAT32 or UINT8, not " + dtype);
    }
  }

  /**
   * Makes the stage.
   *
   * @param labels the name of the array with the labels
   * @param into the name of the array to make. If it is {@code labels}, the result replaces the
   *     labels; otherwise they stay
   * @param classes the number of classes, at least 1; they are counted from 0
   * @param dtype {@link DType#FLOAT32} or {@link DType#UINT8}
   * @return a new stage
   * @throws IllegalArgumentException if {@code classes} is below 1, or {@code dtype} another type
   */
  public static OneHot of(String labels, String into, int classes, DType dtype) {
    return new OneHot(labels, into, classes, dtype);
  }

  /**
   * The stage's name.
   *
   * @return a text with all options
   */
  @Override
  public String name() {
    return "OneHot of '%s' into '%s', %d classes, %s".formatted(labels, into, classes, dtype);
  }

  @Override
  public void declare(StageArrays arrays) {
    ArraySpec spec =
        Objects.requireNonNull(arrays, "arrays").reads(labels, AugmentArrays.LABEL_TYPES);
    if (spec.rank() == 0) {
      throw new IllegalArgumentException(
          "OneHot takes [n, ...], but '" + labels + "' is a single number: give it the shape [1]");
    }
    if (spec.isVariable()) {
      throw new IllegalArgumentException(
          "OneHot takes labels of the same shape in every batch, but '"
              + labels
              + "' is variable: declare it with array(...)");
    }
    if (!into.equals(labels)
        && arrays.all().stream().anyMatch(other -> other.name().equals(into))) {
      throw new IllegalArgumentException(
          "OneHot cannot make '" + into + "', because that array exists already: take a new name");
    }
    int[] shape = new int[spec.rank() + 1];
    shape[0] = spec.dimension(0);
    shape[1] = classes;
    System.arraycopy(spec.shape(), 1, shape, 2, spec.rank() - 1);
    arrays.makes(into, dtype, shape);
  }

  @Override
  public StageWork prepare(StageSlot slot) {
    ArraySpec spec = Objects.requireNonNull(slot, "slot").inSpec(labels);
    DeviceKernel kernel =
        slot.kernel(OneHotHostKernel.SOURCE, "oneHot")
            .set(0, slot.in(labels))
            .set(1, slot.out(into))
            .setInt(2, spec.elements())
            .setInt(3, spec.elements() / spec.dimension(0))
            .setInt(4, classes)
            .setInt(5, spec.dtype().bytes())
            .setInt(6, SIGNED.contains(spec.dtype()) ? 1 : 0)
            .setInt(7, dtype.bytes())
            .cover(spec.elements(), 256);
    return invocation -> kernel.launch(invocation.stream());
  }

  @Override
  public String toString() {
    return name();
  }
}
