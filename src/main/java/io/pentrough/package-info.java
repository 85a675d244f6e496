/**
 * The loader: what a training loop uses, and, package-private, the engine behind it.
 *
 * <p>No argument may be null, nor anything a target or source returns, unless it is said. A null
 * argument throws a {@link NullPointerException} that names the parameter. An unknown name throws
 * an {@link IllegalArgumentException}. Either leaves everything as it was. Nothing here returns
 * null but {@link Throwable#getCause()}, where its class says so.
 *
 * <p>Nothing here may import an implementation of a device, JCuda or the augmentation stages: the
 * engine knows {@link io.pentrough.device} only.
 */
@NullMarked
package io.pentrough;

import org.jspecify.annotations.NullMarked;
