/**
 * Augmentation on the device: bytes cross the bus, floats are made behind it.
 *
 * <pre>{@code
 * BatchSpec spec = BatchSpec.builder()
 *     .array("image", DType.UINT8, 16, 1, 40, 120, 120)
 *     .array("label", DType.UINT8, 16, 40, 120, 120)
 *     .build();
 * Augmentation augmentation = Augmentation.builder(spec.array("image"), Layout.NCZYX)
 *     .label(spec.array("label"))
 *     .patch(23, 89, 89)
 *     .labelPatch(11, 45, 45)
 *     .flip(Axis.Z, Axis.Y, Axis.X)
 *     .swap(Axis.Y, Axis.X)
 *     .crop(true)
 *     .warp(Warp.builder().rotation(180).shear(0.1).anisotropy(2).build())
 *     .scale(1 / 255f)
 *     .grey()
 *     .gaussianNoise(0.02f)
 *     .build();
 * BackgroundLoader.builder(device, spec, target).stage(augmentation).start();
 * }</pre>
 *
 * <p>What is drawn for a batch is a function of the loader's seed, the epoch and the index (I8),
 * and travels in the batch's own copy. The kernels in {@code kernels/augment.cu} have twins in
 * Java, which the host device runs; both give the same bits.
 *
 * <p>Lengths and indices of axes are always in the order z, y, x, x being the fastest; a picture of
 * two dimensions is a volume whose z is 1. No argument may be null, and nothing returns null.
 *
 * <p>Nothing here may import an implementation of a device.
 */
@NullMarked
package io.pentrough.augment;

import org.jspecify.annotations.NullMarked;
