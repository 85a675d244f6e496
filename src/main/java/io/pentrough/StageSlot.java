package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.KernelSource;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One slot of the device ring, for a {@link BatchStage} to bind its kernels to. The addresses stay
 * the same until the loader closes.
 *
 * <p><b>Threads.</b> Valid on the thread that calls {@link BatchStage#prepare}, until {@code
 * prepare} returns. At any other time, and on any other thread, the methods throw {@link
 * IllegalStateException}. The buffers and kernels that they return are for {@link StageWork#queue}.
 */
public final class StageSlot {

  private final StageExecutor executor;
  private final StagePlan.Step step;
  private final int number;

  /** As in {@link BatchContext}. */
  private @Nullable Thread thread = Thread.currentThread();

  StageSlot(StageExecutor executor, StagePlan.Step step, int number) {
    this.executor = executor;
    this.step = step;
    this.number = number;
  }

  /** {@code prepare} has returned. */
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
    return executor.device();
  }

  /**
   * Looks up a kernel for the work on this slot. The first call for a source loads its module on
   * the device, which may block. The loader closes kernels and modules; the stage must not.
   *
   * @param source the source of the kernel; pass the same object for all slots
   * @param name the kernel's name
   * @return a new kernel, for this slot only
   * @throws IllegalArgumentException if the source has no kernel of this name
   * @throws io.pentrough.device.DeviceException if the device cannot load it
   */
  public DeviceKernel kernel(KernelSource source, String name) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(name, "name");
    check();
    return executor.kernel(source, name);
  }

  /**
   * The memory of an array that the stage reads.
   *
   * @param name the name declared with {@link StageArrays#reads}
   * @return the memory; for a variable array, that of its maximum shape
   * @throws IllegalArgumentException if the stage has not declared that it reads the array
   */
  public DeviceBuffer in(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return executor.buffer(number, step.in(name));
  }

  /**
   * The specification of an array that the stage reads.
   *
   * @param name the name declared with {@link StageArrays#reads}
   * @return the specification; the offset means nothing
   * @throws IllegalArgumentException if the stage has not declared that it reads the array
   */
  public ArraySpec inSpec(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return step.in(name).spec;
  }

  /**
   * The memory of an array that the stage makes.
   *
   * @param name the name declared with {@link StageArrays#makes} or {@link StageArrays#makesLike}
   * @return the memory; for a variable array, that of its maximum shape. It never overlaps an array
   *     that the stage reads
   * @throws IllegalArgumentException if the stage has not declared that it makes the array
   */
  public DeviceBuffer out(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return executor.buffer(number, step.out(name));
  }

  /**
   * The specification of an array that the stage makes.
   *
   * @param name the name declared with {@link StageArrays#makes} or {@link StageArrays#makesLike}
   * @return the specification; the offset means nothing
   * @throws IllegalArgumentException if the stage has not declared that it makes the array
   */
  public ArraySpec outSpec(String name) {
    Objects.requireNonNull(name, "name");
    check();
    return step.out(name).spec;
  }

  /**
   * The parameters that {@link BatchStage#draw} has written for the batch in this slot.
   *
   * @return the declared number of bytes; the device address is a multiple of 256
   * @throws IllegalArgumentException if the stage has declared no parameters
   */
  public DeviceBuffer parameters() {
    check();
    return executor.parameters(number, step);
  }

  /**
   * The scratch memory, which all batches share.
   *
   * @return the declared number of bytes; the device address is a multiple of 256
   * @throws IllegalArgumentException if the stage has declared no scratch memory
   */
  public DeviceBuffer scratch() {
    check();
    return executor.scratch(step);
  }
}
