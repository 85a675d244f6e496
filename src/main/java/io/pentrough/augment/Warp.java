package io.pentrough.augment;

/**
 * A warp: a random map from the output to the source, drawn for each sample.
 *
 * <pre>{@code
 * Warp warp = Warp.builder().rotation(180).shear(0.1).scale(0.9, 1.1).anisotropy(2).build();
 * }</pre>
 *
 * <p>Let d be a voxel's offset from the middle of the output, and s the offset of the point where
 * it is read from the middle of the patch in the source:
 *
 * <pre>
 * s = A^-1 R T H S A d / (1 + q d)
 * </pre>
 *
 * <p>A multiplies z by the anisotropy, R turns within the slices, T tilts the slices, H shears, S
 * divides by the scale, and q is the perspective. Each is the identity unless the builder sets it.
 * In two dimensions, and with {@link Builder#lockZ}, z does not change.
 *
 * <p>Immutable; may be used from any thread.
 */
public final class Warp {

  final double rotation;
  final double tilt;
  final double shear;
  final double minScale;
  final double maxScale;
  final double perspective;
  final double anisotropy;
  final boolean zLocked;

  private Warp(Builder builder) {
    rotation = builder.rotation;
    tilt = builder.tilt;
    shear = builder.shear;
    minScale = builder.minScale;
    maxScale = builder.maxScale;
    perspective = builder.perspective;
    anisotropy = builder.anisotropy;
    zLocked = builder.zLocked;
  }

  /**
   * Returns a builder of a warp that does nothing yet.
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
            minScale,
            maxScale,
            perspective,
            anisotropy,
            zLocked ? ", z locked" : "");
  }

  /** Builds a {@link Warp}. Not thread safe. */
  public static final class Builder {

    /** A larger factor leaves nothing of an image. */
    private static final double MAX_FACTOR = 64;

    private double rotation;
    private double tilt;
    private double shear;
    private double minScale = 1;
    private double maxScale = 1;
    private double perspective;
    private double anisotropy = 1;
    private boolean zLocked;

    private Builder() {}

    /**
     * Turns within the slices, about the axis z.
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
     * Tilts the slices about an axis within them, whose direction is uniform.
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
     * Shears. Each of the six entries beside the diagonal is drawn independently.
     *
     * @param max each entry is uniform in [-max, max]; 0 to 0.49, as the matrix could be singular
     *     from 0.5 on
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder shear(double max) {
      shear = Check.range("the shear", max, 0, 0.49);
      return this;
    }

    /**
     * Scales each axis by an independent factor, whose logarithm is uniform. A factor above 1 makes
     * things larger.
     *
     * @param min the smallest factor, 1/64 to 64
     * @param max the largest factor, {@code min} to 64
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder scale(double min, double max) {
      minScale = Check.range("the smallest scale", min, 1 / MAX_FACTOR, MAX_FACTOR);
      maxScale = Check.range("the largest scale", max, min, MAX_FACTOR);
      return this;
    }

    /**
     * Adds perspective: one side of the output appears larger than the other.
     *
     * @param max the largest change of the divisor from the middle of the output to its edge, along
     *     each axis; 0 to 0.3, as the divisor could vanish from 1/3 on
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder perspective(double max) {
      perspective = Check.range("the perspective", max, 0, 0.3);
      return this;
    }

    /**
     * Sets how much farther slices are apart than the voxels within them, so that a tilted sphere
     * stays a sphere. Default 1.
     *
     * @param factor the spacing along z divided by the spacing along y and x, 1/64 to 64
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder anisotropy(double factor) {
      anisotropy = Check.range("the anisotropy", factor, 1 / MAX_FACTOR, MAX_FACTOR);
      return this;
    }

    /**
     * Sets whether z stays unchanged, so that slices stay slices. Cannot be combined with a tilt or
     * a perspective. Default: false.
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
     * @throws IllegalArgumentException if z is locked and the warp has a tilt or a perspective
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
