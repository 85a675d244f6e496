package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.KernelSource;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A slot of the device ring, as a {@link BatchStage} sees it: where its arrays lie, for as long as
 * the loader lives.
 *
 * <p><b>Threads.</b> For {@link BatchStage#prepare}, on its thread; any other use throws {@link
 * IllegalStateException}. What it hands out is for {@link StageWork#queue}.
 */
public final class StageSlot {

  private final StageWorks works;
  private final StagePlan.Step step;
  private final int number;

  /** As in {@link BatchContext}. */
  private @Nullable Thread thread = Thread.currentThread();

  StageSlot(StageWorks works, StagePlan.Step step, int number) {
    this.works = works;
    this.step = step;
    this.number = number;
  }

  /** The stage is prepared. */
  void end() {
    thread = null;
  }

  private void check() {
    if (thread != Thread.currentThread()) {
      throw BatchContext.misuse("a stage's slot", thread);
    }
  }

  /**
   * The device.
   *
   * @return the loader's device
   */
  public Device device() {
    check();
    return works.device();
  }

  /**
   * A kernel for the work on this slot. Its module is loaded once for the loader; both are closed
   * with it, not by the stage.
   *
   * @param source where it stands; the same object for all slots
   * @param name its name
   * @return a kernel of this slot alone
   * @throws IllegalArgumentException if there is no such kernel
   * @throws io.pentrough.device.DeviceException if the device refuses it
   */
  public DeviceKernel kernel(KernelSource source, String name) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(name, "name");
    check();
    return works.kernel(source, name);
  }

  /**
   * An array the stage reads.
   *
   * @param name as declared with {@link StageArrays#reads}
   * @return its memory, all of it if it is variable
   * @throws IllegalArgumentException if it was not declared
   */
  public DeviceBuffer in(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return works.buffer(number, step.in(name));
  }

  /**
   * What an array is that the stage reads.
   *
   * @param name as declared with {@link StageArrays#reads}
   * @return its specification; the offset means nothing
   * @throws IllegalArgumentException if it was not declared
   */
  public ArraySpec inSpec(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return step.in(name).spec;
  }

  /**
   * An array the stage makes.
   *
   * @param name as declared with {@link StageArrays#makes} or {@link StageArrays#makesLike}
   * @return its memory, all of it if it is variable; never that of an array that is read
   * @throws IllegalArgumentException if it was not declared
   */
  public DeviceBuffer out(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return works.buffer(number, step.out(name));
  }

  /**
   * What an array is that the stage makes.
   *
   * @param name as declared with {@link StageArrays#makes} or {@link StageArrays#makesLike}
   * @return its specification; the offset means nothing
   * @throws IllegalArgumentException if it was not declared
   */
  public ArraySpec outSpec(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return step.out(name).spec;
  }

  /**
   * What {@link BatchStage#draw} has written for the batch.
   *
   * @return as many bytes as declared, at a multiple of 256
   * @throws IllegalArgumentException if none were declared
   */
  public DeviceBuffer parameters() {
    check();
    return works.parameters(number, step);
  }

  /**
   * Memory to work in, common to all batches.
   *
   * @return as many bytes as declared, at a multiple of 256
   * @throws IllegalArgumentException if none were declared
   */
  public DeviceBuffer scratch() {
    check();
    return works.scratch(step);
  }
}
