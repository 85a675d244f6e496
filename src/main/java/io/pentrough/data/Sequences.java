package io.pentrough.data;

import io.pentrough.ArraySpec;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** In which arrays each sample has a length of its own, and how batches hold them. Immutable. */
final class Sequences {

  static final Sequences NONE =
      new Sequences(
          Collections.emptySortedMap(), Collections.emptySortedMap(), Collections.emptySortedMap());

  private final SortedMap<String, Padding> padded;

  /** From values to offsets. */
  private final SortedMap<String, String> ragged;

  /** From sequences to lengths. */
  private final SortedMap<String, String> lengths;

  private Sequences(
      SortedMap<String, Padding> padded,
      SortedMap<String, String> ragged,
      SortedMap<String, String> lengths) {
    this.padded = padded;
    this.ragged = ragged;
    this.lengths = lengths;
  }

  Sequences pad(String array, Padding padding) {
    return new Sequences(
        changed(padded, map -> map.put(array, padding)),
        changed(ragged, map -> map.remove(array)),
        lengths);
  }

  Sequences ragged(String array, String offsets) {
    return new Sequences(
        changed(padded, map -> map.remove(array)),
        changed(ragged, map -> map.put(array, offsets)),
        lengths);
  }

  Sequences lengths(String array, String into) {
    return new Sequences(padded, ragged, changed(lengths, map -> map.put(array, into)));
  }

  private static <V> SortedMap<String, V> changed(
      SortedMap<String, V> map, Consumer<SortedMap<String, V>> change) {
    SortedMap<String, V> copy = new TreeMap<>(map);
    change.accept(copy);
    return copy;
  }

  /**
   * What a worker needs to write them.
   *
   * @throws IllegalArgumentException if the arrays are not as they must be
   */
  SequenceArrays in(BatchSpec spec, int batchSize) {
    @Nullable String[] roles = new String[spec.arrays().size()];
    SequenceArrays arrays = new SequenceArrays(spec);
    padded.forEach(
        (name, padding) -> {
          int i = claim(spec, roles, name, "padded");
          arrays.add(padded(spec.array(i), i, padding, batchSize));
        });
    ragged.forEach(
        (name, offsets) -> {
          int i = claim(spec, roles, name, "ragged");
          int to = claim(spec, roles, offsets, "the offsets of '" + name + "'");
          arrays.add(ragged(spec, i, to, batchSize));
          arrays.addWritten(to, name);
        });
    lengths.forEach(
        (name, into) -> {
          SequenceArray sequence = arrays.find(spec.indexOf(name));
          if (sequence == null) {
            throw new IllegalArgumentException(
                "array '"
                    + into
                    + "' is to hold the lengths of array '"
                    + name
                    + "', but all samples have the same shape there: call pad or ragged for '"
                    + name
                    + "'");
          }
          int to = claim(spec, roles, into, "the lengths of '" + name + "'");
          requireCounts(spec.array(to), batchSize, "the lengths of '" + name + "'");
          sequence.lengthsInto(to);
          arrays.addWritten(to, name);
        });
    return arrays;
  }

  /** Whether an array has no row for each sample, since it holds ragged values or offsets. */
  boolean isRaggedPart(String array) {
    return ragged.containsKey(array) || ragged.containsValue(array);
  }

  private static int claim(BatchSpec spec, @Nullable String[] roles, String array, String role) {
    int i = spec.indexOf(array);
    if (roles[i] != null) {
      throw new IllegalArgumentException(
          "array '"
              + array
              + "' cannot be both "
              + roles[i]
              + " and "
              + role
              + ": give each an array of its own");
    }
    roles[i] = role;
    return i;
  }

  private static SequenceArray padded(ArraySpec array, int index, Padding padding, int batchSize) {
    if (array.rank() < 2) {
      throw new IllegalArgumentException(
          "array '"
              + array
              + "' has no second dimension to pad samples along: its shape must be ["
              + batchSize
              + ", maximal length, ...]");
    }
    if (padding.isToLongest() && !array.isVariable()) {
      throw new IllegalArgumentException(
          "array '"
              + array
              + "' has the same shape in every batch, so its rows cannot be as long as the longest"
              + " sample of a batch: declare it with variableArray(...), or use"
              + " Padding.toMaximum()");
    }
    return new SequenceArray.Padded(array, index, padding, batchSize);
  }

  private static SequenceArray ragged(BatchSpec spec, int index, int offsets, int batchSize) {
    ArraySpec array = spec.array(index);
    if (!array.isVariable()) {
      throw new IllegalArgumentException(
          "ragged array '"
              + array
              + "' has the same shape in every batch: declare it with variableArray(...), whose"
              + " first dimension is the most that the samples of a batch take together");
    }
    if (array.dimension(0) == batchSize) {
      throw new IllegalArgumentException(
          "the capacity of ragged array '"
              + array
              + "' is the batch size, so it would pass for an array with a row for each sample, and"
              + " a partial batch would cut it: make its first dimension larger");
    }
    if (index == 0 || offsets == 0) {
      throw new IllegalArgumentException(
          "array '"
              + spec.array(0)
              + "' is the first one, which must have a row for each of the "
              + batchSize
              + " samples: name another array before it, for example one for the lengths");
    }
    requireCounts(spec.array(offsets), batchSize + 1, "the offsets of '" + array.name() + "'");
    return new SequenceArray.Ragged(array, index, offsets);
  }

  private static void requireCounts(ArraySpec array, int count, String what) {
    boolean isInteger = array.dtype() == DType.INT32 || array.dtype() == DType.INT64;
    if (!isInteger || array.rank() != 1 || array.dimension(0) != count) {
      throw new IllegalArgumentException(
          "array '"
              + array
              + "' cannot hold "
              + what
              + ": it must be int32 ["
              + count
              + "] or int64 ["
              + count
              + "]");
    }
  }

  /** In words; each part begins with a semicolon. Empty if there are none. */
  String description() {
    StringBuilder text = new StringBuilder();
    padded.forEach((name, padding) -> text.append("; '" + name + "' padded " + padding));
    ragged.forEach(
        (name, offsets) -> text.append("; '" + name + "' ragged with '" + offsets + "'"));
    lengths.forEach((name, into) -> text.append("; lengths of '" + name + "' in '" + into + "'"));
    return text.toString();
  }
}
