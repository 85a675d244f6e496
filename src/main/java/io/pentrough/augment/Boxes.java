package io.pentrough.augment;

/**
 * Boxes that are cut out of each sample of the image.
 *
 * @param count how many in each sample
 * @param size the size of each
 * @param value the value that replaces the image's
 */
record Boxes(int count, Size size, float value) {}
