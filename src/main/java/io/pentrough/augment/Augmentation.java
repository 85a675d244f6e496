package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchContext;
import io.pentrough.BatchStage;
import io.pentrough.HostBatch;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.DeviceKernel;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A stage that augments images and their labels on the device: geometry, grey values, noise and
 * cut-out, in one pass over the output.
 *
 * <pre>{@code
 * Augmentation augmentation =
 *     Augmentation.builder(spec.array("image"), Layout.NCYX) // uint8 [32, 3, 256, 256]
 *         .patch(1, 224, 224) // float32 [32, 3, 224, 224] comes out
 *         .crop(true)
 *         .flip(Axis.X)
 *         .scale(1 / 255f)
 *         .build();
 * }</pre>
 *
 * <p>The image may be of any integer type or float32, and becomes float32. The label may be of any
 * integer type, and becomes int32. The results replace the arrays of the same name. In a partial
 * batch the stage also processes the samples that do not count.
 *
 * <p>Each sample goes through these steps, in this order:
 *
 * <ol>
 *   <li>Flips, swaps of axes, a random offset in the source, and a {@link Warp}. Without a warp,
 *       each output voxel is exactly one source voxel. With a warp, images are interpolated
 *       linearly. Labels take the nearest voxel, the upper one of two that are equally near.
 *   <li>Grey values: the value times the channel's scale plus its bias, times contrast plus
 *       brightness, clipped to [0, 1], to the power gamma. NaN stays NaN. An infinity is clipped
 *       like any number, and stays if nothing is clipped. With a warp, a voxel that is not finite
 *       makes every output NaN or infinite that is interpolated from it.
 *   <li>Noise is added. Nothing is clipped after it.
 *   <li>Boxes are cut out of the image, not of the label.
 * </ol>
 *
 * <p><b>Image and label.</b> Their sources have the same middle, and so have their outputs.
 * Therefore both lengths must differ by an even number along each axis. A label is read at the same
 * point as the image's voxel, with the same arithmetic, so they stay aligned to the bit.
 *
 * <p><b>Middle.</b> Without {@link Builder#crop crop(true)} the patch lies in the middle of the
 * source. If the middle is between two voxels, the patch begins half a voxel before it.
 *
 * <p><b>How many samples.</b> A sample takes 104 bytes of parameters, and 12 more for each channel
 * and 24 for each box. A stage may have 1 MiB of parameters. That allows some 9,000 samples of one
 * channel.
 *
 * <p>Immutable. Any thread may use it, and several loaders at once.
 */
public final class Augmentation implements BatchStage {

  private final AugmentArrays arrays;
  final Geometry geometry;
  private final AugmentDraws draws;
  private final Outside outside;
  private final Noise noise;

  /** As in {@link AugmentCodes}. */
  private final int flags;

  private final String options;

  private Augmentation(Builder builder, AugmentArrays arrays, Geometry geometry, Boxes boxes) {
    int samples = arrays.samples;
    int channels = arrays.channels;
    Parameters.requireAtMost(Integer.MAX_VALUE, samples, boxes.count(), channels);
    this.arrays = arrays;
    this.geometry = geometry;
    GreyValues grey =
        new GreyValues(
            arrays.perChannel("scales", builder.scale),
            arrays.perChannel("biases", builder.bias),
            builder.contrast,
            builder.brightness,
            builder.clip,
            builder.gamma);
    draws = new AugmentDraws(samples, channels, geometry, boxes, grey);
    outside = new Outside(builder.border, builder.imageConstant, builder.labelConstant);
    noise = new Noise(builder.noise, builder.amplitude);
    Warp warp = geometry.warp();
    flags = grey.flags() | (warp != null && warp.perspective > 0 ? AugmentCodes.PERSPECTIVE : 0);
    // Positions contain this text: another text refuses them.
    options =
        String.join(
            "; ",
            "image " + arrays.image + " as " + arrays.layout,
            "label " + (arrays.label == null ? "none" : arrays.label),
            "patch " + arrays.patch + ", " + arrays.labelPatch,
            "place " + geometry.first() + " to " + geometry.last(),
            "flips " + geometry.flips() + ", swaps " + geometry.swaps(),
            "warp " + (warp == null ? "none" : warp),
            "border " + outside.border() + ", " + outside.image() + ", " + outside.label(),
            grey.toString(),
            "noise " + noise.kind() + " of " + noise.amplitude(),
            "cut-out " + boxes.count() + " of " + boxes.size() + ", " + boxes.value());
  }

  /**
   * Returns a builder of a stage that casts the image to float32 and does nothing else yet.
   *
   * @param image the array to read, as the batch's spec or the stage before has it: int8 to uint32,
   *     or float32, and not variable
   * @param layout the meaning of its dimensions
   * @return a builder
   * @throws IllegalArgumentException if the type, the shape or the layout does not fit
   */
  public static Builder builder(ArraySpec image, Layout layout) {
    return new Builder(
        Objects.requireNonNull(image, "image"), Objects.requireNonNull(layout, "layout"));
  }

  /** The image's name, and a hash of all options. */
  @Override
  public String name() {
    return "augmentation of " + arrays.image.name() + " " + Integer.toHexString(options.hashCode());
  }

  /**
   * All options.
   *
   * @return the same as {@link #toString()}
   */
  @Override
  public String description() {
    return options;
  }

  /** All options. */
  @Override
  public String toString() {
    return options;
  }

  @Override
  public void declare(StageArrays arrays) {
    this.arrays.declare(Objects.requireNonNull(arrays, "arrays"));
    Parameters.requireAtMost(
        Parameters.MAX_BYTES, draws.samples, draws.boxes.count(), draws.channels);
    arrays.parameters(draws.bytes());
  }

  @Override
  public void draw(BatchContext context, ByteBuffer parameters) {
    Objects.requireNonNull(parameters, "parameters");
    draw(Objects.requireNonNull(context, "context").random(), parameters);
  }

  void draw(RandomGenerator random, ByteBuffer parameters) {
    draws.draw(random, parameters);
  }

  /**
   * The part of the image's source that a sample is made of. A target need not fill the rest.
   *
   * @param batch the batch being filled, of a loader that has this stage
   * @param sample the index of the sample, from 0
   * @return a box within the source array, valid for all channels of the sample; empty if the stage
   *     reads only the border's constant
   * @throws IllegalArgumentException if the loader does not have this stage
   * @throws IllegalStateException as {@link HostBatch#parameters} throws it
   * @throws IndexOutOfBoundsException if a batch has no such sample
   */
  public SourceBox imageBox(HostBatch batch, int sample) {
    return imageBox(Objects.requireNonNull(batch, "batch").parameters(this), sample);
  }

  SourceBox imageBox(ByteBuffer parameters, int sample) {
    return SourceReach.ofImage(geometry, outside.border(), parameters, draws.offset(sample));
  }

  /**
   * The part of the label's source that a sample is made of, like {@link #imageBox}.
   *
   * @param batch the batch being filled, of a loader that has this stage
   * @param sample the index of the sample, from 0
   * @return a box within the label's source array
   * @throws IllegalArgumentException if the loader does not have this stage, or the stage no label
   * @throws IllegalStateException as {@link HostBatch#parameters} throws it
   * @throws IndexOutOfBoundsException if a batch has no such sample
   */
  public SourceBox labelBox(HostBatch batch, int sample) {
    return labelBox(Objects.requireNonNull(batch, "batch").parameters(this), sample);
  }

  SourceBox labelBox(ByteBuffer parameters, int sample) {
    if (arrays.label == null) {
      throw new IllegalArgumentException("this augmentation has no label: give it one, label(...)");
    }
    return SourceReach.ofLabel(
        geometry, arrays.labelPatch, outside.border(), parameters, draws.offset(sample));
  }

  @Override
  public StageWork prepare(StageSlot slot) {
    AugmentKernels kernels =
        new AugmentKernels(Objects.requireNonNull(slot, "slot"), geometry, draws, outside, flags);
    DeviceKernel imageKernel = kernels.image(arrays.image, noise);
    if (arrays.label == null) {
      return invocation -> imageKernel.launch(invocation.stream());
    }
    DeviceKernel labelKernel = kernels.label(arrays.label, arrays.labelPatch);
    return invocation -> {
      imageKernel.launch(invocation.stream());
      labelKernel.launch(invocation.stream());
    };
  }

  /** Builds an {@link Augmentation}. Not thread safe. */
  public static final class Builder {

    private final ArraySpec image;
    private final Layout layout;
    private final Size source;
    private @Nullable ArraySpec label;
    private Size patch;
    private @Nullable Size labelPatch;
    private final Set<Axis> flips = EnumSet.noneOf(Axis.class);
    private final Set<Axis> swaps = EnumSet.noneOf(Axis.class);
    private boolean crop;
    private @Nullable Warp warp;
    private Border border = Border.CLAMP;
    private float imageConstant;
    private int labelConstant;
    private float[] scale = {1};
    private float[] bias = {0};
    private Range contrast = Range.ONE;
    private Range brightness = Range.ZERO;
    private Range gamma = Range.ONE;
    private boolean clip;
    private int noise = AugmentCodes.NO_NOISE;
    private float amplitude;
    private @Nullable Size box;
    private int boxes = 1;
    private float cut;
    private boolean boxesDescribed;

    private Builder(ArraySpec image, Layout layout) {
      this.image = AugmentArrays.requireImage(image, layout);
      this.layout = layout;
      source = layout.sizeOf(image);
      patch = source;
    }

    /**
     * Augments a label array together with the image.
     *
     * @param label an array of any integer type, [n, z, y, x] or [n, y, x], with as many samples as
     *     the image; 64-bit labels lose their upper 32 bits
     * @return this
     * @throws IllegalArgumentException if the type or the shape does not fit, or it is the image
     */
    public Builder label(ArraySpec label) {
      this.label =
          AugmentArrays.requireLabel(Objects.requireNonNull(label, "label"), image, layout);
      return this;
    }

    /**
     * Sets the size of the image's output. Default: the size of its source.
     *
     * <p>Without a warp it must not be larger than the source. {@link #build} checks that.
     *
     * @param z the number of slices; 1 in two dimensions
     * @param y the number of rows
     * @param x the number of columns
     * @return this
     * @throws IllegalArgumentException if a number is below 1
     */
    public Builder patch(int z, int y, int x) {
      patch = Size.of("patch", z, y, x, layout);
      return this;
    }

    /**
     * Sets the size of the label's output. Default: the size of the image's output.
     *
     * @param z the number of slices; 1 in two dimensions
     * @param y the number of rows
     * @param x the number of columns
     * @return this
     * @throws IllegalArgumentException if a number is below 1
     */
    public Builder labelPatch(int z, int y, int x) {
      labelPatch = Size.of("label patch", z, y, x, layout);
      return this;
    }

    /**
     * Flips each of these axes with probability 1/2.
     *
     * @param axes the axes, in addition to those of earlier calls
     * @return this
     */
    public Builder flip(Axis... axes) {
      flips.addAll(axes(axes));
      return this;
    }

    private static List<Axis> axes(Axis... axes) {
      for (Axis axis : Objects.requireNonNull(axes, "axes")) {
        Objects.requireNonNull(axis, "axes: an element is null");
      }
      return List.of(axes);
    }

    /**
     * Puts these axes into a random order. Each order is equally probable.
     *
     * @param axes two or three axes, in addition to those of earlier calls. The image's output must
     *     be equally long along them, and so must the label's; {@link #build} checks that
     * @return this
     */
    public Builder swap(Axis... axes) {
      swaps.addAll(axes(axes));
      return this;
    }

    /**
     * Sets whether the patch comes from a random offset in the source instead of its middle. Each
     * offset at which image and label lie within their sources is equally probable. A warp is
     * applied after that. Default: false.
     *
     * @param crop true for a random offset
     * @return this
     */
    public Builder crop(boolean crop) {
      this.crop = crop;
      return this;
    }

    /**
     * Warps each sample.
     *
     * @param warp the warp to draw from
     * @return this
     */
    public Builder warp(Warp warp) {
      this.warp = Objects.requireNonNull(warp, "warp");
      return this;
    }

    /**
     * Sets what a warp reads outside of the source. Default {@link Border#CLAMP}.
     *
     * @param border what to read; with {@link Border#CONSTANT}, the constants of {@link
     *     #constantBorder}, else 0
     * @return this
     */
    public Builder border(Border border) {
      this.border = Objects.requireNonNull(border, "border");
      return this;
    }

    /**
     * Lets a warp read constants outside of the source: sets {@link Border#CONSTANT} and its
     * constants.
     *
     * @param image the constant for images, before grey values change; finite
     * @param label the constant for labels
     * @return this
     * @throws IllegalArgumentException if {@code image} is not finite
     */
    public Builder constantBorder(float image, int label) {
      imageConstant = Check.finite("the border's constant", image);
      labelConstant = label;
      return border(Border.CONSTANT);
    }

    /**
     * Multiplies the values by a factor. Default 1.
     *
     * @param perChannel one factor, or one for each channel; finite
     * @return this
     * @throws IllegalArgumentException if a factor is not finite
     */
    public Builder scale(float... perChannel) {
      scale = Check.finite("a scale", Objects.requireNonNull(perChannel, "perChannel"));
      return this;
    }

    /**
     * Adds a number to the scaled values. Default 0.
     *
     * @param perChannel one number, or one for each channel; finite
     * @return this
     * @throws IllegalArgumentException if a number is not finite
     */
    public Builder bias(float... perChannel) {
      bias = Check.finite("a bias", Objects.requireNonNull(perChannel, "perChannel"));
      return this;
    }

    /**
     * Changes grey values like ELEKTRONN2's {@code greyAugment}, independently for each sample and
     * channel: contrast 0.85 to 1.15, brightness -0.15 to 0.15, clipped to [0, 1], gamma 0.5 to 2.
     *
     * @return this
     */
    public Builder grey() {
      return contrast(0.85f, 1.15f).brightness(-0.15f, 0.15f).clip(true).gamma(0.5f, 2);
    }

    /**
     * Multiplies by a uniform random number, independent for each sample and channel. Default 1.
     *
     * @param low the smallest factor
     * @param high the largest factor
     * @return this
     * @throws IllegalArgumentException if the range is empty or not finite
     */
    public Builder contrast(float low, float high) {
      contrast = Range.of("the contrast", low, high);
      return this;
    }

    /**
     * Adds a uniform random number, independent for each sample and channel. Default 0.
     *
     * @param low the smallest number
     * @param high the largest number
     * @return this
     * @throws IllegalArgumentException if the range is empty or not finite
     */
    public Builder brightness(float low, float high) {
      brightness = Range.of("the brightness", low, high);
      return this;
    }

    /**
     * Sets whether values are clipped to [0, 1], after contrast and brightness. Default: false.
     *
     * @param clip true to clip
     * @return this
     */
    public Builder clip(boolean clip) {
      this.clip = clip;
      return this;
    }

    /**
     * Raises to a random power whose logarithm is uniform, independent for each sample and channel.
     * Default 1. Needs {@link #clip}.
     *
     * @param low the smallest exponent, above 0
     * @param high the largest exponent
     * @return this
     * @throws IllegalArgumentException if the range is empty, not finite, or reaches 0
     */
    public Builder gamma(float low, float high) {
      if (low <= 0) {
        throw new IllegalArgumentException(
            "gamma must be above 0, or black would not stay black; the range begins at " + low);
      }
      gamma = Range.of("gamma", low, high);
      return this;
    }

    /**
     * Adds noise that is uniform in (-amplitude, amplitude), independent for each element. Replaces
     * Gaussian noise.
     *
     * @param amplitude the largest magnitude, in the output's values; finite, at least 0
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder uniformNoise(float amplitude) {
      return noise(AugmentCodes.UNIFORM, amplitude);
    }

    /**
     * Adds noise that is normally distributed, independent for each element. It ends at 5.3
     * standard deviations. Replaces uniform noise.
     *
     * @param deviation the standard deviation; finite, at least 0
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder gaussianNoise(float deviation) {
      return noise(AugmentCodes.GAUSSIAN, deviation);
    }

    private Builder noise(int kind, float amplitude) {
      Check.range("the noise", amplitude, 0, Float.MAX_VALUE);
      noise = amplitude == 0 ? AugmentCodes.NO_NOISE : kind;
      this.amplitude = amplitude;
      return this;
    }

    /**
     * Fills boxes of this size, at random offsets in the image's output, with a constant. Boxes may
     * overlap. They must not be larger than the patch; {@link #build} checks that. Default: none.
     * {@link #cutOutBoxes} sets how many there are, and {@link #cutOutValue} sets their value.
     *
     * @param z their length along z; 1 in two dimensions
     * @param y their length along y
     * @param x their length along x
     * @return this
     * @throws IllegalArgumentException if an argument is out of range
     */
    public Builder cutOut(int z, int y, int x) {
      box = Size.of("box", z, y, x, layout);
      return this;
    }

    /**
     * Sets how many boxes {@link #cutOut} puts into each sample. Default 1.
     *
     * @param boxes the number of boxes in each sample, 0 to 16
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder cutOutBoxes(int boxes) {
      this.boxes = (int) Check.range("the number of boxes", boxes, 0, 16);
      boxesDescribed = true;
      return this;
    }

    /**
     * Sets the constant that {@link #cutOut} fills its boxes with. Default 0.
     *
     * @param value the constant, in the output's values; finite
     * @return this
     * @throws IllegalArgumentException if it is not finite
     */
    public Builder cutOutValue(float value) {
      cut = Check.finite("the value of boxes", value);
      boxesDescribed = true;
      return this;
    }

    /**
     * Makes the stage.
     *
     * @return a new stage
     * @throws IllegalArgumentException if options contradict each other or the arrays; the message
     *     says which
     */
    public Augmentation build() {
      Size labelSize = labelPatch == null ? patch : labelPatch;
      if (label == null && labelPatch != null) {
        throw new IllegalArgumentException(
            "there is a label patch, but no label: give it, label(...)");
      }
      if (!gamma.equals(Range.ONE) && !clip) {
        throw new IllegalArgumentException(
            "gamma needs values in [0, 1]: call clip(true) too, or leave gamma out");
      }
      Boxes boxes = boxes();
      Size labelSource = label == null ? null : layout.sizeOf(label);
      Geometry geometry =
          new Placement(source, patch, labelSource, labelSize, warp, crop)
              .geometry(flips, swaps, layout.hasZ);
      return new Augmentation(
          this, new AugmentArrays(image, label, layout, patch, labelSize), geometry, boxes);
    }

    private Boxes boxes() {
      if (box != null) {
        return new Boxes(boxes, box, cut).within(patch);
      }
      if (boxesDescribed) {
        throw new IllegalArgumentException(
            "cutOutBoxes and cutOutValue need the size of the boxes: give it, cutOut(z, y, x), or"
                + " leave them out");
      }
      return Boxes.NONE;
    }
  }
}
