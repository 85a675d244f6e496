/**
 * NVIDIA GPUs, through JCuda and the CUDA driver API.
 *
 * <p>{@link io.pentrough.device.cuda.CudaDevice} is all of it. It opens a GPU, takes streams and
 * contexts of your own, and gives out handles and addresses for calls of JCuda.
 */
@NullMarked
package io.pentrough.device.cuda;

import org.jspecify.annotations.NullMarked;

// Code that decides whether a GPU can be used must not touch a class of JCuda. Their static
// initialisers load native code, and a failed initialiser is final for the JVM.
