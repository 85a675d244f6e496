/**
 * Augmentation on the device: bytes cross the bus, and the device makes floats of them.
 *
 * <pre>{@code
 * // image: uint8 [16, 1, 40, 120, 120], label: uint8 [16, 40, 120, 120]
 * Augmentation augmentation =
 *     Augmentation.builder(spec.array("image"), Layout.NCZYX)
 *         .label(spec.array("label"))
 *         .patch(23, 89, 89)
 *         .labelPatch(11, 45, 45)
 *         .flip(Axis.Z, Axis.Y, Axis.X)
 *         .swap(Axis.Y, Axis.X)
 *         .crop(true)
 *         .warp(Warp.builder().rotation(180).shear(0.1).scale(0.9, 1.1).anisotropy(2).build())
 *         .scale(1 / 255f)
 *         .grey()
 *         .gaussianNoise(0.02f)
 *         .build();
 * // float32 and int32 come out
 * BackgroundLoader loader =
 *     BackgroundLoader.builder(device, spec, target).stage(augmentation).start();
 * }</pre>
 *
 * <p>The random numbers of a batch are a function of the loader's seed, the epoch and the index.
 * They travel in the batch's own copy. Each kernel has an implementation in Java, which the host
 * device runs. Both give the same bits.
 *
 * <p>Lengths and indices are always in the order z, y, x. The axis x is the fastest. A picture of
 * two dimensions is a volume whose z is 1. No argument may be null, and no method returns null.
 */
@NullMarked
package io.pentrough.augment;

import org.jspecify.annotations.NullMarked;
