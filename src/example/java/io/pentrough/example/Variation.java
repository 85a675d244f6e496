package io.pentrough.example;

import io.pentrough.BatchSpec;
import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Layout;
import io.pentrough.augment.Warp;
import java.util.Locale;

/** How the training patches are varied, which happens on the device. */
enum Variation {
  /** As they lie in the volume. */
  NONE(0),

  /** Each axis one way or the other. */
  FLIPS(0),

  /**
   * Flipped, turned a little in the slice and out of it, made larger or smaller, and with other
   * contrast and brightness. A corner of a patch of 7 voxels may come from some 2 voxels outside of
   * it: one voxel is copied along, and stands for what lies farther out.
   *
   * <p>Contrast and brightness are in units of the deviation, about the mean. There is no gamma: it
   * needs values in [0, 1], so they could be normalised only by another stage behind it.
   */
  FULL(1);

  private static final double DEGREES = 10;
  private static final double MAX_SCALE = 1.1;
  private static final float CONTRAST = 0.05f;
  private static final float BRIGHTNESS = 0.05f;

  /** How many voxels around a patch are copied along. */
  final int around;

  Variation(int around) {
    this.around = around;
  }

  /** As in the options. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * What makes the network's input of a batch of the sampler's. A patch keeps its middle, so its
   * label stays right.
   *
   * @param spec the batch as it is copied, with uint8 images that have {@link #around}
   * @param patch the edge of what comes out
   */
  Augmentation stage(BatchSpec spec, int patch, Normalisation normalisation) {
    Augmentation.Builder builder =
        Augmentation.builder(spec.array("image"), Layout.NZYX)
            .patch(patch, patch, patch)
            .scale(normalisation.scale())
            .bias(normalisation.bias());
    if (this != NONE) {
      builder.flip(Axis.values());
    }
    if (this == FULL) {
      Warp.Builder warp = Warp.builder().rotation(DEGREES).tilt(DEGREES);
      builder
          .warp(warp.scale(1 / MAX_SCALE, MAX_SCALE).build())
          .contrast(1 - CONTRAST, 1 + CONTRAST)
          .brightness(-BRIGHTNESS, BRIGHTNESS);
    }
    return builder.build();
  }
}
