package io.pentrough.augment;

/**
 * What a warp reads outside of its source.
 *
 * @param image the constant for images, if the border is a constant
 * @param label the constant for labels
 */
record Outside(Border border, float image, int label) {}
