package io.pentrough;

import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Layout;
import io.pentrough.augment.Warp;
import io.pentrough.device.Device;

/** The first sample of docs/augmentation.md. */
final class AugmentationSample {

  private AugmentationSample() {}

  static BatchSpec spec(int samples) {
    return BatchSpec.builder()
        .array("image", DType.UINT8, samples, 1, 40, 120, 120)
        .array("label", DType.UINT8, samples, 40, 120, 120)
        .build();
  }

  static BackgroundLoader start(Device device, BatchSpec spec, BatchTarget target) {
    // [augmentation]
    // image: uint8 [16, 1, 40, 120, 120], label: uint8 [16, 40, 120, 120]
    Augmentation augmentation =
        Augmentation.builder(spec.array("image"), Layout.NCZYX)
            .label(spec.array("label"))
            .patch(23, 89, 89)
            .labelPatch(11, 45, 45)
            .flip(Axis.Z, Axis.Y, Axis.X)
            .swap(Axis.Y, Axis.X)
            .crop(true)
            .warp(Warp.builder().rotation(180).shear(0.1).scale(0.9, 1.1).anisotropy(2).build())
            .scale(1 / 255f)
            .grey()
            .gaussianNoise(0.02f)
            .build();
    // float32 and int32 come out
    BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, target).stage(augmentation).start();
    // [/augmentation]
    return loader;
  }
}
