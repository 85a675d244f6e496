/**
 * Batches of samples that are read by an index: which samples an epoch has, in which order, and how
 * they become batches.
 *
 * <ul>
 *   <li>{@link io.pentrough.data.Dataset} is your code that reads a sample. {@link
 *       io.pentrough.data.CachedDataset} keeps samples in memory, and {@link
 *       io.pentrough.data.NpyArray} reads files of NumPy.
 *   <li>{@link io.pentrough.data.Batches} makes batches of them: shuffled, padded, with a partial
 *       last batch or without, and without samples that cannot be read.
 *   <li>{@link io.pentrough.data.Sampler} says which samples an epoch has: all, weighted draws, a
 *       subset, or what you write yourself, for example with a {@link
 *       io.pentrough.data.Permutation}, which shuffles any number of samples without a table.
 * </ul>
 *
 * <p>No argument may be null, nor anything that a sampler returns. A null argument throws a {@link
 * NullPointerException} that names the parameter, and leaves everything as it was. Nothing here
 * returns null.
 */
@NullMarked
package io.pentrough.data;

import org.jspecify.annotations.NullMarked;
