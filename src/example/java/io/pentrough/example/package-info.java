/**
 * The training example: a small network learns to predict the tissue of a voxel from the patch
 * around it, fed by {@link io.pentrough.BackgroundLoader}.
 *
 * <p>A test source root: its libraries (HDF5, BLAS, progress bar, options) never reach Pentrough's
 * users. Only the public API of Pentrough may be used here: what this example cannot do, users
 * cannot do.
 */
@NullMarked
package io.pentrough.example;

import org.jspecify.annotations.NullMarked;
