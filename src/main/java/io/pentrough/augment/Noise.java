package io.pentrough.augment;

/**
 * Noise that is added to each element of the image.
 *
 * @param kind as in {@link AugmentCodes}
 * @param amplitude the largest magnitude of uniform noise, or the deviation of Gaussian noise
 */
record Noise(int kind, float amplitude) {}
