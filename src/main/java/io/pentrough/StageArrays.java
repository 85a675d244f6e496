package io.pentrough;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Lets a {@link BatchStage} see the arrays before it, and declare what it reads, makes and drops.
 *
 * <p>An array that a stage makes replaces an earlier array of the same name. All arrays that a
 * stage neither makes nor drops stay as they are.
 *
 * <p>Valid on the thread that calls {@link BatchStage#declare}, until {@code declare} returns. At
 * any other time, and on any other thread, the methods throw {@link IllegalStateException}. They do
 * not block. If a method throws, nothing has been declared by that call.
 */
public final class StageArrays {

  /** Larger data belongs into arrays. */
  static final int MAX_PARAMETER_BYTES = 1 << 20;

  private final String stage;
  private final Map<String, StagePlan.Allocation> before;

  /** As in {@link BatchContext}. */
  private @Nullable Thread thread = Thread.currentThread();

  final Map<String, StagePlan.Allocation> reads = new LinkedHashMap<>();
  final Map<String, StagePlan.Allocation> makes = new LinkedHashMap<>();
  final Set<String> drops = new LinkedHashSet<>();
  int parameterBytes;
  long scratchBytes;

  StageArrays(String stage, Map<String, StagePlan.Allocation> before) {
    this.stage = stage;
    this.before = before;
  }

  /** {@code declare} has returned. */
  void end() {
    thread = null;
  }

  private void check() {
    if (thread != Thread.currentThread()) {
      throw BatchContext.misuse("what a stage declares", thread);
    }
  }

  /**
   * The arrays before this stage: those of the target, as changed by the stages before.
   *
   * @return their specifications, in order; the offsets mean nothing
   */
  public List<ArraySpec> all() {
    check();
    return before.values().stream().map(array -> array.spec).collect(Collectors.toList());
  }

  /**
   * Declares that the stage reads an array.
   *
   * @param name the array's name
   * @param types the element types that the stage accepts; none to accept all
   * @return the array's specification; the offset means nothing
   * @throws IllegalArgumentException if no array has this name, or its type is not accepted
   */
  public ArraySpec reads(String name, DType... types) {
    Objects.requireNonNull(types, "types");
    StagePlan.Allocation array = find(Objects.requireNonNull(name, "name"));
    if (types.length > 0 && !Arrays.asList(types).contains(array.spec.dtype())) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' reads '"
              + name
              + "' as "
              + Arrays.stream(types).map(DType::label).collect(Collectors.joining(" or "))
              + ", but it is "
              + array.spec.dtype().label()
              + ": declare it as such, or put a stage before this one that makes it");
    }
    reads.put(name, array);
    return array.spec;
  }

  /**
   * Declares that the stage makes an array with the same shape in every batch.
   *
   * <p>If the first dimension equals that of the target's first array, the array has one row per
   * sample. In a batch with fewer samples only the rows that count are delivered, and the library
   * fills the others with zeros after the stage (see {@link HostBatch#size}).
   *
   * @param name the array's name; give the name of an existing array to replace it
   * @param dtype the element type
   * @param shape the shape, slowest dimension first, as for {@link BatchSpec.Builder#array}
   * @throws IllegalArgumentException if this stage has already declared that it makes or drops an
   *     array of this name, or if name or shape are not valid in a {@link BatchSpec}
   */
  public void makes(String name, DType dtype, int... shape) {
    Objects.requireNonNull(shape, "shape");
    make(
        new StagePlan.Allocation(
            new ArraySpec(name, dtype, shape.clone(), false, 0), StagePlan.Allocation.FIXED));
  }

  /**
   * Declares that the stage makes an array with the shape of another array. If the other array is
   * variable, so is this one.
   *
   * @param name the array's name; give the name of an existing array to replace it
   * @param dtype the element type
   * @param like the name of the other array
   * @throws IllegalArgumentException if no array has the name {@code like}, or this stage has
   *     already declared that it makes or drops an array called {@code name}
   */
  public void makesLike(String name, DType dtype, String like) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(dtype, "dtype");
    StagePlan.Allocation other = find(Objects.requireNonNull(like, "like"));
    ArraySpec spec = new ArraySpec(name, dtype, other.spec.shape(), other.spec.isVariable(), 0);
    make(new StagePlan.Allocation(spec, other.shapeFrom));
  }

  private void make(StagePlan.Allocation array) {
    check();
    String name = array.spec.name();
    requireNew(name);
    makes.put(name, array);
  }

  /**
   * Declares that the stage drops an array: later stages and consumers do not see it.
   *
   * @param name the array's name
   * @throws IllegalArgumentException if no array has this name, or this stage has already declared
   *     that it makes or drops it
   */
  public void drops(String name) {
    find(Objects.requireNonNull(name, "name"));
    requireNew(name);
    drops.add(name);
  }

  /**
   * Requests memory for the parameters that {@link BatchStage#draw} writes for each batch. Default
   * 0.
   *
   * @param bytes the number of bytes, 0 to 1,048,576; their device address is a multiple of 256
   * @throws IllegalArgumentException if out of range
   */
  public void parameters(int bytes) {
    check();
    if (bytes < 0 || bytes > MAX_PARAMETER_BYTES) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' asks for "
              + bytes
              + " bytes of parameters; it may have 0 to "
              + MAX_PARAMETER_BYTES
              + ", and arrays for more");
    }
    parameterBytes = bytes;
  }

  /**
   * Requests device memory for intermediate results. All batches share it, so each batch overwrites
   * what the one before left there. Default 0.
   *
   * @param bytes the number of bytes; {@code plan()} and {@code start()} refuse more than a device
   *     can have
   * @throws IllegalArgumentException if negative
   */
  public void scratch(long bytes) {
    check();
    if (bytes < 0) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' asks for "
              + bytes
              + " bytes of scratch memory; ask for 0 or more");
    }
    scratchBytes = bytes;
  }

  /** The arrays after this stage. */
  Map<String, StagePlan.Allocation> after() {
    Map<String, StagePlan.Allocation> after = new LinkedHashMap<>(before);
    after.putAll(makes); // a replaced array keeps its index
    after.keySet().removeAll(drops);
    return after;
  }

  private StagePlan.Allocation find(String name) {
    check();
    StagePlan.Allocation array = before.get(name);
    if (array == null) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' asks for the array '"
              + name
              + "', but the arrays before it are "
              + before.keySet().stream()
                  .map(present -> "'" + present + "'")
                  .collect(Collectors.joining(", ")));
    }
    return array;
  }

  private void requireNew(String name) {
    if (makes.containsKey(name) || drops.contains(name)) {
      throw new IllegalArgumentException(
          "stage '" + stage + "' declares the array '" + name + "' twice: make or drop it once");
    }
  }
}
