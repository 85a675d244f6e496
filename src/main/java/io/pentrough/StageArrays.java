package io.pentrough;

import java.util.ArrayList;
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
 * What a {@link BatchStage} finds, reads and makes. For {@link BatchStage#declare}, on its thread;
 * any other use throws {@link IllegalStateException}.
 *
 * <p>What is made under the name of an array that there is takes its place; what is read and not
 * made anew, or not read at all, stays as it is.
 */
public final class StageArrays {

  /** More would not be parameters. */
  private static final int MOST_PARAMETER_BYTES = 1 << 20;

  private final String stage;
  private final Map<String, StagePlace> before;

  /** As in {@link BatchContext}. */
  private @Nullable Thread thread = Thread.currentThread();

  final Map<String, StagePlace> reads = new LinkedHashMap<>();
  final Map<String, StagePlace> makes = new LinkedHashMap<>();
  final Set<String> drops = new LinkedHashSet<>();
  int parameterBytes;
  long scratchBytes;

  StageArrays(String stage, Map<String, StagePlace> before) {
    this.stage = stage;
    this.before = before;
  }

  /** The stage has declared what it does. */
  void end() {
    thread = null;
  }

  private void check() {
    if (thread != Thread.currentThread()) {
      throw BatchContext.misuse("what a stage declares", thread);
    }
  }

  /**
   * The arrays there are: the target's, as the stages before have left them.
   *
   * @return their specifications, in order; the offsets mean nothing
   */
  public List<ArraySpec> all() {
    check();
    return before.values().stream().map(place -> place.spec).collect(Collectors.toList());
  }

  /**
   * Says that an array is read.
   *
   * @param name its name
   * @param types those it may have; none for any
   * @return its specification; the offset means nothing
   * @throws IllegalArgumentException if there is no such array, or it has another type
   */
  public ArraySpec reads(String name, DType... types) {
    Objects.requireNonNull(types, "types");
    StagePlace place = find(Objects.requireNonNull(name, "name"));
    if (types.length > 0 && !Arrays.asList(types).contains(place.spec.dtype())) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' reads '"
              + name
              + "' as "
              + Arrays.stream(types).map(DType::label).collect(Collectors.joining(" or "))
              + ", but it is "
              + place.spec.dtype().label()
              + ": declare it as such, or put a stage before this one that makes it");
    }
    reads.put(name, place);
    return place.spec;
  }

  /**
   * Says that an array is made, of the same shape in every batch. If its first dimension is that of
   * the target's first array, it has a row for each sample: in a batch of fewer samples it has only
   * the rows that count, and behind the stage zeros are written to the others (see {@link
   * HostBatch#size}).
   *
   * @param name its name; that of an array there is for one to take its place
   * @param dtype the type of its elements
   * @param shape slowest dimension first, as for {@link BatchSpec.Builder#array}
   * @throws IllegalArgumentException if this stage makes or drops such an array already, or name or
   *     shape are not as described
   */
  public void makes(String name, DType dtype, int... shape) {
    Objects.requireNonNull(shape, "shape");
    make(new StagePlace(new ArraySpec(name, dtype, shape.clone(), false, 0), StagePlace.FIXED));
  }

  /**
   * Says that an array is made whose shape is always that of another, also where that is variable.
   *
   * @param name its name; that of an array there is for one to take its place
   * @param dtype the type of its elements
   * @param like the name of the other one
   * @throws IllegalArgumentException if there is no such other array, or this stage makes or drops
   *     one of that name already
   */
  public void makesLike(String name, DType dtype, String like) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(dtype, "dtype");
    StagePlace other = find(Objects.requireNonNull(like, "like"));
    ArraySpec spec = new ArraySpec(name, dtype, other.spec.shape(), other.spec.isVariable(), 0);
    make(new StagePlace(spec, other.shapeFrom));
  }

  private void make(StagePlace place) {
    check();
    String name = place.spec.name();
    requireNew(name);
    makes.put(name, place);
  }

  /**
   * Says that an array is not there any more behind this stage.
   *
   * @param name its name
   * @throws IllegalArgumentException if there is no such array, or this stage makes or drops one
   *     already
   */
  public void drops(String name) {
    find(Objects.requireNonNull(name, "name"));
    requireNew(name);
    drops.add(name);
  }

  /**
   * Asks for bytes that {@link BatchStage#draw} writes for each batch. Default 0.
   *
   * @param bytes how many, 0 to 1,048,576; they lie at a multiple of 256
   * @throws IllegalArgumentException if out of range
   */
  public void parameters(int bytes) {
    check();
    if (bytes < 0 || bytes > MOST_PARAMETER_BYTES) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' asks for "
              + bytes
              + " bytes of parameters; it may have 0 to "
              + MOST_PARAMETER_BYTES
              + ", and arrays for more");
    }
    parameterBytes = bytes;
  }

  /**
   * Asks for device memory to work in, which is the same for all batches: what a batch leaves there
   * is overwritten by the next. Default 0.
   *
   * @param bytes how many; what no device has is refused when the loader is planned
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

  /** The arrays behind this stage. */
  Map<String, StagePlace> after() {
    Map<String, StagePlace> after = new LinkedHashMap<>(before);
    after.putAll(makes); // what is there keeps its place in the order
    after.keySet().removeAll(drops);
    return after;
  }

  private StagePlace find(String name) {
    check();
    StagePlace place = before.get(name);
    if (place == null) {
      throw new IllegalArgumentException(
          "stage '"
              + stage
              + "' asks for the array '"
              + name
              + "', but there is only "
              + new ArrayList<>(before.keySet())
                  .stream().map(there -> "'" + there + "'").collect(Collectors.joining(", ")));
    }
    return place;
  }

  private void requireNew(String name) {
    if (makes.containsKey(name) || drops.contains(name)) {
      throw new IllegalArgumentException(
          "stage '" + stage + "' declares the array '" + name + "' twice: make or drop it once");
    }
  }
}
