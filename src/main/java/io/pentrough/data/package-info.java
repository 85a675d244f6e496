/**
 * What a target reads, and in which order: permutations and samplers.
 *
 * <p>A {@linkplain io.pentrough.data.Sampler sampler} says which sample of a dataset stands at
 * which position of an epoch. A {@linkplain io.pentrough.data.Permutation permutation} shuffles
 * numbers without a table of them.
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
