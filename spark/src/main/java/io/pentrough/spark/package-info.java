/**
 * Training on a cluster that loses and gains machines: Spark starts the tasks, Pentrough feeds
 * them.
 *
 * <p><b>The driver</b> ({@link io.pentrough.spark.ElasticJob#builder}) owns the loop over attempts.
 * An attempt is one Spark job with one barrier stage, on as many tasks as there is room for now. A
 * barrier stage starts all of its tasks or none, and ends them all when one is lost. The driver
 * then starts the next attempt, perhaps on another number of tasks. Spark's own retry of a stage is
 * not used, as it keeps the number of tasks.
 *
 * <p><b>A task</b> ({@link io.pentrough.spark.ElasticTask}, {@link
 * io.pentrough.spark.ElasticContext}) owns a device, a shard of each epoch and the state of the
 * training. From time to time all tasks make a checkpoint together: they gather their positions,
 * and one of them writes the position of the whole and the state into the store.
 *
 * <p><b>The store</b> ({@link io.pentrough.spark.CheckpointStore}) owns what outlives an attempt,
 * as entries that are created whole, once, and never change:
 *
 * <table>
 * <caption>Entries of a store</caption>
 * <tr><th>entry</th><th>who creates it</th><th>what it means</th></tr>
 * <tr><td>{@code owner-A-U}</td><td>the driver, before its first claim, which is of attempt A, with
 * a name of its own</td><td>this driver has not ended; deleted at its end. If the driver was killed,
 * a later driver deletes it</td></tr>
 * <tr><td>{@code attempt-A}</td><td>the driver, before attempt A</td><td>attempts before A are
 * over; it names the driver and its {@code owner-A-U}</td></tr>
 * <tr><td>{@code probe-A}</td><td>task 0 of attempt A</td><td>nothing; it shows that executors can
 * write, and is deleted at once</td></tr>
 * <tr><td>{@code checkpoint-A-N}</td><td>one task of attempt A</td><td>checkpoint N</td></tr>
 * </table>
 *
 * <p><b>Fencing.</b> A lost attempt may live on for some seconds, and may write another checkpoint
 * meanwhile. So the newest checkpoint is the one with the highest attempt, and among those the one
 * with the highest number. What a lost attempt writes late is either a good checkpoint that the
 * next attempt has not gone beyond, or is behind the next attempt's first one. The driver claims an
 * attempt before it looks for the newest checkpoint. An attempt that deletes old checkpoints first
 * looks for a later claim, and keeps the two newest that it saw. So no checkpoint that an attempt
 * started from is deleted by an earlier attempt.
 *
 * <p><b>Two drivers.</b> A store is in use if the driver that has claimed the last attempt has not
 * ended. A second driver is refused then, or takes over: it claims the next attempt. A driver
 * claims only the number behind its own last one. So if it was taken for dead and lives, it finds
 * that number taken, and ends. Of drivers that take over at the same time, the one that claims last
 * goes on.
 *
 * <p><b>Failures.</b> If a task fails, Spark ends the others and reports nothing of what they
 * throw. But one of them may have failed first, and be slow to close what it has open, while the
 * failure that Spark saw is a consequence. So a task reports its failure to the driver before its
 * context closes anything. The driver shows a refusal first, then a lost executor, then an
 * exception, and a {@link io.pentrough.spark.PeerLostException} only if there is nothing else. What
 * a task has reported before its executor was lost is shown with that loss, and is its cause. If
 * the next attempt cannot be made, the message names the failure of the attempt first, and then why
 * there is no next one.
 *
 * <p>States of the driver:
 *
 * <pre>
 * claim attempt A -> choose the newest checkpoint -> wait for room -> run the stage -+-> all tasks ended: done
 *       ^                                                                            |
 *       +---- a task failed or was lost, another attempt may help -------------------+-> else: failed
 * </pre>
 *
 * <p>States of a task:
 *
 * <pre>
 * restore -> start the loader -> (steps, now and then a checkpoint) -> finished: takes part in the
 *                                                                      checkpoints of the others -> ended
 * </pre>
 */
@NullMarked
package io.pentrough.spark;

import org.jspecify.annotations.NullMarked;
