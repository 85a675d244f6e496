package io.pentrough;

import java.nio.ByteBuffer;

/**
 * Work on the device between the copy of a batch and its delivery: the batch a consumer gets has
 * been through it (I9).
 *
 * <p>So small types can cross the bus, and what a consumer wants of them is made behind it: bytes
 * are copied, floats come out.
 *
 * <pre>
 * worker         draw: this batch's parameters  -> target.fill
 * copy stream    one copy: parameters and arrays ---------------.  the next copy ...
 * stage stream                                                   '-> the work of each stage -> ready
 * </pre>
 *
 * <p>A stage says once what it reads and makes ({@link #declare}), draws its parameters for each
 * batch ({@link #draw}), and is given each slot of the device ring once to bind its kernels to
 * ({@link #prepare}). What that returns is queued for every batch that passes through the slot.
 *
 * <p>Stages run in the order they were given to {@link BackgroundLoader.Builder#stage}; each sees
 * the arrays that those before it left.
 *
 * <p><b>Threads.</b> One object may serve several loaders, and is called by all their threads:
 * {@link #declare} and {@link #prepare} by the one that starts a loader, {@link #draw} by workers,
 * several at once. So it keeps no state that changes.
 */
public interface BatchStage {

  /**
   * What it is called in messages.
   *
   * @return the class's simple name, unless overridden
   */
  default String name() {
    return getClass().getSimpleName();
  }

  /**
   * Every option that changes what it makes of a batch, in words. A {@link Position} has this text
   * in it, and is refused by a loader whose stages have another one; the refusal shows those parts,
   * separated by a semicolon and a space, that differ.
   *
   * @return for example {@code "mirror of image; probability 0.5"}; the name, unless overridden.
   *     The same for equal options in every JVM
   */
  default String description() {
    return name();
  }

  /**
   * Says what it reads, makes and needs. Called by {@code plan()} and {@code start()}.
   *
   * @param arrays what there is, and where to say it; valid until this method returns
   * @throws IllegalArgumentException if what there is will not do
   */
  void declare(StageArrays arrays);

  /**
   * Draws the parameters of a batch, which travel in the batch's own copy. Called before the
   * target, which may look at them with {@link HostBatch#parameters}; at every attempt, with the
   * same random numbers. What it throws fails the batch like what a target throws.
   *
   * @param context of the batch; its random numbers are this stage's own, and a function of the
   *     seed, the epoch, the index and the stage's place (I8). {@link BatchContext#noMore()} has no
   *     effect
   * @param parameters as many bytes as declared, in native order, position 0, with undefined
   *     content
   * @throws Exception whatever stops it
   */
  default void draw(BatchContext context, ByteBuffer parameters) throws Exception {}

  /**
   * Binds its work to a slot of the device ring: where the arrays lie never changes, so kernels and
   * their arguments are set up here, once. Called for each slot when the loader starts.
   *
   * @param slot where everything lies
   * @return what to queue for each batch that passes through the slot
   */
  StageWork prepare(StageSlot slot);
}
