/**
 * Keeps a GPU fed with training batches. Background threads fill batches in pinned host memory, a
 * stream copies them to the device, and a training loop gets batches that are ready there.
 *
 * <pre>{@code
 * try (BackgroundLoader loader =
 *     BackgroundLoader.builder(device, spec, target).workers(4).batchesPerEpoch(100).start()) {
 *   for (DeviceBatch batch : loader.epoch()) {
 *     train(batch.array("image"), batch.array("label"));
 *   }
 * }
 * }</pre>
 *
 * <ul>
 *   <li>{@link io.pentrough.BackgroundLoader} makes a sequence of batches, {@link
 *       io.pentrough.BatchQueue} a batch for each job that you submit.
 *   <li>{@link io.pentrough.BatchTarget} is your code that writes a batch. It gets a {@link
 *       io.pentrough.HostBatch} to write to, and a {@link io.pentrough.BatchContext} that says
 *       which batch it is. If your data are samples with an index, {@code
 *       io.pentrough.data.Batches} is a target for them. An {@link io.pentrough.ArraySource}
 *       returns ordinary arrays instead.
 *   <li>{@link io.pentrough.DeviceBatch} is what the loop gets, until it closes it.
 *   <li>{@link io.pentrough.BatchStage} is work on the device between the copy and the loop, such
 *       as {@code io.pentrough.augment.Augmentation}.
 *   <li>{@link io.pentrough.LoaderStats} and {@link io.pentrough.Trace} say what limits the speed,
 *       {@link io.pentrough.LoaderSnapshot} what happens now.
 *   <li>{@link io.pentrough.FailurePolicy} says what to do when a target throws, {@link
 *       io.pentrough.Position} where a checkpoint goes on.
 * </ul>
 *
 * <p>No argument may be null, nor anything that a target or source returns, unless it is said. A
 * null argument throws a {@link NullPointerException} that names the parameter. An unknown name
 * throws an {@link IllegalArgumentException}. Both leave everything as it was. A method that may
 * return null is marked as such.
 */
@NullMarked
package io.pentrough;

import org.jspecify.annotations.NullMarked;
