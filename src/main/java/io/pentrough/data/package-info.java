/**
 * Batches of samples that are read by their index, in any order.
 *
 * <p>A {@linkplain io.pentrough.data.Dataset dataset} reads one sample. {@linkplain
 * io.pentrough.data.Batches Batches} make batches of samples, and are the target of a loader. A
 * {@linkplain io.pentrough.data.Sampler sampler} says which sample of a dataset stands at which
 * position of an epoch. A {@linkplain io.pentrough.data.Permutation permutation} shuffles numbers
 * without a table of them.
 *
 * <p>No argument may be null, nor anything a sampler returns. A null argument throws a {@link
 * NullPointerException} that names the parameter, and leaves everything as it was. Nothing here
 * returns null.
 *
 * <p>Nothing here may import an implementation of a device.
 */
@NullMarked
package io.pentrough.data;

import org.jspecify.annotations.NullMarked;
