package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.DType;
import io.pentrough.StageArrays;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The arrays that an {@link Augmentation} takes, and those that it makes of them. Immutable. */
final class AugmentArrays {

  private static final int MAX_SAMPLES = 65_535;

  private static final DType[] IMAGE_TYPES = {
    DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32, DType.UINT32, DType.FLOAT32
  };

  static final DType[] LABEL_TYPES = {
    DType.INT8,
    DType.UINT8,
    DType.INT16,
    DType.UINT16,
    DType.INT32,
    DType.UINT32,
    DType.INT64,
    DType.UINT64
  };

  final ArraySpec image;
  final @Nullable ArraySpec label;
  final Layout layout;
  final Size patch;
  final Size labelPatch;
  final int samples;
  final int channels;

  /**
   * Arrays that have been checked.
   *
   * @param patch the size of the image's output
   * @param labelPatch the size of the label's output; the image's without a label
   */
  AugmentArrays(
      ArraySpec image, @Nullable ArraySpec label, Layout layout, Size patch, Size labelPatch) {
    this.image = image;
    this.label = label;
    this.layout = layout;
    this.patch = patch;
    this.labelPatch = labelPatch;
    samples = image.dimension(0);
    channels = layout.hasChannels ? image.dimension(1) : 1;
  }

  /** Returns the array if it may be the image. */
  static ArraySpec requireImage(ArraySpec image, Layout layout) {
    requireType("image", image, IMAGE_TYPES);
    if (image.rank() != layout.rank) {
      throw new IllegalArgumentException(
          "the layout "
              + layout
              + " has "
              + layout.rank
              + " dimensions, but the array is "
              + image
              + ": choose the layout of as many");
    }
    if (image.dimension(0) > MAX_SAMPLES) {
      throw new IllegalArgumentException(
          "'"
              + image.name()
              + "' has "
              + image.dimension(0)
              + " samples; an augmentation takes at most "
              + MAX_SAMPLES
              + ": make the batch smaller");
    }
    return image;
  }

  /** Returns the array if it may be the label of this image. */
  static ArraySpec requireLabel(ArraySpec label, ArraySpec image, Layout layout) {
    requireType("label", label, LABEL_TYPES);
    if (label.name().equals(image.name())) {
      throw new IllegalArgumentException(
          "the array '"
              + label.name()
              + "' is declared twice, as image and as label: give another as label");
    }
    int rank = layout.hasZ ? 4 : 3;
    if (label.rank() != rank || label.dimension(0) != image.dimension(0)) {
      throw new IllegalArgumentException(
          "the label must be "
              + (layout.hasZ ? "[n, z, y, x]" : "[n, y, x]")
              + " with the image's "
              + image.dimension(0)
              + " samples, but the array is "
              + label);
    }
    return label;
  }

  private static void requireType(String what, ArraySpec array, DType[] types) {
    if (!Arrays.asList(types).contains(array.dtype())) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " may be any of "
              + Arrays.toString(types)
              + ", but the array is "
              + array);
    }
    if (array.isVariable()) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " must have the same shape in every batch, but the array is variable: "
              + array);
    }
  }

  /**
   * A value for each channel.
   *
   * @param what the values' name, for the message
   * @param given one value, or one for each channel
   */
  float[] perChannel(String what, float[] given) {
    if (given.length == channels) {
      return given;
    }
    if (given.length != 1) {
      throw new IllegalArgumentException(
          "there are "
              + given.length
              + " "
              + what
              + ", but '"
              + image.name()
              + "' has "
              + channels
              + " channels: give one, or one for each");
    }
    float[] all = new float[channels];
    Arrays.fill(all, given[0]);
    return all;
  }

  /** Declares what is read and made, if the loader's arrays are the same as these. */
  void declare(StageArrays arrays) {
    requireSame(image, arrays.reads(image.name()));
    arrays.makes(image.name(), DType.FLOAT32, shape(patch, layout.hasChannels));
    if (label != null) {
      requireSame(label, arrays.reads(label.name()));
      arrays.makes(label.name(), DType.INT32, shape(labelPatch, false));
    }
  }

  private static void requireSame(ArraySpec expected, ArraySpec found) {
    if (found.dtype() != expected.dtype()
        || found.isVariable()
        || !Arrays.equals(found.shape(), expected.shape())) {
      throw new IllegalArgumentException(
          "this augmentation was built for "
              + expected
              + ", but the loader has "
              + found
              + ": build it with an array of the loader's BatchSpec");
    }
  }

  private int[] shape(Size size, boolean withChannels) {
    List<Integer> shape = new ArrayList<>(List.of(samples));
    if (withChannels) {
      shape.add(channels);
    }
    if (layout.hasZ) {
      shape.add(size.z());
    }
    shape.add(size.y());
    shape.add(size.x());
    return shape.stream().mapToInt(Integer::intValue).toArray();
  }
}
