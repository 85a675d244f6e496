package io.pentrough.augment;

/**
 * How a sample is warped: a random map from the output to the source, for each sample its own.
 *
 * <p>A voxel that lies at d from the middle of the output is read at s from the middle of its place
 * in the source:
 *
 * <pre>
 * s = A^-1 R T H S A d / (1 + q d)
 * </pre>
 *
 * <p>A multiplies z by the anisotropy, R turns within the slices, T tilts the slices, H shears, S
 * divides by the scale, q is the perspective. What is not asked for is the identity. In a picture
 * of two dimensions, or with {@link Builder#lockZ}, z is left alone.
 *
 * <p>Immutable; may be used from any thread.
 */
public final class Warp {

  final double rotation;
  final double tilt;
  final double shear;
  final double leastScale;
  final double mostScale;
  final double perspective;
  final double anisotropy;
  final boolean zLocked;

  private Warp(Builder builder) {
    rotation = builder.rotation;
    tilt = builder.tilt;
    shear = builder.shear;
    leastScale = builder.leastScale;
    mostScale = builder.mostScale;
    perspective = builder.perspective;
    anisotropy = builder.anisotropy;
    zLocked = builder.zLocked;
  }

  /**
   * Begins with a warp that does nothing.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public String toString() {
    return "rotation %s, tilt %s, shear %s, scale %s to %s, perspective %s, anisotropy %s%s"
        .formatted(
            rotation,
            tilt,
            shear,
            leastScale,
            mostScale,
            perspective,
            anisotropy,
            zLocked ? ", z locked" : "");
  }

  /** Options of a {@link Warp}. Not thread safe. */
  public static final class Builder {

    /** Beyond this nothing of an image is left. */
    private static final double MOST_FACTOR = 64;

    private double rotation;
    private double tilt;
    private double shear;
    private double leastScale = 1;
    private double mostScale = 1;
    private double perspective;
    private double anisotropy = 1;
    private boolean zLocked;

    private Builder() {}

    /**
     * Turns within the slices, about z.
     *
     * @param degrees the angle is uniform in [-degrees, degrees]; 0 to 180
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder rotation(double degrees) {
      rotation = Check.range("the rotation", degrees, 0, 180);
      return this;
    }

    /**
     * Tilts the slices about an axis in them, of uniform direction.
     *
     * @param degrees the angle is uniform in [-degrees, degrees]; 0 to 180
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder tilt(double degrees) {
      tilt = Check.range("the tilt", degrees, 0, 180);
      return this;
    }

    /**
     * Shears: the six entries beside the diagonal are uniform, each for itself.
     *
     * @param most they are in [-most, most]; 0 to 0.49, as the matrix could be singular from 0.5 on
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder shear(double most) {
      shear = Check.range("the shear", most, 0, 0.49);
      return this;
    }

    /**
     * Makes larger or smaller, each axis for itself; the logarithm is uniform.
     *
     * @param least the least factor, 1/64 to 64
     * @param most the largest factor, least to 64; above 1 things come out larger
     * @return this
     * @throws IllegalArgumentException if out of range: near 0 the matrix would be singular
     */
    public Builder scale(double least, double most) {
      leastScale = Check.range("the least scale", least, 1 / MOST_FACTOR, MOST_FACTOR);
      mostScale = Check.range("the largest scale", most, least, MOST_FACTOR);
      return this;
    }

    /**
     * Lets what is on one side appear larger than what is on the other.
     *
     * @param most how much the divisor changes, at most, from the middle of the output to its edge,
     *     along each axis; 0 to 0.3, as the divisor could vanish from 1/3 on
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder perspective(double most) {
      perspective = Check.range("the perspective", most, 0, 0.3);
      return this;
    }

    /**
     * How much farther slices are apart than voxels in them, so that a tilted sphere stays one.
     *
     * @param factor spacing along z by that along y and x, 1/64 to 64
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder anisotropy(double factor) {
      anisotropy = Check.range("the anisotropy", factor, 1 / MOST_FACTOR, MOST_FACTOR);
      return this;
    }

    /**
     * Whether z stays as it is, so that slices stay slices. Not together with a tilt or a
     * perspective, which would bend them. Default: false.
     *
     * @param lockZ true to lock z
     * @return this
     */
    public Builder lockZ(boolean lockZ) {
      zLocked = lockZ;
      return this;
    }

    /**
     * Makes the warp.
     *
     * @return a warp
     * @throws IllegalArgumentException if it tilts slices that are locked, or puts them into
     *     perspective
     */
    public Warp build() {
      if (zLocked && tilt > 0) {
        throw new IllegalArgumentException(
            "the warp tilts by up to "
                + tilt
                + " degrees, but z is locked: leave one of tilt and lockZ out");
      }
      if (zLocked && perspective > 0) { // its divisor would move z too
        throw new IllegalArgumentException(
            "the warp has a perspective of up to "
                + perspective
                + ", but z is locked: leave one of perspective and lockZ out");
      }
      return new Warp(this);
    }
  }
}
