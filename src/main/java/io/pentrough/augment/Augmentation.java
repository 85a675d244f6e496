package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchContext;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.HostBatch;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.DeviceKernel;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A stage that makes float32 images of any integer or float32 images, and int32 labels of any
 * integer labels: geometry, grey values, noise and cut-out in one pass over the output. Each array
 * takes the place of the one it is made of. All samples are treated, also those of a partial batch
 * that do not count.
 *
 * <p>For each sample, in this order:
 *
 * <ol>
 *   <li>flips, swaps of axes, a random place in the source, and a {@link Warp}. Without a warp each
 *       output voxel is a source voxel, exactly; with one, images are interpolated linearly, and of
 *       labels the nearest is taken (of two equally near ones the upper).
 *   <li>grey values: value * scale + bias of the channel; that times contrast plus brightness;
 *       clipped to [0, 1]; to the power gamma. NaN stays NaN; an infinity is clipped like any
 *       number, and stays where nothing is clipped. With a warp, a voxel that is not finite makes
 *       those NaN or infinite that have it among the eight about their place.
 *   <li>noise is added; nothing is clipped after it.
 *   <li>boxes are cut out of the image, not of the label.
 * </ol>
 *
 * <p><b>Image and label.</b> Their sources have the same middle, and so have their outputs; so both
 * lengths must differ by an even number along each axis. A label is read at the very place that the
 * image's voxel is, in the same arithmetic, so they stay aligned to the bit.
 *
 * <p><b>Middle.</b> Without {@link Builder#crop crop(true)} the patch lies in the middle of the
 * source; where that is between two voxels, half a voxel before it.
 *
 * <p><b>How many.</b> A sample takes 104 bytes of parameters, 12 more for each channel and 24 for
 * each box; a stage may have 1 MiB of them in all, some 9,000 samples of one channel.
 *
 * <p>Immutable, and may be used by several loaders at once, from any thread.
 */
public final class Augmentation implements BatchStage {

  private static final int MOST_SAMPLES = 65_535;

  /** What a stage may have. */
  private static final long MOST_PARAMETER_BYTES = 1 << 20;

  private static final DType[] IMAGE_TYPES = {
    DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32, DType.UINT32, DType.FLOAT32
  };

  private static final DType[] LABEL_TYPES = {
    DType.INT8,
    DType.UINT8,
    DType.INT16,
    DType.UINT16,
    DType.INT32,
    DType.UINT32,
    DType.INT64,
    DType.UINT64
  };

  private final ArraySpec image;
  private final @Nullable ArraySpec label;
  private final Layout layout;
  private final int samples;
  private final int channels;
  private final Size labelPatch;
  final Geometry geometry;
  private final Border border;
  private final float imageConstant;
  private final int labelConstant;
  private final float[] scale;
  private final float[] bias;
  private final Range contrast;
  private final Range brightness;
  private final Range gamma;
  private final boolean clip;
  private final int noise;
  private final float amplitude;
  private final int boxes;
  private final Size box;
  private final float cut;
  private final int words;
  private final String options;

  /** Scratch of the thread that draws. */
  private final ThreadLocal<Geometry.Draft> drafts = ThreadLocal.withInitial(Geometry.Draft::new);

  /** A range that is drawn from, both ends included. */
  private record Range(float low, float high) {

    static Range of(String what, float low, float high) {
      Check.finite("the lower end of " + what, low);
      Check.finite("the upper end of " + what, high);
      if (low > high) {
        throw new IllegalArgumentException(
            "the range of "
                + what
                + " is empty: "
                + low
                + " is above "
                + high
                + "; exchange the two");
      }
      return new Range(low, high);
    }

    double at(double unit) {
      return low + unit * ((double) high - low);
    }

    @Override
    public String toString() {
      return low + " to " + high;
    }
  }

  private Augmentation(Builder builder, Geometry geometry, Size labelPatch) {
    image = builder.image;
    label = builder.label;
    layout = builder.layout;
    samples = image.dimension(0);
    channels = layout.hasChannels ? image.dimension(1) : 1;
    requireParameters(samples, channels, builder.boxes(), Integer.MAX_VALUE);
    words = Parameters.words(builder.boxes(), channels);
    this.labelPatch = labelPatch;
    this.geometry = geometry;
    border = builder.border;
    imageConstant = builder.imageConstant;
    labelConstant = builder.labelConstant;
    scale = perChannel("scales", builder.scale);
    bias = perChannel("biases", builder.bias);
    contrast = builder.contrast;
    brightness = builder.brightness;
    gamma = builder.gamma;
    clip = builder.clip;
    noise = builder.noise;
    amplitude = builder.amplitude;
    boxes = builder.boxes();
    box = builder.box == null ? new Size(0, 0, 0) : builder.box;
    cut = builder.cut;
    options =
        String.join(
            "; ",
            "image " + image + " as " + layout,
            "label " + (label == null ? "none" : label),
            "patch " + geometry.patch() + ", " + labelPatch,
            "place " + geometry.first() + " to " + geometry.last(),
            "flips " + geometry.flips() + ", swaps " + geometry.swaps(),
            "warp " + (geometry.warp() == null ? "none" : geometry.warp()),
            "border " + border + ", " + imageConstant + ", " + labelConstant,
            "scale " + Arrays.toString(scale) + ", bias " + Arrays.toString(bias),
            "contrast " + contrast + ", brightness " + brightness,
            "clip " + clip + ", gamma " + gamma,
            "noise " + noise + " of " + amplitude,
            "cut-out " + boxes + " of " + box + ", " + cut);
  }

  private static void requireParameters(int samples, int channels, int boxes, long most) {
    long bytes = Parameters.bytes(samples, boxes, channels);
    if (bytes > most) {
      throw new IllegalArgumentException(
          "%d samples of %d channels with %d boxes take %d bytes of parameters, and a stage may have %d: take fewer samples in a batch, or fewer boxes"
              .formatted(samples, channels, boxes, bytes, MOST_PARAMETER_BYTES));
    }
  }

  private float[] perChannel(String what, float[] given) {
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

  /**
   * Begins with a cast to float32, and nothing else.
   *
   * @param image the array to read, as the batch's spec, or the stage before, has it: int8 to
   *     uint32, or float32
   * @param layout what its dimensions mean
   * @return a builder
   * @throws IllegalArgumentException if type, shape or layout will not do
   */
  public static Builder builder(ArraySpec image, Layout layout) {
    return new Builder(
        Objects.requireNonNull(image, "image"), Objects.requireNonNull(layout, "layout"));
  }

  /** Made of the image's name and a digest of all options. */
  @Override
  public String name() {
    return "augmentation of " + image.name() + " " + Integer.toHexString(options.hashCode());
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
    requireSame(image, Objects.requireNonNull(arrays, "arrays").reads(image.name()));
    arrays.makes(image.name(), DType.FLOAT32, shape(geometry.patch(), layout.hasChannels));
    if (label != null) {
      requireSame(label, arrays.reads(label.name()));
      arrays.makes(label.name(), DType.INT32, shape(labelPatch, false));
    }
    requireParameters(samples, channels, boxes, MOST_PARAMETER_BYTES);
    arrays.parameters(Integer.BYTES * words * samples);
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

  @Override
  public void draw(BatchContext context, ByteBuffer parameters) {
    Objects.requireNonNull(parameters, "parameters");
    draw(Objects.requireNonNull(context, "context").random(), parameters);
  }

  void draw(RandomGenerator random, ByteBuffer parameters) {
    Geometry.Draft draft = drafts.get();
    for (int n = 0; n < samples; n++) {
      int at = Integer.BYTES * words * n;
      geometry.draw(random, draft, parameters, at);
      parameters.putInt(at + 4 * Parameters.KEY, random.nextInt());
      parameters.putInt(at + 4 * (Parameters.KEY + 1), random.nextInt());
      for (int b = 0; b < boxes; b++) {
        for (int axis = 0; axis < 3; axis++) {
          int free = geometry.patch().along(axis) - box.along(axis);
          int begin = free == 0 ? 0 : random.nextInt(free + 1);
          int word = Parameters.BOXES + Parameters.BOX_WORDS * b + 2 * axis;
          parameters.putInt(at + 4 * word, begin);
          parameters.putInt(at + 4 * (word + 1), begin + box.along(axis));
        }
      }
      for (int c = 0; c < channels; c++) {
        drawGrey(random, parameters, at, c);
      }
    }
  }

  /** (v * scale + bias) * contrast + brightness as v * gain + offset. */
  private void drawGrey(RandomGenerator random, ByteBuffer parameters, int at, int c) {
    double factor = contrast.at(random.nextDouble());
    double summand = brightness.at(random.nextDouble());
    // As ELEKTRONN2 does: the logarithm is uniform.
    double low = StrictMath.log(gamma.low);
    double high = StrictMath.log(gamma.high);
    double exponent = StrictMath.exp(low + random.nextDouble() * (high - low));
    int word = Parameters.BOXES + Parameters.BOX_WORDS * boxes + Parameters.CHANNEL_WORDS * c;
    parameters.putFloat(at + 4 * word, (float) (scale[c] * factor));
    parameters.putFloat(at + 4 * (word + 1), (float) (bias[c] * factor + summand));
    parameters.putFloat(at + 4 * (word + 2), (float) exponent);
  }

  /**
   * Which part of the image's source a sample is made of: a target need not fill what is outside.
   *
   * @param batch the batch being filled, of a loader that has this stage
   * @param sample which sample, from 0
   * @return a box within the source array, empty if only the border's constant is read; in the
   *     sample, and the same for all channels
   * @throws IllegalArgumentException if the loader does not have this stage
   * @throws IllegalStateException as {@link HostBatch#parameters} throws it
   * @throws IndexOutOfBoundsException if there is no such sample
   */
  public SourceBox imageBox(HostBatch batch, int sample) {
    return imageBox(Objects.requireNonNull(batch, "batch").parameters(this), sample);
  }

  SourceBox imageBox(ByteBuffer parameters, int sample) {
    int at = Integer.BYTES * words * requireSample(sample);
    Size origin = new Size(0, 0, 0);
    return geometry.read(
        parameters, at, origin, geometry.patch(), false, origin, geometry.source(), border);
  }

  /**
   * Which part of the label's source a sample's labels are made of, like {@link #imageBox}.
   *
   * @param batch the batch being filled, of a loader that has this stage
   * @param sample which sample, from 0
   * @return a box within the label's source array
   * @throws IllegalArgumentException if the loader does not have this stage, or it has no label
   * @throws IllegalStateException as {@link HostBatch#parameters} throws it
   * @throws IndexOutOfBoundsException if there is no such sample
   */
  public SourceBox labelBox(HostBatch batch, int sample) {
    return labelBox(Objects.requireNonNull(batch, "batch").parameters(this), sample);
  }

  SourceBox labelBox(ByteBuffer parameters, int sample) {
    if (label == null) {
      throw new IllegalArgumentException("this augmentation has no label: give it one, label(...)");
    }
    int at = Integer.BYTES * words * requireSample(sample);
    return geometry.read(
        parameters,
        at,
        geometry.inset(),
        labelPatch,
        true,
        geometry.labelAt(),
        geometry.labelSource(),
        border);
  }

  private int requireSample(int sample) {
    if (sample < 0 || sample >= samples) {
      throw new IndexOutOfBoundsException(
          "there is no sample " + sample + ": a batch has " + samples + ", counted from 0");
    }
    return sample;
  }

  @Override
  public StageWork prepare(StageSlot slot) {
    DeviceKernel imageKernel = imageKernel(Objects.requireNonNull(slot, "slot"));
    if (label == null) {
      return run -> imageKernel.launch(run.stream());
    }
    DeviceKernel labelKernel = labelKernel(slot, label);
    return run -> {
      imageKernel.launch(run.stream());
      labelKernel.launch(run.stream());
    };
  }

  private DeviceKernel imageKernel(StageSlot slot) {
    boolean warps = geometry.warp() != null;
    DeviceKernel kernel =
        slot.kernel(AugmentTwins.SOURCE, warps ? "augmentWarp" : "augmentCrop")
            .set(0, slot.in(image.name()))
            .set(1, slot.out(image.name()))
            .set(2, slot.parameters())
            .setInt(3, words)
            .setInt(4, image.dtype().bytes())
            .setInt(5, kind(image.dtype()))
            .setInt(6, channels);
    set(kernel, 7, geometry.source());
    set(kernel, 10, geometry.patch());
    kernel
        .setInt(13, boxes)
        .setFloat(14, cut)
        .setInt(15, noise)
        .setFloat(16, amplitude)
        .setInt(17, flags());
    if (warps) {
      kernel.setInt(18, border.code).setFloat(19, imageConstant);
    }
    return spread(kernel, geometry.patch());
  }

  private DeviceKernel labelKernel(StageSlot slot, ArraySpec label) {
    boolean warps = geometry.warp() != null;
    DeviceKernel kernel =
        slot.kernel(AugmentTwins.SOURCE, warps ? "labelWarp" : "labelCrop")
            .set(0, slot.in(label.name()))
            .set(1, slot.out(label.name()))
            .set(2, slot.parameters())
            .setInt(3, words)
            .setInt(4, label.dtype().bytes())
            .setInt(5, kind(label.dtype()));
    set(kernel, 6, geometry.labelSource());
    set(kernel, 9, labelPatch);
    if (warps) {
      set(kernel, 12, geometry.inset());
      set(kernel, 15, geometry.labelAt());
      kernel.setInt(18, flags()).setInt(19, border.code).setInt(20, labelConstant);
    }
    return spread(kernel, labelPatch);
  }

  private static void set(DeviceKernel kernel, int parameter, Size size) {
    for (int axis = 0; axis < 3; axis++) {
      kernel.setInt(parameter + axis, size.along(axis));
    }
  }

  private DeviceKernel spread(DeviceKernel kernel, Size size) {
    boolean scattered = geometry.warp() != null || geometry.swaps().contains(Axis.X.number);
    return Spread.spread(kernel, size, samples, scattered);
  }

  private int flags() {
    Warp warp = geometry.warp();
    boolean gammas = gamma.low != 1 || gamma.high != 1;
    return (clip ? AugmentTwins.CLIP : 0)
        | (gammas ? AugmentTwins.GAMMA : 0)
        | (warp != null && warp.perspective > 0 ? AugmentTwins.PERSPECTIVE : 0);
  }

  private static int kind(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> AugmentTwins.FLOAT;
      case INT8, INT16, INT32, INT64 -> AugmentTwins.SIGNED;
      default -> AugmentTwins.UNSIGNED;
    };
  }

  /** Options of an {@link Augmentation}. Not thread safe. */
  public static final class Builder {

    private static final Range ONE = new Range(1, 1);

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
    private Range contrast = ONE;
    private Range brightness = new Range(0, 0);
    private Range gamma = ONE;
    private boolean clip;
    private int noise = AugmentTwins.NO_NOISE;
    private float amplitude;
    private @Nullable Size box;
    private int boxes = 1;
    private float cut;
    private boolean boxesDescribed;

    private Builder(ArraySpec image, Layout layout) {
      this.image = requireType("image", image, IMAGE_TYPES);
      this.layout = layout;
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
      if (image.dimension(0) > MOST_SAMPLES) {
        throw new IllegalArgumentException(
            "'"
                + image.name()
                + "' has "
                + image.dimension(0)
                + " samples; an augmentation takes at most "
                + MOST_SAMPLES
                + ": make the batch smaller");
      }
      source = size(image);
      patch = source;
    }

    private static ArraySpec requireType(String what, ArraySpec array, DType[] types) {
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
      return array;
    }

    private Size size(ArraySpec array) {
      int rank = array.rank();
      return new Size(
          layout.hasZ ? array.dimension(rank - 3) : 1,
          array.dimension(rank - 2),
          array.dimension(rank - 1));
    }

    /**
     * Treats a label array along with the image.
     *
     * @param label of any integer type, [n, z, y, x] or [n, y, x], with as many samples as the
     *     image; of wider ones the lower 32 bits are kept
     * @return this
     * @throws IllegalArgumentException if type or shape will not do, or it is the image itself
     */
    public Builder label(ArraySpec label) {
      requireType("label", Objects.requireNonNull(label, "label"), LABEL_TYPES);
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
      this.label = label;
      return this;
    }

    /**
     * How large the image's output is. Default: like its source.
     *
     * @param z slices; 1 in two dimensions
     * @param y rows
     * @param x columns
     * @return this
     * @throws IllegalArgumentException if a number is below 1, or above the source's while there is
     *     no warp, which {@link #build} finds
     */
    public Builder patch(int z, int y, int x) {
      patch = positive("patch", z, y, x);
      return this;
    }

    /**
     * How large the label's output is. Default: like the image's.
     *
     * @param z slices; 1 in two dimensions
     * @param y rows
     * @param x columns
     * @return this
     * @throws IllegalArgumentException if a number is below 1
     */
    public Builder labelPatch(int z, int y, int x) {
      labelPatch = positive("label patch", z, y, x);
      return this;
    }

    private Size positive(String what, int z, int y, int x) {
      if (z < 1 || y < 1 || x < 1 || (!layout.hasZ && z != 1)) {
        throw new IllegalArgumentException(
            "the "
                + what
                + " "
                + new Size(z, y, x)
                + " must be at least 1 along each axis"
                + (layout.hasZ ? "" : ", and z must be 1 in two dimensions"));
      }
      if ((long) y * x > Integer.MAX_VALUE / z) {
        throw new IllegalArgumentException(
            "the "
                + what
                + " "
                + new Size(z, y, x)
                + " has more than "
                + Integer.MAX_VALUE
                + " voxels: make it smaller");
      }
      return new Size(z, y, x);
    }

    /**
     * Flips each of these axes with probability 1/2.
     *
     * @param axes which
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
     * Puts these axes into a random order, each equally probable.
     *
     * @param axes two or three, along which the image's output is equally long, and the label's
     *     too, or {@link #build} refuses
     * @return this
     */
    public Builder swap(Axis... axes) {
      swaps.addAll(axes(axes));
      return this;
    }

    /**
     * Whether the patch comes from a random position instead of the middle. Each position where
     * image and label lie within their sources is equally probable. A warp is applied after that.
     * Default: false.
     *
     * @param crop true for a random position
     * @return this
     */
    public Builder crop(boolean crop) {
      this.crop = crop;
      return this;
    }

    /**
     * Warps.
     *
     * @param warp how
     * @return this
     */
    public Builder warp(Warp warp) {
      this.warp = Objects.requireNonNull(warp, "warp");
      return this;
    }

    /**
     * What a warp reads outside of the source. Default {@link Border#CLAMP}.
     *
     * @param border what; with {@link Border#CONSTANT}, the constants of {@link #constantBorder},
     *     else 0
     * @return this
     */
    public Builder border(Border border) {
      this.border = Objects.requireNonNull(border, "border");
      return this;
    }

    /**
     * Sets the border to {@link Border#CONSTANT} and gives its constants.
     *
     * @param image for images, in the source's values; finite
     * @param label for labels
     * @return this
     * @throws IllegalArgumentException if it is not finite
     */
    public Builder constantBorder(float image, int label) {
      imageConstant = Check.finite("the border's constant", image);
      labelConstant = label;
      return border(Border.CONSTANT);
    }

    /**
     * Multiplies the values. Default 1.
     *
     * @param perChannel one factor, or one for each channel; finite
     * @return this
     * @throws IllegalArgumentException if one is not finite
     */
    public Builder scale(float... perChannel) {
      scale = finite("a scale", Objects.requireNonNull(perChannel, "perChannel"));
      return this;
    }

    /**
     * Is added to the scaled values. Default 0.
     *
     * @param perChannel one number, or one for each channel; finite
     * @return this
     * @throws IllegalArgumentException if one is not finite
     */
    public Builder bias(float... perChannel) {
      bias = finite("a bias", Objects.requireNonNull(perChannel, "perChannel"));
      return this;
    }

    private static float[] finite(String what, float[] values) {
      for (float value : values) {
        Check.finite(what, value);
      }
      return values.clone();
    }

    /**
     * The grey values of ELEKTRONN2's {@code greyAugment}: contrast 0.85 to 1.15, brightness -0.15
     * to 0.15, clipped to [0, 1], gamma 0.5 to 2; for each sample and channel.
     *
     * @return this
     */
    public Builder grey() {
      return contrast(0.85f, 1.15f).brightness(-0.15f, 0.15f).clip(true).gamma(0.5f, 2);
    }

    /**
     * Multiplies by a uniform number, for each sample and channel. Default 1.
     *
     * @param low the least
     * @param high the largest
     * @return this
     * @throws IllegalArgumentException if the range is empty or not finite
     */
    public Builder contrast(float low, float high) {
      contrast = Range.of("the contrast", low, high);
      return this;
    }

    /**
     * Adds a uniform number, for each sample and channel. Default 0.
     *
     * @param low the least
     * @param high the largest
     * @return this
     * @throws IllegalArgumentException if the range is empty or not finite
     */
    public Builder brightness(float low, float high) {
      brightness = Range.of("the brightness", low, high);
      return this;
    }

    /**
     * Whether values are clipped to [0, 1], after contrast and brightness. Default: false.
     *
     * @param clip true to clip
     * @return this
     */
    public Builder clip(boolean clip) {
      this.clip = clip;
      return this;
    }

    /**
     * Raises to a power whose logarithm is uniform, for each sample and channel. Default 1. Needs
     * {@link #clip}.
     *
     * @param low the least, above 0
     * @param high the largest
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
     * Adds noise that is uniform in (-amplitude, amplitude), independent for each element.
     *
     * @param amplitude how much; finite, at least 0
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder uniformNoise(float amplitude) {
      return noise(AugmentTwins.UNIFORM, amplitude);
    }

    /**
     * Adds noise that is normally distributed, independent for each element; it ends at 5.3
     * standard deviations. Takes the place of uniform noise, and the other way round.
     *
     * @param deviation the standard deviation; finite, at least 0
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder gaussianNoise(float deviation) {
      return noise(AugmentTwins.GAUSSIAN, deviation);
    }

    private Builder noise(int kind, float amplitude) {
      Check.range("the noise", amplitude, 0, Float.MAX_VALUE);
      noise = amplitude == 0 ? AugmentTwins.NO_NOISE : kind;
      this.amplitude = amplitude;
      return this;
    }

    /**
     * Puts boxes of this size into the image, at random positions within the output. They may
     * overlap. Default: none. How many there are and what is in them, {@link #cutOutBoxes} and
     * {@link #cutOutValue} say.
     *
     * @param z their length along z; 1 in two dimensions
     * @param y their length along y
     * @param x their length along x
     * @return this
     * @throws IllegalArgumentException if out of range, or larger than the patch, which {@link
     *     #build} finds
     */
    public Builder cutOut(int z, int y, int x) {
      box = positive("box", z, y, x);
      return this;
    }

    /**
     * How many boxes {@link #cutOut} puts into each sample. Default 1.
     *
     * @param boxes 0 to 16
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder cutOutBoxes(int boxes) {
      this.boxes = (int) Check.range("the number of boxes", boxes, 0, 16);
      boxesDescribed = true;
      return this;
    }

    /**
     * What {@link #cutOut} puts into its boxes. Default 0.
     *
     * @param value in the output's values; finite
     * @return this
     * @throws IllegalArgumentException if it is not finite
     */
    public Builder cutOutValue(float value) {
      cut = Check.finite("the value of boxes", value);
      boxesDescribed = true;
      return this;
    }

    private int boxes() {
      return box == null ? 0 : boxes;
    }

    /**
     * Makes the stage.
     *
     * @return a stage
     * @throws IllegalArgumentException if options do not fit each other or the arrays; the message
     *     says which
     */
    public Augmentation build() {
      Size labelSource = label == null ? source : size(label);
      Size labelSize = labelPatch == null ? patch : labelPatch;
      if (label == null && labelPatch != null) {
        throw new IllegalArgumentException(
            "there is a label patch, but no label: give it, label(...)");
      }
      if (!gamma.equals(ONE) && !clip) {
        throw new IllegalArgumentException(
            "gamma needs values in [0, 1]: call clip(true) too, or leave gamma out");
      }
      requireBoxes();
      requireEqual(swaps, patch, labelSize);
      Size inset = halfDifference("outputs", patch, labelSize);
      Size labelAt = halfDifference("sources", source, labelSource);
      int[] first = new int[3];
      int[] last = new int[3];
      for (int a = 0; a < 3; a++) {
        place(a, inset.along(a), labelAt.along(a), labelSource, labelSize, first, last);
      }
      Geometry geometry =
          new Geometry(
              source,
              patch,
              inset,
              labelAt,
              labelSource,
              new Size(first[0], first[1], first[2]),
              new Size(last[0], last[1], last[2]),
              Arrays.stream(Axis.values()).map(flips::contains).toList(),
              swaps.stream().map(axis -> axis.number).toList(),
              warp,
              layout.hasZ);
      return new Augmentation(this, geometry, labelSize);
    }

    private void requireBoxes() {
      Size size = box;
      if (size == null) {
        if (boxesDescribed) {
          throw new IllegalArgumentException(
              "cutOutBoxes and cutOutValue need the size of the boxes: give it, cutOut(z, y, x), or"
                  + " leave them out");
        }
        return;
      }
      for (int a = 0; a < 3; a++) {
        if (boxes > 0 && size.along(a) > patch.along(a)) {
          throw new IllegalArgumentException(
              "a box of "
                  + size
                  + " does not fit into the patch of "
                  + patch
                  + ": make it smaller");
        }
      }
    }

    private static void requireEqual(Set<Axis> swaps, Size patch, Size labelPatch) {
      long lengths = swaps.stream().mapToInt(a -> patch.along(a.number)).distinct().count();
      long labels = swaps.stream().mapToInt(a -> labelPatch.along(a.number)).distinct().count();
      if (lengths > 1 || labels > 1) {
        throw new IllegalArgumentException(
            "the axes "
                + swaps
                + " cannot be swapped: they are not equally long in patches of "
                + patch
                + (lengths > 1 ? "" : " and labels of " + labelPatch)
                + "; make them so, or swap others");
      }
    }

    private static Size halfDifference(String what, Size image, Size label) {
      int[] half = new int[3];
      for (int a = 0; a < 3; a++) {
        int difference = image.along(a) - label.along(a);
        if (difference % 2 != 0) {
          throw new IllegalArgumentException(
              "the "
                  + what
                  + " of image and label, "
                  + image
                  + " and "
                  + label
                  + ", have no common middle: their lengths must differ by an even number");
        }
        half[a] = difference / 2;
      }
      return new Size(half[0], half[1], half[2]);
    }

    /** Where the patch may begin along an axis. */
    private void place(
        int a, int inset, int labelAt, Size labelSource, Size labelSize, int[] first, int[] last) {
      int room = source.along(a) - patch.along(a);
      if (warp == null && room < 0) {
        throw new IllegalArgumentException(
            "the patch of "
                + patch
                + " is larger than its source of "
                + source
                + ": make it smaller");
      }
      first[a] = Math.floorDiv(room, 2);
      last[a] = first[a];
      if (crop) {
        first[a] = Math.min(0, room);
        last[a] = Math.max(0, room);
      }
      if (label == null || (warp != null && !crop)) {
        return;
      }
      int least = labelAt - inset;
      int most = least + labelSource.along(a) - labelSize.along(a);
      if (crop) {
        first[a] = Math.max(first[a], least);
        last[a] = Math.min(last[a], most);
      }
      if (first[a] > last[a] || (warp == null && (first[a] < least || last[a] > most))) {
        throw new IllegalArgumentException(
            "the label patch of "
                + labelSize
                + " is larger than its source of "
                + labelSource
                + ", or lies outside of it: make it smaller");
      }
    }
  }
}
