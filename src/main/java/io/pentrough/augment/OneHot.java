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
 * A stage that makes an array with a channel for each class from labels: 1 where the label is that
 * class, 0 elsewhere. Labels [n, ...] become [n, classes, ...].
 *
 * <p>Labels may be of any integer type. A label that is no class, being negative or too large, is 0
 * in all channels: so a voxel that is not to count (often 255 or -1) adds nothing to a loss that is
 * a sum over classes. They are not counted; check labels in the target, where the file's name is
 * known.
 *
 * <p>Immutable; may be used from any thread and by several loaders.
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
   * One-hot labels in an array of their own.
   *
   * @param labels the name of the labels, which stay
   * @param into the name of what is made; if it is that of the labels, it takes their place
   * @param classes how many there are, from 0
   * @param dtype {@link DType#FLOAT32} or {@link DType#UINT8}
   * @return a new stage
   * @throws IllegalArgumentException if there is no class, or for another type
   */
  public static OneHot of(String labels, String into, int classes, DType dtype) {
    return new OneHot(labels, into, classes, dtype);
  }

  /**
   * What it does.
   *
   * @return with all options: other options make other batches
   */
  @Override
  public String name() {
    return "OneHot of '%s' into '%s', %d classes, %s".formatted(labels, into, classes, dtype);
  }

  @Override
  public void declare(StageArrays arrays) {
    ArraySpec spec =
        Objects.requireNonNull(arrays, "arrays")
            .reads(
                labels,
                DType.INT8,
                DType.UINT8,
                DType.INT16,
                DType.UINT16,
                DType.INT32,
                DType.UINT32,
                DType.INT64,
                DType.UINT64);
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
        && arrays.all().stream().anyMatch(there -> there.name().equals(into))) {
      throw new IllegalArgumentException(
          "OneHot is to make '" + into + "', but there is such an array already: take a new name");
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
        slot.kernel(OneHotTwin.SOURCE, "oneHot")
            .set(0, slot.in(labels))
            .set(1, slot.out(into))
            .setInt(2, spec.elements())
            .setInt(3, spec.elements() / spec.dimension(0))
            .setInt(4, classes)
            .setInt(5, spec.dtype().bytes())
            .setInt(6, SIGNED.contains(spec.dtype()) ? 1 : 0)
            .setInt(7, dtype.bytes())
            .cover(spec.elements(), 256);
    return run -> kernel.launch(run.stream());
  }

  @Override
  public String toString() {
    return name();
  }
}
