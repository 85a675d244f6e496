package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Runs a loader's stages. It owns their stream, the memory that all slots share, their modules and
 * kernels, and the {@link StageWork} that each stage has prepared for each device slot.
 *
 * <p>The thread that starts the loader makes it. From then on it belongs to the thread that copies.
 */
final class StageExecutor {

  @SuppressWarnings("UnnecessaryLambda") // no guard, by a name
  private static final Runnable ALWAYS = () -> {};

  final DeviceStream stream;

  private final Device device;
  private final StagePlan plan;
  private final @Nullable DeviceBuffer shared;
  private final List<DeviceBuffer> slots = new ArrayList<>();
  private final StageWork[][] work;
  private final StageInvocation invocation;

  /** To be closed at the end, the latest first. */
  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  private final Map<KernelSource, DeviceModule> modules = new HashMap<>();

  private StageExecutor(Device device, StagePlan plan, int depth) {
    this.device = device;
    this.plan = plan;
    work = new StageWork[depth][plan.steps.size()];
    stream = device.newStream();
    opened.push(stream);
    invocation = new StageInvocation(stream);
    try {
      shared = plan.sharedBytes == 0 ? null : device.allocate(plan.sharedBytes);
    } catch (Throwable t) {
      stream.close();
      throw t;
    }
    if (shared != null) {
      opened.push(shared);
    }
  }

  /** Prepares every stage for every slot. If one cannot be prepared, everything is closed. */
  static StageExecutor prepare(Device device, StagePlan plan, List<DeviceSlotMemory> slots) {
    StageExecutor made = new StageExecutor(device, plan, slots.size());
    try {
      for (DeviceSlotMemory slot : slots) {
        made.slots.add(slot.buffer);
      }
      for (int number = 0; number < slots.size(); number++) {
        for (int i = 0; i < plan.steps.size(); i++) {
          made.work[number][i] = made.prepare(plan.steps.get(i), number);
        }
      }
      return made;
    } catch (Throwable failure) {
      made.close((what, t) -> failure.addSuppressed(t));
      throw failure;
    }
  }

  private StageWork prepare(StagePlan.Step step, int number) {
    StageSlot slot = new StageSlot(this, step, number);
    try {
      return Objects.requireNonNull(step.stage.prepare(slot), "prepare() returned null");
    } catch (Throwable t) {
      throw new StageException(step.name, "cannot be prepared", t);
    } finally {
      slot.end();
    }
  }

  /**
   * Queues the stages' work on a batch. The stream already waits for the batch's copy.
   *
   * @return null, or what a stage threw; the stages behind that one are not queued
   */
  @Nullable Throwable queue(DeviceSlot slot, DeviceSlotMemory memory) {
    StageWork[] ofSlot = work[slot.number];
    for (int i = 0; i < ofSlot.length; i++) {
      StagePlan.Step step = plan.steps.get(i);
      try {
        ofSlot[i].queue(invocation.of(slot, memory, step));
        if (!memory.isFull()) {
          clearOtherRows(slot.number, memory, step);
        }
      } catch (Throwable t) { // an Error too belongs to its batch (I5)
        return new StageException(step.name, "failed", t);
      } finally {
        invocation.end();
      }
    }
    return null;
  }

  /** Fills the rows that do not count with zeros, in the arrays that a stage has made. */
  private void clearOtherRows(int number, DeviceSlotMemory memory, StagePlan.Step step) {
    for (StagePlan.Allocation made : step.makes.values()) {
      if (memory.hasRowPerSample(made.spec)) {
        long counted = made.spec.dtype().bytes();
        for (int axis = 0; axis < made.spec.rank(); axis++) {
          counted *= memory.dimension(made, axis);
        }
        long others = memory.bytes(made.spec, made.shapeFrom) - counted;
        stream.fillZero(memoryOf(number, made), made.offset + counted, others);
      }
    }
  }

  Device device() {
    return device;
  }

  DeviceKernel kernel(KernelSource source, String name) {
    DeviceModule module = modules.get(source);
    if (module == null) {
      module = device.load(source);
      opened.push(module);
      modules.put(source, module);
    }
    DeviceKernel kernel = module.kernel(name);
    opened.push(kernel);
    return kernel;
  }

  DeviceBuffer buffer(int number, StagePlan.Allocation array) {
    return memoryOf(number, array).slice(array.offset, array.spec.bytes(), ALWAYS);
  }

  private DeviceBuffer memoryOf(int number, StagePlan.Allocation array) {
    return array.isShared ? Objects.requireNonNull(shared) : slots.get(number);
  }

  DeviceBuffer parameters(int number, StagePlan.Step step) {
    if (step.parameterBytes == 0) {
      throw new IllegalArgumentException(
          "stage '" + step.name + "' has declared no parameters: do so in declare()");
    }
    return slots.get(number).slice(step.parameterOffset, step.parameterBytes, ALWAYS);
  }

  DeviceBuffer scratch(StagePlan.Step step) {
    if (step.scratchBytes == 0) {
      throw new IllegalArgumentException(
          "stage '" + step.name + "' has declared no scratch memory: do so in declare()");
    }
    return Objects.requireNonNull(shared).slice(step.scratchOffset, step.scratchBytes, ALWAYS);
  }

  /** Waits for the queued work. */
  void synchronize() throws DeviceException {
    stream.synchronize();
  }

  /** Receives what could not be closed, and why. */
  @FunctionalInterface
  interface Refusal {
    void of(String what, Throwable why);
  }

  /** Closes everything. No work may be queued any more. */
  void close(Refusal refusal) {
    while (!opened.isEmpty()) {
      AutoCloseable resource = opened.pop();
      try {
        resource.close();
      } catch (Throwable t) { // an Error too: the rest must be closed
        refusal.of("what a stage uses", t);
      }
    }
  }
}
