package io.pentrough;

import java.nio.ByteBuffer;

/**
 * Work that the device does between the copy of a batch and its delivery. A consumer gets the batch
 * with the work done (I9).
 *
 * <pre>{@code
 * record Scale(float factor) implements BatchStage {
 *
 *   public void declare(StageArrays arrays) {
 *     arrays.reads("image", DType.UINT8);
 *     arrays.makesLike("image", DType.FLOAT32, "image"); // replaces it
 *   }
 *
 *   public StageWork prepare(StageSlot slot) { // once for each slot: its memory never moves
 *     int count = slot.inSpec("image").elements();
 *     DeviceKernel scale =
 *         slot.kernel(SCALE, "scale")
 *             .set(0, slot.in("image"))
 *             .set(1, slot.out("image"))
 *             .setInt(2, count)
 *             .setFloat(3, factor)
 *             .cover(count, 256);
 *     return invocation -> scale.launch(invocation.stream());
 *   }
 *   ...
 * }
 * }</pre>
 *
 * <p>{@code SCALE} is a {@link io.pentrough.device.KernelSource}.
 *
 * <p>A stage lets small element types cross the bus. For example, the host copies bytes and the
 * stage makes floats of them on the device.
 *
 * <pre>
 * worker         draw: this batch's parameters  -> target.fill
 * copy stream    one copy: parameters and arrays ---------------.  the next copy ...
 * stage stream                                                   '-> the work of each stage -> ready
 * </pre>
 *
 * <p>The library asks a stage three times:
 *
 * <ol>
 *   <li>{@link #declare}, once per loader: which arrays it reads and makes, and how much memory it
 *       needs.
 *   <li>{@link #prepare}, once for each slot of the device ring: it binds its kernels to the slot's
 *       memory. The library queues the returned work for every batch in that slot.
 *   <li>{@link #draw}, for each batch: its parameters.
 * </ol>
 *
 * <p>Stages run in the order in which they were given to {@link BackgroundLoader.Builder#stage}.
 * Each sees the arrays that the stages before it left.
 *
 * <p><b>Threads.</b> One object may serve several loaders. The thread that starts a loader calls
 * {@link #declare} and {@link #prepare}. Workers call {@link #draw}, several at once. So a stage
 * must have no mutable state, or must synchronise it.
 */
public interface BatchStage {

  /**
   * The stage's name in messages.
   *
   * @return the class's simple name, unless overridden
   */
  default String name() {
    return getClass().getSimpleName();
  }

  /**
   * All options that change what the stage makes of a batch, in words.
   *
   * <p>A {@link Position} contains this text. A loader whose stages have another text refuses the
   * position, and the message shows the parts that differ. Separate parts by a semicolon and a
   * space.
   *
   * @return for example {@code "mirror of image; probability 0.5"}; the name, unless overridden.
   *     Equal options must give equal texts in every JVM
   */
  default String description() {
    return name();
  }

  /**
   * Declares what the stage reads, makes and needs. Called by {@code plan()} and {@code start()}.
   *
   * @param arrays shows the arrays before this stage, and takes the declaration; valid until this
   *     method returns
   * @throws IllegalArgumentException if the stage cannot work with these arrays
   */
  void declare(StageArrays arrays);

  /**
   * Draws the parameters of a batch. They travel in the batch's own copy.
   *
   * <p>Called before the target, which may read them with {@link HostBatch#parameters}. Called
   * again at every attempt, with the same random numbers. If this throws, the batch fails as if the
   * target had thrown.
   *
   * @param context of the batch. Its random numbers belong to this stage alone. They are a function
   *     of the seed, the epoch, the index, and the stage's index among the stages (I8). {@link
   *     BatchContext#endOfEpoch()} has no effect
   * @param parameters the declared number of bytes, in native order, at position 0, with undefined
   *     content
   * @throws Exception if the parameters cannot be drawn
   */
  default void draw(BatchContext context, ByteBuffer parameters) throws Exception {}

  /**
   * Binds the stage's work to one slot of the device ring. Called for each slot when the loader
   * starts. The addresses in a slot never change, so set up kernels and their arguments here.
   *
   * @param slot the slot; valid until this method returns
   * @return the work to queue for each batch in this slot
   */
  StageWork prepare(StageSlot slot);
}
