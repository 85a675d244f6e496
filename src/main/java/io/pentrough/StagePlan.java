package io.pentrough;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Where the arrays, parameters and scratch memory of the stages lie. Immutable once made.
 *
 * <pre>
 * host slot     parameters | the target's arrays
 *                    one copy of both
 * device slot   parameters | the target's arrays | what stages make and consumers get
 * shared        what one stage makes and another replaces | scratch memory
 * </pre>
 *
 * The parameters come first, so that a copy can end after the last array that is not empty.
 */
final class StagePlan {

  private static final long ALIGNMENT = 256;

  /** More than any device has, and so little that all slots together stay below 2^63. */
  private static final long MAX_BYTES = 1L << 50;

  /** Where an array lies that stages read or make. */
  static final class Allocation {

    /** The shape is the same in every batch. */
    static final int FIXED = -1;

    final ArraySpec spec;

    /** The index of the target's array whose shape this one has, or {@link #FIXED}. */
    final int shapeFrom;

    /**
     * Whether one stage makes the array and a later one replaces or drops it. Such an array is the
     * same memory for all slots, as stages run one batch after another.
     */
    boolean isShared;

    /** In the slot, or in the memory that all slots share. */
    long offset;

    Allocation(ArraySpec spec, int shapeFrom) {
      this.spec = spec;
      this.shapeFrom = shapeFrom;
    }
  }

  /** One stage, and where its memory lies. */
  static final class Step {
    final BatchStage stage;
    final String name;

    /** See {@link BatchStage#description()}. */
    final String description;

    final Map<String, Allocation> reads;
    final Map<String, Allocation> makes;
    final int parameterBytes;
    final long parameterOffset;
    final long scratchBytes;
    long scratchOffset;

    Step(BatchStage stage, String name, StageArrays declared, long parameterOffset) {
      this.stage = stage;
      this.name = name;
      this.description =
          Objects.requireNonNull(
              stage.description(), () -> "description() of stage '" + name + "' returned null");
      this.reads = declared.reads;
      this.makes = declared.makes;
      this.parameterBytes = declared.parameterBytes;
      this.parameterOffset = parameterOffset;
      this.scratchBytes = declared.scratchBytes;
    }

    Allocation in(String array) {
      return find(reads, array, "reads");
    }

    Allocation out(String array) {
      return find(makes, array, "makes");
    }

    Allocation allocationOf(String array) {
      Allocation made = makes.get(Objects.requireNonNull(array, "array"));
      return made == null ? find(reads, array, "reads or makes") : made;
    }

    private Allocation find(Map<String, Allocation> declared, String array, String does) {
      Allocation allocation = declared.get(Objects.requireNonNull(array, "name"));
      if (allocation == null) {
        throw new IllegalArgumentException(
            "stage '"
                + name
                + "' has not declared that it "
                + does
                + " '"
                + array
                + "', only "
                + declared.keySet()
                + ": say so in declare()");
      }
      return allocation;
    }
  }

  final BatchSpec target;
  final BatchSpec delivered;
  final List<Step> steps;
  final long headerBytes;
  final long deviceSlotBytes;
  final long sharedBytes;

  /**
   * For each delivered array the index of the target's array whose shape it has, or {@link
   * Allocation#FIXED}.
   */
  final int[] shapeFrom;

  private StagePlan(
      BatchSpec target,
      BatchSpec delivered,
      List<Step> steps,
      long headerBytes,
      long deviceSlotBytes,
      long sharedBytes,
      int[] shapeFrom) {
    this.target = target;
    this.delivered = delivered;
    this.steps = steps;
    this.headerBytes = headerBytes;
    this.deviceSlotBytes = deviceSlotBytes;
    this.sharedBytes = sharedBytes;
    this.shapeFrom = shapeFrom;
  }

  /**
   * Lets the stages declare what they read and make, in their order.
   *
   * @throws IllegalArgumentException if they do not fit each other or the arrays
   */
  static StagePlan of(BatchSpec target, List<BatchStage> stages) {
    Map<String, Allocation> arrays = new LinkedHashMap<>();
    for (int i = 0; i < target.arrays().size(); i++) {
      ArraySpec array = target.array(i);
      arrays.put(array.name(), new Allocation(array, array.isVariable() ? i : Allocation.FIXED));
    }
    Set<Allocation> targets = Set.copyOf(arrays.values());
    List<Step> steps = new ArrayList<>();
    long header = 0;
    for (BatchStage stage : stages) {
      String name = Objects.requireNonNull(stage.name(), "name() of a stage returned null");
      StageArrays declared = new StageArrays(name, arrays);
      stage.declare(declared);
      declared.end();
      steps.add(new Step(stage, name, declared, header));
      header += align(declared.parameterBytes);
      arrays = declared.after();
    }
    if (arrays.isEmpty()) {
      throw new IllegalArgumentException(
          "the stages leave no array to deliver: let one of them drop fewer arrays");
    }
    for (Allocation array : targets) {
      array.offset = header + array.spec.offset();
    }
    long slot = header + target.slotBytes();
    long shared = 0;
    for (Step step : steps) {
      for (Allocation made : step.makes.values()) {
        made.isShared = !arrays.containsValue(made);
        String what = "makes '" + made.spec.name() + "', which takes ";
        if (made.isShared) {
          made.offset = shared;
          shared = behind(shared, made.spec.bytes(), step, what);
        } else {
          made.offset = slot;
          slot = behind(slot, made.spec.bytes(), step, what);
        }
      }
      step.scratchOffset = shared;
      shared = behind(shared, step.scratchBytes, step, "asks for scratch memory of ");
    }
    if (header + target.slotBytes() > BatchSpec.MAX_SLOT_BYTES) {
      throw new IllegalArgumentException(
          "the arrays and the stages' parameters take "
              + Units.bytes(header + target.slotBytes())
              + " together, more than the "
              + Units.bytes(BatchSpec.MAX_SLOT_BYTES)
              + " of a slot: make the batches smaller");
    }
    List<ArraySpec> delivered = new ArrayList<>();
    int[] shapeFrom = new int[arrays.size()];
    for (Allocation array : arrays.values()) {
      shapeFrom[delivered.size()] = array.shapeFrom;
      delivered.add(array.spec.at(array.offset));
    }
    return new StagePlan(
        target, BatchSpec.of(delivered, slot), steps, header, slot, shared, shapeFrom);
  }

  /** A {@link Position} of format 1 has the hash of this text. */
  String names() {
    StringBuilder text = new StringBuilder(target.toString());
    for (Step step : steps) {
      text.append(" | ").append(step.name);
    }
    return text.append(" | ").append(delivered).toString();
  }

  /** The offset after these bytes, where the next allocation begins. */
  private static long behind(long offset, long bytes, Step step, String what) {
    if (bytes > MAX_BYTES - offset) {
      throw new IllegalArgumentException(
          "stage '"
              + step.name
              + "' "
              + what
              + bytes
              + " bytes: together with what comes before it, that is more than any device has; ask"
              + " for less");
    }
    return offset + align(bytes);
  }

  private static long align(long bytes) {
    return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
  }
}
