/**
 * The loader: what a training loop uses, and, package-private, the engine behind it.
 *
 * <p>No argument may be null, nor anything a target or source returns, unless it is said. Null is
 * refused with a {@link NullPointerException}, or as a name that there is not, and nothing has been
 * taken or changed then. Nothing here returns null but {@link Throwable#getCause()}, where its
 * class says so.
 *
 * <p>Nothing here may import an implementation of a device, JCuda or the augmentation stages: the
 * engine knows {@link io.pentrough.device} only.
 */
@NullMarked
package io.pentrough;

import org.jspecify.annotations.NullMarked;
