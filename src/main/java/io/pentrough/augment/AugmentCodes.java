package io.pentrough.augment;

/** Numbers that stand for options in the arguments of kernels, as in augment.cu. */
final class AugmentCodes {

  // Kinds of elements.
  static final int UNSIGNED = 0;
  static final int SIGNED = 1;
  static final int FLOAT = 2;

  // Kinds of noise.
  static final int NO_NOISE = 0;
  static final int UNIFORM = 1;
  static final int GAUSSIAN = 2;

  // Flags.
  static final int CLIP = 1;
  static final int GAMMA = 2;
  static final int PERSPECTIVE = 4;

  private AugmentCodes() {}
}
