/**
 * NVIDIA GPUs, through JCuda and the CUDA driver API.
 *
 * <p>Only this package may import {@code jcuda.*}. It may import {@link io.pentrough.device} and
 * nothing else of this library. Code that decides whether a GPU can be used must not touch a class
 * of JCuda. Their static initialisers load native code, and a failed initialiser is final for the
 * JVM.
 */
@NullMarked
package io.pentrough.device.cuda;

import org.jspecify.annotations.NullMarked;
