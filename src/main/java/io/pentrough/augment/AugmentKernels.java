package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.DType;
import io.pentrough.StageSlot;
import io.pentrough.device.DeviceKernel;

/** Binds the kernels of augment.cu to the arrays and parameters of a slot. */
final class AugmentKernels {

  private final StageSlot slot;
  private final Geometry geometry;
  private final AugmentDraws draws;
  private final Outside outside;
  private final int flags;

  /**
   * Kernels for a slot.
   *
   * @param flags as in {@link AugmentCodes}
   */
  AugmentKernels(
      StageSlot slot, Geometry geometry, AugmentDraws draws, Outside outside, int flags) {
    this.slot = slot;
    this.geometry = geometry;
    this.draws = draws;
    this.outside = outside;
    this.flags = flags;
  }

  private boolean warps() {
    return geometry.warp() != null;
  }

  DeviceKernel image(ArraySpec image, Noise noise) {
    DeviceKernel kernel =
        kernel(warps() ? "augmentWarp" : "augmentCrop", image).setInt(6, draws.channels);
    set(kernel, 7, geometry.source());
    set(kernel, 10, geometry.patch());
    kernel
        .setInt(13, draws.boxes.count())
        .setFloat(14, draws.boxes.value())
        .setInt(15, noise.kind())
        .setFloat(16, noise.amplitude())
        .setInt(17, flags);
    if (warps()) {
      kernel.setInt(18, outside.border().code).setFloat(19, outside.image());
    }
    return spread(kernel, geometry.patch());
  }

  DeviceKernel label(ArraySpec label, Size patch) {
    DeviceKernel kernel = kernel(warps() ? "labelWarp" : "labelCrop", label);
    set(kernel, 6, geometry.labelSource());
    set(kernel, 9, patch);
    if (warps()) {
      set(kernel, 12, geometry.inset());
      set(kernel, 15, geometry.labelAt());
      kernel.setInt(18, flags).setInt(19, outside.border().code).setInt(20, outside.label());
    }
    return spread(kernel, patch);
  }

  /** A kernel with the arguments that all have. */
  private DeviceKernel kernel(String name, ArraySpec array) {
    return slot.kernel(AugmentHostKernels.SOURCE, name)
        .set(0, slot.in(array.name()))
        .set(1, slot.out(array.name()))
        .set(2, slot.parameters())
        .setInt(3, draws.words)
        .setInt(4, array.dtype().bytes())
        .setInt(5, kind(array.dtype()));
  }

  private static void set(DeviceKernel kernel, int parameter, Size size) {
    for (int axis = 0; axis < 3; axis++) {
      kernel.setInt(parameter + axis, size.along(axis));
    }
  }

  private DeviceKernel spread(DeviceKernel kernel, Size patch) {
    boolean scattered = warps() || geometry.swaps().contains(Axis.X.number);
    return Spread.spread(kernel, patch, draws.samples, scattered);
  }

  private static int kind(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> AugmentCodes.FLOAT;
      case INT8, INT16, INT32, INT64 -> AugmentCodes.SIGNED;
      default -> AugmentCodes.UNSIGNED;
    };
  }
}
