package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchContext;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.DeviceKernel;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A stage that blurs each sample with a Gaussian whose width is drawn for the sample.
 *
 * <pre>{@code
 * Blur blur =
 *     Blur.builder("image").sigma(0.5, 1.5).sigma(Axis.Z, 0.2, 0.6).border(Border.MIRROR).build();
 * }</pre>
 *
 * <p>The array is float32, [n, c, z, y, x] or [n, c, y, x], with the same shape in every batch. The
 * blurred array replaces it. All channels of a sample are blurred alike.
 *
 * <p><b>Random numbers.</b> The stage draws one number u from [0, 1) for each sample. Along each
 * axis, sigma is {@code min + u * (max - min)}. So axes with the same range always get the same
 * sigma. The host computes the weights when it draws a batch, and they travel in the batch's copy.
 * So all devices use the same weights, and give the same bits except for the payload of a NaN.
 *
 * <p><b>Precision.</b> A voxel differs from the exact result by at most {@code u * m * sum(r + 3)}.
 * Here u is 2^-24 (plus a percent), m is the largest magnitude within the radius, and the sum is
 * over the blurred axes with their radius r. The bound does not hold if two voxels within the
 * radius add up to more than the largest float. NaN and infinity spread to all voxels within the
 * radius.
 *
 * <p>Immutable. Any thread may use it, and several loaders at once.
 */
public final class Blur implements BatchStage {

  /** The default radius, in sigmas. */
  private static final double REACH = 3;

  private final String array;
  private final Border border;

  /** The blurred axes. */
  private final Map<Axis, Range> sigmas;

  private final Map<Axis, Integer> radii;

  /** How many weights a sample has. */
  private final long row;

  private record Range(double min, double max) {
    double at(double share) {
      return min + share * (max - min);
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
   * Returns a builder of a blur.
   *
   * @param array the name of the array to blur
   * @return a builder without a sigma
   */
  public static Builder builder(String array) {
    return new Builder(array);
  }

  /**
   * The stage's name.
   *
   * @return a text with all options
   */
  @Override
  public String name() {
    return sigmas.entrySet().stream()
        .map(
            of ->
                "%s %s to %s within %d"
                    .formatted(
                        label(of.getKey()),
                        of.getValue().min,
                        of.getValue().max,
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
      int length = spec.dimension(BlurKernels.dimension(axis, spec));
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
    if (bytes > Parameters.MAX_BYTES) {
      throw new IllegalArgumentException(
          "the blur's %d weights for each of %d samples take %d bytes of parameters, and a stage may have %d: set smaller radii, or take fewer samples in a batch, in %s"
              .formatted(row, spec.dimension(0), bytes, Parameters.MAX_BYTES, spec));
    }
    arrays.parameters((int) bytes);
    if (sigmas.size() > 1) {
      arrays.scratch(spec.bytes());
    }
    arrays.makesLike(array, DType.FLOAT32, array);
  }

  @Override
  public void draw(BatchContext context, ByteBuffer parameters) {
    Objects.requireNonNull(context, "context");
    while (Objects.requireNonNull(parameters, "parameters").hasRemaining()) {
      double share = context.random().nextDouble();
      for (Map.Entry<Axis, Range> along : sigmas.entrySet()) {
        Gaussian.write(along.getValue().at(share), radius(along.getKey()), parameters);
      }
    }
  }

  @Override
  public StageWork prepare(StageSlot slot) {
    Objects.requireNonNull(slot, "slot");
    List<DeviceKernel> passes = new BlurKernels(slot, array, border, row).passes(radii);
    return invocation -> {
      for (int i = 0; i < passes.size(); i++) {
        passes.get(i).launch(invocation.stream());
      }
    };
  }

  @Override
  public String toString() {
    return name();
  }

  /** Builds a {@link Blur}. Not thread safe. A method that throws has changed nothing. */
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
     * Sets the Gaussian's sigma along y and x. It is drawn uniformly for each sample. To blur
     * volumes along z too, also call {@link #sigma(Axis, double, double)} for z.
     *
     * @param min the smallest sigma, in voxels
     * @param max the largest sigma, in voxels
     * @return this
     * @throws IllegalArgumentException unless {@code 0 < min <= max}, both finite
     */
    public Builder sigma(double min, double max) {
      everywhere = range(min, max);
      return this;
    }

    /**
     * Sets the Gaussian's sigma along one axis. It is drawn uniformly for each sample.
     *
     * @param axis the axis; the array must have it
     * @param min the smallest sigma, in voxels
     * @param max the largest sigma, in voxels
     * @return this
     * @throws IllegalArgumentException unless {@code 0 < min <= max}, both finite
     */
    public Builder sigma(Axis axis, double min, double max) {
      sigmas.put(Objects.requireNonNull(axis, "axis"), range(min, max));
      return this;
    }

    private static Range range(double min, double max) {
      if (!(min > 0 && min <= max && max < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "a blur's sigma must be above 0 and finite, the smallest not above the largest; not "
                + min
                + " to "
                + max);
      }
      return new Range(min, max);
    }

    /**
     * Sets the radius at which the Gaussian is cut off along an axis. Default: 3 times the largest
     * sigma, rounded up.
     *
     * @param axis the axis; it must have a sigma
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
     * Sets what the blur reads outside of the array. Default {@link Border#CLAMP}.
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
     * Makes the stage.
     *
     * @return a new stage
     * @throws IllegalArgumentException if no sigma is set, an axis has a radius but no sigma, or
     *     the default radius would be too large
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
      double radius = Math.ceil(REACH * range.max);
      if (radius > Short.MAX_VALUE) {
        throw new IllegalArgumentException(
            "a blur with a sigma of "
                + range.max
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
