package io.pentrough;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Where everything lies that stages work on. Immutable once made.
 *
 * <pre>
 * host slot     parameters | the target's arrays
 *                    one copy of both
 * device slot   parameters | the target's arrays | what stages make and consumers get
 * shared        what one stage makes and another replaces | scratch memory
 * </pre>
 *
 * The parameters come first, so that a copy need not go beyond the last array that is not empty.
 */
final class StagePlan {

  private static final long ALIGNMENT = 256;

  /** More than any device has, and so little that all slots together stay below 2^63. */
  private static final long MAX_BYTES = 1L << 50;

  /** One stage, and where its things lie. */
  static final class Step {
    final BatchStage stage;
    final String name;

    /** See {@link BatchStage#description()}. */
    final String description;

    final Map<String, StagePlace> reads;
    final Map<String, StagePlace> makes;
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

    StagePlace in(String array) {
      return find(reads, array, "reads");
    }

    StagePlace out(String array) {
      return find(makes, array, "makes");
    }

    StagePlace placeOf(String array) {
      StagePlace made = makes.get(Objects.requireNonNull(array, "array"));
      return made == null ? find(reads, array, "reads or makes") : made;
    }

    private StagePlace find(Map<String, StagePlace> places, String array, String does) {
      StagePlace place = places.get(Objects.requireNonNull(array, "name"));
      if (place == null) {
        throw new IllegalArgumentException(
            "stage '"
                + name
                + "' has not declared that it "
                + does
                + " '"
                + array
                + "', only "
                + places.keySet()
                + ": say so in declare()");
      }
      return place;
    }
  }

  final BatchSpec target;
  final BatchSpec delivered;
  final List<Step> steps;
  final long headerBytes;
  final long deviceSlotBytes;
  final long sharedBytes;

  /**
   * For each delivered array the target's array whose shape it has, or {@link StagePlace#FIXED}.
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
   * Asks the stages, in their order.
   *
   * @throws IllegalArgumentException if they do not fit each other or the arrays
   */
  static StagePlan of(BatchSpec target, List<BatchStage> stages) {
    Map<String, StagePlace> places = new LinkedHashMap<>();
    for (int i = 0; i < target.arrays().size(); i++) {
      ArraySpec array = target.array(i);
      places.put(array.name(), new StagePlace(array, array.isVariable() ? i : StagePlace.FIXED));
    }
    Set<StagePlace> targets = Set.copyOf(places.values());
    List<Step> steps = new ArrayList<>();
    long header = 0;
    for (BatchStage stage : stages) {
      String name = Objects.requireNonNull(stage.name(), "name() of a stage returned null");
      StageArrays declared = new StageArrays(name, places);
      stage.declare(declared);
      declared.end();
      steps.add(new Step(stage, name, declared, header));
      header += align(declared.parameterBytes);
      places = declared.after();
    }
    if (places.isEmpty()) {
      throw new IllegalArgumentException(
          "the stages leave no array to deliver: let one of them drop fewer arrays");
    }
    for (StagePlace place : targets) {
      place.offset = header + place.spec.offset();
    }
    long slot = header + target.slotBytes();
    long shared = 0;
    for (Step step : steps) {
      for (StagePlace made : step.makes.values()) {
        made.isShared = !places.containsValue(made);
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
    int[] shapeFrom = new int[places.size()];
    for (StagePlace place : places.values()) {
      shapeFrom[delivered.size()] = place.shapeFrom;
      delivered.add(place.spec.at(place.offset));
    }
    return new StagePlan(
        target, BatchSpec.of(delivered, slot), steps, header, slot, shared, shapeFrom);
  }

  /** What a {@link Position} of format 1 has a hash of. */
  String names() {
    StringBuilder text = new StringBuilder(target.toString());
    for (Step step : steps) {
      text.append(" | ").append(step.name);
    }
    return text.append(" | ").append(delivered).toString();
  }

  /** Where the next thing may begin. */
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
