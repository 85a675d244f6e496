/**
 * NVIDIA GPUs, through JCuda and the CUDA driver API.
 *
 * <p>This is the only package that may import {@code jcuda.*}. It may import {@link
 * io.pentrough.device} and nothing else of this library. What decides whether there is a GPU must
 * not touch a class of JCuda: their static initialisers load native code, and one that has failed
 * is final for the JVM.
 */
@NullMarked
package io.pentrough.device.cuda;

import org.jspecify.annotations.NullMarked;
