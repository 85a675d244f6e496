package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Delivers batches that background threads have made. This is what a {@link BackgroundLoader} and a
 * {@link BatchQueue} have in common.
 *
 * <pre>{@code
 * for (int step = 0; step < steps; step++) {
 *   try (DeviceBatch batch = loader.get(patience)) {
 *     train(batch);
 *   } catch (TargetException e) { // the target failed for this batch; the next get continues
 *     log(e.index() + ": " + e.getCause());
 *   }
 * }
 * }</pre>
 *
 * <p>Each {@code get} returns a {@linkplain DeviceBatch lease} of one batch on the device. Closing
 * the lease gives the memory back. A {@code get} ends in one of these ways:
 *
 * <ul>
 *   <li>It returns the next batch.
 *   <li>No batch was ready in time: {@link BatchTimeoutException}. Nothing has been taken.
 *   <li>There are no more batches: {@link java.util.NoSuchElementException}, or null from {@link
 *       #poll(Duration)}.
 *   <li>The target failed for this batch: {@link TargetException}. The next {@code get} continues
 *       with the next batch.
 *   <li>The loader is closed: {@link LoaderClosedException}.
 *   <li>The device or the library failed: {@link io.pentrough.device.DeviceException}. Every later
 *       {@code get} throws one with the same cause.
 *   <li>The program made a mistake: {@link AllSlotsHeldException} or {@link
 *       StreamCapturingException}.
 * </ul>
 *
 * <p>To find out whether a loader is closed, catch {@link LoaderClosedException}. Do not catch its
 * supertype {@link IllegalStateException}, which also reports mistakes.
 *
 * <p>The interface is sealed, so later versions can add methods to it.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Several threads may wait in {@code
 * get} at once.
 */
public sealed interface BatchLoader extends AutoCloseable permits AbstractLoader {

  /**
   * The name in messages, thread names and logs.
   *
   * @return what the builder was given, else {@code loader-N} or {@code queue-N}
   */
  String name();

  /**
   * The device that the batches go to.
   *
   * @return what the builder was given
   */
  Device device();

  /**
   * Waits for the next batch without bound, for the loader's consumer stream. Logs a diagnosis as a
   * warning each time the builder's {@code warnAfter} has passed.
   *
   * @return a lease, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if every batch has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  DeviceBatch get() throws InterruptedException;

  /**
   * Waits for the next batch, for the loader's consumer stream.
   *
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none was ready in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if every batch has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  DeviceBatch get(Duration timeout) throws InterruptedException, BatchTimeoutException;

  /**
   * Waits for the next batch, for a stream of the caller's choice.
   *
   * @param stream the stream the batch will be used on; closing the batch records an event on it
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none was ready in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if every batch has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  DeviceBatch get(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException;

  /**
   * Like {@link #get(Duration)}, but returns null when there are no more batches. So a loop to the
   * end of the data needs no exception:
   *
   * <pre>{@code
   * DeviceBatch next;
   * while ((next = loader.poll(patience)) != null) {
   *   try (DeviceBatch batch = next) {
   *     train(batch);
   *   }
   * }
   * }</pre>
   *
   * <p>A timeout is not the end. It throws {@link BatchTimeoutException}, unlike the {@code poll}
   * of a {@link java.util.concurrent.BlockingQueue}, which returns null for a timeout.
   *
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller; null if every batch has been delivered and no more
   *     can come
   * @throws BatchTimeoutException if none was ready in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  @Nullable DeviceBatch poll(Duration timeout) throws InterruptedException, BatchTimeoutException;

  /**
   * Like {@link #get(DeviceStream, Duration)}, but returns null when there are no more batches. See
   * {@link #poll(Duration)}.
   *
   * @param stream the stream the batch will be used on; closing the batch records an event on it
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller; null if every batch has been delivered and no more
   *     can come
   * @throws BatchTimeoutException if none was ready in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  @Nullable DeviceBatch poll(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException;

  /**
   * Waits without bound until the copy of the next batch is queued, for the loader's consumer
   * stream. See {@link #getQueued(DeviceStream, Duration)}. Logs a diagnosis as a warning each time
   * the builder's {@code warnAfter} has passed.
   *
   * @return a lease, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if every batch has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  DeviceBatch getQueued() throws InterruptedException;

  /**
   * Waits until the copy of the next batch is queued, for the loader's consumer stream. See {@link
   * #getQueued(DeviceStream, Duration)}.
   *
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none was queued in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if every batch has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  DeviceBatch getQueued(Duration timeout) throws InterruptedException, BatchTimeoutException;

  /**
   * Returns a batch as soon as its copy is queued. The stream waits for the copy instead of the
   * calling thread, so work queued on the stream from now on sees the batch. The calling thread may
   * still wait for a target.
   *
   * <p>The host must not read the bytes before the stream has reached this point; {@link
   * DeviceArray#copyTo} waits for that. If the copy fails after this method has returned, then the
   * stream's later work fails too, and the loader is broken.
   *
   * @param stream the stream the batch will be used on; closing the batch records an event on it
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none was queued in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if every batch has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws AllSlotsHeldException if this thread holds every device slot, and so would wait for
   *     itself
   * @throws StreamCapturingException if the stream is being captured into a graph
   * @throws IllegalStateException if the stream is closed
   */
  DeviceBatch getQueued(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException;

  /**
   * The remaining batches, one after the other: for {@code for (DeviceBatch batch :
   * loader.batches())}. Each batch is closed when the next is asked for, and the last one at the
   * end. Waits like {@link #get()} and throws what that throws, with two differences: at the end
   * the iteration ends, and an interrupt throws {@link java.util.concurrent.CancellationException}
   * and keeps the thread's interrupt flag set.
   *
   * <p>A loop that ends early, by {@code break} or an exception, leaves its last batch open. Until
   * that batch is closed, it keeps its device slot. Close the batch, or close the loader: that
   * closes what loops of the closing thread and of ended threads still hold.
   *
   * <p>Threads may share an iterator if each of them calls {@code hasNext()} before {@code next()},
   * as a {@code for} loop does. Each thread gets batches of its own, and closes its last one when
   * it asks for the next. A thread that has been told {@code true} has a batch, and keeps its
   * device slot, even if it does not call {@code next()}. No other thread's loop gets that batch
   * while the thread lives. So a loop that may also end for another reason has to look at that
   * reason before {@code hasNext()}. A thread that continues the loop of another one that lives has
   * to close that thread's last batch itself.
   *
   * @return an iterable; each iterator continues where the loader is
   */
  Iterable<DeviceBatch> batches();

  /**
   * Starts again from the first batch that has not been delivered. Batches that were filled, copied
   * or being filled are made again, and none of the old ones is delivered. Leases stay valid. This
   * method does not wait and interrupts no target. The result of a target that is still running is
   * dropped when the target returns.
   *
   * @throws LoaderClosedException if the loader is closed
   * @throws io.pentrough.device.DeviceException if the loader is broken
   */
  void reset();

  /**
   * What the loader has done so far, and who waits for whom.
   *
   * @return an immutable snapshot; also of a closed loader
   */
  LoaderStats stats();

  /**
   * What each slot and each worker does now. A {@link BatchTimeoutException} says it in words.
   *
   * @return an immutable picture of this moment; also of a closed loader
   */
  LoaderSnapshot snapshot();

  /**
   * What happened to the last batches, and to those that are under way now: when each was claimed,
   * filled, copied, taken and closed. {@link Trace#writeHtml(java.nio.file.Path)} draws it. The
   * loader always records this; the builder's {@code trace(batches)} sets for how many batches.
   *
   * @return an immutable snapshot; also of a closed loader
   */
  Trace trace();

  /**
   * Stops the workers and gives all memory back. Drops what has not been delivered.
   *
   * <p>Waits for memory in use: running targets, copies, open leases, and work that consumers
   * queued before they closed their leases. After half of the builder's {@code closeTimeout},
   * running targets are interrupted, unless the builder says {@code interruptTargets(false)}. When
   * the timeout is over, this method returns anyway. It logs who still uses what, with the stacks
   * of stuck targets, and the last user frees the memory.
   *
   * <p>Leases that the calling thread holds are not waited for; closing them gives their memory
   * back. Leases that loops over {@link #batches()} hold are closed here, if the loop ran on the
   * calling thread or on one that has ended. If a target calls this method, the method does not
   * wait for that target. Callers that hold something do not wait for each other.
   *
   * <p>Every waiting {@code get} ends with a {@link LoaderClosedException}. Idempotent. Not
   * interruptible; keeps the interrupt flag.
   */
  @Override
  void close();
}
