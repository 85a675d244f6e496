/**
 * The loader: what a training loop uses, and, package-private, the engine behind it.
 *
 * <p>Nothing here may import an implementation of a device, JCuda or the augmentation stages: the
 * engine knows {@link io.pentrough.device} only.
 */
@NullMarked
package io.pentrough;

import org.jspecify.annotations.NullMarked;
