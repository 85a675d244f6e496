package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchContext;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A stage that blurs each sample with a Gaussian of its own width.
 *
 * <pre>{@code
 * Blur.builder("image").sigma(0.5, 1.5).sigma(Axis.Z, 0.2, 0.6).border(Border.MIRROR).build()
 * }</pre>
 *
 * <p>The array is float32, [n, c, z, y, x] or [n, c, y, x], of the same shape in every batch; the
 * blurred one takes its place. All channels of a sample are blurred alike.
 *
 * <p><b>What is drawn.</b> One number u from [0, 1) for each sample: along each axis, sigma is
 * {@code least + u * (most - least)}, so that a blur that is to be the same along several axes is.
 * The weights are computed on the host when the batch is drawn, and travel in its copy: host and
 * device use the same numbers, and give the same bits but for the payload of a NaN.
 *
 * <p><b>Precision.</b> A voxel differs from the exact result by at most {@code u * m * sum(r + 3)},
 * where u is 2^-24 (and a percent), m the largest magnitude within reach and the sum is over the
 * axes that are blurred, r being their radius; unless two voxels in reach add up to more than the
 * largest float. NaN and infinity spread to all voxels within the radius.
 *
 * <p>Immutable; may be used from any thread and by several loaders.
 */
public final class Blur implements BatchStage {

  /** Where a Gaussian is cut off unless told otherwise, in sigmas. */
  private static final double REACH = 3;

  /** What a stage may have. */
  private static final long MOST_PARAMETER_BYTES = 1 << 20;

  private final String array;
  private final Border border;

  /** By axis, those that are blurred. */
  private final Map<Axis, Range> sigmas;

  private final Map<Axis, Integer> radii;

  /** What lies between the weights of two samples. */
  private final long row;

  private record Range(double least, double most) {
    double at(double share) {
      return least + share * (most - least);
    }
  }

  private Blur(
      String array, Border border, EnumMap<Axis, Range> sigmas, EnumMap<Axis, Integer> radii) {
    this.array = array;
    this.border = border;
    this.sigmas = sigmas;
    this.radii = radii;
    row = radii.values().stream().mapToLong(radius -> radius + 1L).sum();
  }

  /**
   * A blur to be described.
   *
   * @param array the name of the array
   * @return a builder without a sigma
   */
  public static Builder builder(String array) {
    return new Builder(array);
  }

  /**
   * What it does.
   *
   * @return with all options: other options make other batches
   */
  @Override
  public String name() {
    return sigmas.entrySet().stream()
        .map(
            of ->
                "%s %s to %s within %d"
                    .formatted(
                        label(of.getKey()),
                        of.getValue().least,
                        of.getValue().most,
                        radius(of.getKey())))
        .collect(
            Collectors.joining(
                ", ",
                "Blur of '" + array + "', ",
                ", " + border.name().toLowerCase(Locale.ROOT) + " at the border"));
  }

  private static String label(Axis axis) {
    return axis.name().toLowerCase(Locale.ROOT);
  }

  private int radius(Axis axis) {
    return Objects.requireNonNull(radii.get(axis));
  }

  @Override
  public void declare(StageArrays arrays) {
    ArraySpec spec = Objects.requireNonNull(arrays, "arrays").reads(array, DType.FLOAT32);
    if (spec.rank() != 4 && spec.rank() != 5) {
      throw new IllegalArgumentException(
          "Blur takes [n, c, z, y, x] or [n, c, y, x], but '" + array + "' is " + spec);
    }
    if (spec.isVariable()) {
      throw new IllegalArgumentException(
          "Blur takes an array of the same shape in every batch, but '"
              + array
              + "' is variable: declare it with array(...)");
    }
    for (Axis axis : sigmas.keySet()) {
      if (axis == Axis.Z && spec.rank() == 4) {
        throw new IllegalArgumentException(
            "there is no axis z to blur in the pictures of '"
                + array
                + "': leave sigma(Axis.Z, ...) out for "
                + spec);
      }
      int length = spec.dimension(dimension(axis, spec));
      if (radius(axis) >= length) {
        throw new IllegalArgumentException(
            "the blur's radius along "
                + label(axis)
                + " is "
                + radius(axis)
                + ", and must be less than the length there, "
                + length
                + ": set a radius or a sigma that is smaller, or blur other axes only, in "
                + spec);
      }
    }
    long bytes = (long) spec.dimension(0) * row * Float.BYTES;
    if (bytes > MOST_PARAMETER_BYTES) {
      throw new IllegalArgumentException(
          "the blur's %d weights for each of %d samples take %d bytes of parameters, and a stage may have %d: set smaller radii, or take fewer samples in a batch, in %s"
              .formatted(row, spec.dimension(0), bytes, MOST_PARAMETER_BYTES, spec));
    }
    arrays.parameters((int) bytes);
    if (sigmas.size() > 1) {
      arrays.scratch(spec.bytes());
    }
    arrays.makesLike(array, DType.FLOAT32, array);
  }

  private static int dimension(Axis axis, ArraySpec spec) {
    return spec.rank() - 3 + axis.number;
  }

  @Override
  public void draw(BatchContext context, ByteBuffer parameters) {
    Objects.requireNonNull(context, "context");
    while (Objects.requireNonNull(parameters, "parameters").hasRemaining()) {
      double share = context.random().nextDouble();
      for (Map.Entry<Axis, Range> along : sigmas.entrySet()) {
        weights(along.getValue().at(share), radius(along.getKey()), parameters);
      }
    }
  }

  /** The half of a Gaussian that lies at 0 and above; both halves add up to 1. */
  private static void weights(double sigma, int radius, ByteBuffer out) {
    double sum = 1;
    for (int k = 1; k <= radius; k++) {
      sum += 2 * gauss(k, sigma);
    }
    for (int k = 0; k <= radius; k++) {
      out.putFloat((float) (gauss(k, sigma) / sum));
    }
  }

  /** Strict: a batch is the same on every machine (I8). */
  private static double gauss(int k, double sigma) {
    double x = k / sigma;
    return StrictMath.exp(-0.5 * x * x);
  }

  @Override
  public StageWork prepare(StageSlot slot) {
    ArraySpec spec = Objects.requireNonNull(slot, "slot").inSpec(array);
    List<DeviceKernel> passes = new ArrayList<>();
    DeviceBuffer from = slot.in(array);
    int first = 0;
    for (Axis axis : sigmas.keySet()) {
      // The last pass has to end in the stage's output; the one before it in the scratch memory.
      int left = sigmas.size() - 1 - passes.size();
      DeviceBuffer to = left % 2 == 0 ? slot.out(array) : slot.scratch();
      passes.add(pass(slot, spec, axis, from, to, first));
      first += radius(axis) + 1;
      from = to;
    }
    return run -> {
      for (int i = 0; i < passes.size(); i++) {
        passes.get(i).launch(run.stream());
      }
    };
  }

  private DeviceKernel pass(
      StageSlot slot, ArraySpec spec, Axis axis, DeviceBuffer from, DeviceBuffer to, int first) {
    int stride = 1;
    int dimension = dimension(axis, spec);
    for (int i = dimension + 1; i < spec.rank(); i++) {
      stride *= spec.dimension(i);
    }
    int samples = spec.dimension(0);
    int length = spec.dimension(dimension);
    int blocks = spec.elements() / length / stride;
    boolean alongX = stride == 1;
    int threads = Spread.alongX(alongX ? length : stride);
    int tiles =
        Spread.ceil(alongX ? blocks / samples : length, BlurTwin.EACH * Spread.rows(threads));
    DeviceKernel kernel =
        slot.kernel(BlurTwin.SOURCE, alongX ? "blurAlong" : "blurAcross")
            .set(0, from)
            .set(1, to)
            .set(2, slot.parameters())
            .setInt(3, (int) row)
            .setInt(4, first)
            .setInt(5, length)
            .setInt(6, blocks / samples)
            .setInt(7, tiles)
            .setInt(8, radius(axis))
            .setInt(9, border == Border.MIRROR ? 1 : 0);
    if (!alongX) {
      kernel.setInt(10, stride);
    }
    return kernel
        .block(threads, Spread.rows(threads), 1)
        .grid(
            (alongX ? samples : blocks) * tiles,
            Spread.blocks(alongX ? length : stride, 2 * threads),
            1);
  }

  @Override
  public String toString() {
    return name();
  }

  /** Describes a {@link Blur}. Not thread safe. */
  public static final class Builder {

    private final String array;
    private final EnumMap<Axis, Range> sigmas = new EnumMap<>(Axis.class);
    private final EnumMap<Axis, Integer> radii = new EnumMap<>(Axis.class);
    private Border border = Border.CLAMP;
    private @Nullable Range everywhere;

    private Builder(String array) {
      this.array = Objects.requireNonNull(array, "array");
    }

    /**
     * How wide the Gaussian is along y and x, in voxels; drawn for each sample, uniformly. With
     * {@link #sigma(Axis, double, double)} for z, volumes are blurred along z too.
     *
     * @param least the least sigma
     * @param most the largest
     * @return this
     * @throws IllegalArgumentException unless {@code 0 < least <= most}, both finite
     */
    public Builder sigma(double least, double most) {
      everywhere = range(least, most);
      return this;
    }

    /**
     * How wide the Gaussian is along an axis, in voxels; drawn for each sample, uniformly.
     *
     * @param axis which; the array must have it
     * @param least the least sigma
     * @param most the largest
     * @return this
     * @throws IllegalArgumentException unless {@code 0 < least <= most}, both finite
     */
    public Builder sigma(Axis axis, double least, double most) {
      sigmas.put(Objects.requireNonNull(axis, "axis"), range(least, most));
      return this;
    }

    private static Range range(double least, double most) {
      if (!(least > 0 && least <= most && most < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "a blur's sigma must be above 0 and finite, the least not above the largest; not "
                + least
                + " to "
                + most);
      }
      return new Range(least, most);
    }

    /**
     * Where the Gaussian is cut off along an axis. Default: at 3 times the largest sigma, rounded
     * up.
     *
     * @param axis which; it must have a sigma
     * @param radius in voxels, at least 1 and less than the array's length there
     * @return this
     * @throws IllegalArgumentException if less than 1
     */
    public Builder radius(Axis axis, int radius) {
      if (radius < 1) {
        throw new IllegalArgumentException("a blur's radius must be at least 1, not " + radius);
      }
      radii.put(Objects.requireNonNull(axis, "axis"), radius);
      return this;
    }

    /**
     * What is taken for voxels outside. Default {@link Border#CLAMP}.
     *
     * @param border {@link Border#CLAMP} or {@link Border#MIRROR}
     * @return this
     * @throws IllegalArgumentException if it is {@link Border#CONSTANT}
     */
    public Builder border(Border border) {
      if (Objects.requireNonNull(border, "border") == Border.CONSTANT) {
        throw new IllegalArgumentException(
            "a blur has no constant border, which would darken it: take CLAMP or MIRROR");
      }
      this.border = border;
      return this;
    }

    /**
     * The blur.
     *
     * @return a new stage
     * @throws IllegalArgumentException if there is no sigma, a radius without a sigma, or a sigma
     *     that needs a radius of its own, being so large
     */
    public Blur build() {
      EnumMap<Axis, Range> blurred = new EnumMap<>(sigmas);
      if (everywhere != null) {
        blurred.putIfAbsent(Axis.Y, everywhere);
        blurred.putIfAbsent(Axis.X, everywhere);
      }
      if (blurred.isEmpty()) {
        throw new IllegalArgumentException("a blur without a sigma does nothing: set one");
      }
      for (Axis axis : radii.keySet()) {
        if (!blurred.containsKey(axis)) {
          throw new IllegalArgumentException(
              "the blur has a radius along " + label(axis) + ", but no sigma there: set one");
        }
      }
      EnumMap<Axis, Integer> reach = new EnumMap<>(radii);
      blurred.forEach(
          (axis, range) -> reach.computeIfAbsent(axis, ignored -> defaultRadius(axis, range)));
      return new Blur(array, border, blurred, reach);
    }

    private static int defaultRadius(Axis axis, Range range) {
      double radius = Math.ceil(REACH * range.most);
      if (radius > Short.MAX_VALUE) {
        throw new IllegalArgumentException(
            "a blur with a sigma of "
                + range.most
                + " along "
                + label(axis)
                + " reaches too far: set a radius of at most "
                + Short.MAX_VALUE
                + " or a smaller sigma");
      }
      return (int) radius;
    }
  }
}
