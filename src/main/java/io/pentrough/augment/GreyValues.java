package io.pentrough.augment;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.random.RandomGenerator;

/** How grey values change: scale and bias for each channel, and ranges to draw from. Immutable. */
final class GreyValues {

  private final float[] scale;
  private final float[] bias;
  private final Range contrast;
  private final Range brightness;
  private final boolean clip;
  private final Range gamma;

  /**
   * Grey values.
   *
   * @param scale for each channel
   * @param bias for each channel
   */
  GreyValues(
      float[] scale, float[] bias, Range contrast, Range brightness, boolean clip, Range gamma) {
    this.scale = scale;
    this.bias = bias;
    this.contrast = contrast;
    this.brightness = brightness;
    this.clip = clip;
    this.gamma = gamma;
  }

  /**
   * Draws for one channel of a sample. Writes (v * scale + bias) * contrast + brightness as v *
   * gain + offset, then gamma.
   *
   * @param at where to write, in bytes
   */
  void draw(RandomGenerator random, int channel, ByteBuffer parameters, int at) {
    double factor = contrast.at(random.nextDouble());
    double summand = brightness.at(random.nextDouble());
    double exponent = gamma.logarithmicAt(random.nextDouble()); // as ELEKTRONN2 does
    parameters.putFloat(at, (float) (scale[channel] * factor));
    parameters.putFloat(at + 4, (float) (bias[channel] * factor + summand));
    parameters.putFloat(at + 8, (float) exponent);
  }

  int flags() {
    return (clip ? AugmentCodes.CLIP : 0) | (gamma.equals(Range.ONE) ? 0 : AugmentCodes.GAMMA);
  }

  /** All options. */
  @Override
  public String toString() {
    return String.join(
        "; ",
        "scale " + Arrays.toString(scale) + ", bias " + Arrays.toString(bias),
        "contrast " + contrast + ", brightness " + brightness,
        "clip " + clip + ", gamma " + gamma);
  }
}
