package io.pentrough;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The configuration that a {@link Position} must agree with: in the clear, so that a refusal can
 * say what was and what is ({@link FingerprintDifference}). Positions of format 1 have hashes only.
 * Immutable.
 */
final class Fingerprint {

  /** Of no configuration. */
  static final Fingerprint NONE = hashed(0, 0, 0, 0);

  private static final String NOT_DECLARED = "-";

  /** What stands in format 1. */
  record Hashes(int arrays, int seed, int epochLength, int shard) {}

  /**
   * What stands in format 2.
   *
   * @param arrays the target's, in words
   * @param stages what they make, in words
   * @param made the arrays after the stages, in words; empty without stages
   * @param data what an {@link EpochTarget} says of itself; empty for another target
   */
  record Parts(
      List<String> arrays,
      List<String> stages,
      List<String> made,
      List<String> data,
      long seed,
      long declaredIndexes,
      long first,
      long stride,
      Remainder remainder) {

    String length(String notDeclared) {
      return declaredIndexes == Schedule.ENDLESS ? notDeclared : Long.toString(declaredIndexes);
    }

    String shard() {
      return Fingerprint.shard(first, stride, remainder);
    }

    Parts ofShard(long number, long of, Remainder rest) {
      return new Parts(arrays, stages, made, data, seed, declaredIndexes, number, of, rest);
    }
  }

  final Hashes hashes;

  /** Null if it was read from format 1. */
  final @Nullable Parts parts;

  private Fingerprint(Hashes hashes, @Nullable Parts parts) {
    this.hashes = hashes;
    this.parts = parts;
  }

  /**
   * Of a configuration.
   *
   * @param data what an {@link EpochTarget} says of itself; empty for another target
   */
  static Fingerprint of(
      BatchSpec spec, @Nullable StagePlan stages, String data, long seed, Share share) {
    String arrays = stages == null ? spec.toString() : stages.names();
    return new Fingerprint(
        new Hashes(
            hash(arrays + data), // 0.1.0 had no such data, so its positions do not fit any
            hash("seed " + seed),
            hash("length " + share.length()),
            hash("shard " + shard(share.first(), share.stride(), share.remainder()))),
        new Parts(
            words(spec),
            stages == null
                ? List.of()
                : stages.steps.stream().map(step -> step.description).toList(),
            stages == null ? List.of() : words(stages.delivered),
            data.isEmpty() ? List.of() : List.of(data),
            seed,
            share.length(),
            share.first(),
            share.stride(),
            share.remainder()));
  }

  static Fingerprint hashed(int arrays, int seed, int epochLength, int shard) {
    return new Fingerprint(new Hashes(arrays, seed, epochLength, shard), null);
  }

  private static List<String> words(BatchSpec spec) {
    return spec.arrays().stream().map(ArraySpec::toString).toList();
  }

  private static String shard(long first, long stride, Remainder remainder) {
    return first
        + " of "
        + stride
        + (remainder == Remainder.UNEVEN ? "" : " with Remainder." + remainder);
  }

  /** In words. Not of format 1, as all below. */
  String shard() {
    return parts().shard();
  }

  long first() {
    return parts().first;
  }

  long stride() {
    return parts().stride;
  }

  /** How many indexes an epoch has; {@link Schedule#ENDLESS} if only the target knows. */
  long length() {
    return parts().declaredIndexes;
  }

  /** What the shard has to deliver. */
  Share share(@Nullable Whole base) {
    return new Share(length(), first(), stride(), parts().remainder, base);
  }

  /** Whether both are of the same shard. */
  boolean isOfShard(Fingerprint other) {
    return first() == other.first() && isAmongShardsOf(other);
  }

  /** Whether both are of shards of which there are equally many. */
  boolean isAmongShardsOf(Fingerprint other) {
    return stride() == other.stride() && parts().remainder == other.parts().remainder;
  }

  /** The same, of the other's shard. */
  Fingerprint ofShard(Fingerprint other) {
    return new Fingerprint(
        NONE.hashes, parts().ofShard(other.first(), other.stride(), other.parts().remainder));
  }

  /** The same without shards. */
  Fingerprint ofWhole() {
    return new Fingerprint(NONE.hashes, parts().ofShard(0, 1, Remainder.UNEVEN));
  }

  private Parts parts() {
    return Objects.requireNonNull(parts);
  }

  /** Whether it knows no more than format 1 says. */
  boolean isHashed() {
    return parts == null;
  }

  /** Reads what {@link #toString} has written in format 1. */
  static Fingerprint parseHashed(String text) {
    String[] words = text.split("-", -1);
    if (words.length != 4) {
      throw new NumberFormatException("no fingerprint: " + text);
    }
    return hashed(
        Integer.parseUnsignedInt(words[0], 16),
        Integer.parseUnsignedInt(words[1], 16),
        Integer.parseUnsignedInt(words[2], 16),
        Integer.parseUnsignedInt(words[3], 16));
  }

  /**
   * Reads what {@link #toString} has written in format 2.
   *
   * @throws IllegalArgumentException if it is nothing of that kind
   */
  static Fingerprint parse(List<String> words) {
    List<String> arrays = values(words, "array");
    List<String> stages = values(words, "stage");
    List<String> made = values(words, "made");
    List<String> data = values(words, "data");
    int values = arrays.size() + stages.size() + made.size() + data.size();
    if (arrays.isEmpty() || data.size() > 1 || values + 3 != words.size()) {
      throw new IllegalArgumentException("not the words of a fingerprint: " + words);
    }
    String length = value(words, "length");
    String[] shard = value(words, "shard").split("/", -1);
    long declared = length.equals(NOT_DECLARED) ? Schedule.ENDLESS : Long.parseLong(length);
    long first = Long.parseLong(shard[0]);
    long stride = shard.length == 2 || shard.length == 3 ? Long.parseLong(shard[1]) : -1;
    Remainder remainder = shard.length == 3 ? remainder(shard[2]) : Remainder.UNEVEN;
    boolean sharesEvenly = remainder != Remainder.UNEVEN;
    if (declared < 1
        || first < 0
        || first >= stride
        || stride > Integer.MAX_VALUE
        || (sharesEvenly && (stride == 1 || declared == Schedule.ENDLESS))) {
      throw new IllegalArgumentException("no such epochs or shard: " + words);
    }
    long seed = Long.parseLong(value(words, "seed"));
    // It is only ever compared by its parts, so it needs no hashes.
    return new Fingerprint(
        NONE.hashes,
        new Parts(arrays, stages, made, data, seed, declared, first, stride, remainder));
  }

  /** Reads how the shards share a remainder, where it stands: not if it is UNEVEN. */
  private static Remainder remainder(String word) {
    for (Remainder remainder : Remainder.values()) {
      if (remainder != Remainder.UNEVEN && word.equals(word(remainder))) {
        return remainder;
      }
    }
    throw new IllegalArgumentException("no remainder: " + word);
  }

  private static String word(Remainder remainder) {
    return remainder.name().toLowerCase(Locale.ROOT);
  }

  private static List<String> values(List<String> words, String key) {
    return words.stream()
        .filter(word -> word.startsWith(key + "="))
        .map(word -> URLDecoder.decode(word.substring(key.length() + 1), StandardCharsets.UTF_8))
        .toList();
  }

  private static String value(List<String> words, String key) {
    List<String> values = values(words, key);
    if (values.size() != 1) {
      throw new IllegalArgumentException("not one word " + key + ": " + words);
    }
    return values.get(0);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Fingerprint that
        && Objects.equals(parts, that.parts)
        && (parts != null || hashes.equals(that.hashes));
  }

  @Override
  public int hashCode() {
    return parts == null ? hashes.hashCode() : parts.hashCode();
  }

  /** In the words of a position's text; one word in format 1. */
  @Override
  public String toString() {
    if (parts == null) {
      return String.format(
          Locale.ROOT,
          "%08x-%08x-%08x-%08x",
          hashes.arrays,
          hashes.seed,
          hashes.epochLength,
          hashes.shard);
    }
    List<String> words = new ArrayList<>();
    words.add("seed=" + parts.seed);
    words.add("length=" + parts.length(NOT_DECLARED));
    words.add(
        "shard="
            + parts.first
            + "/"
            + parts.stride
            + (parts.remainder == Remainder.UNEVEN ? "" : "/" + word(parts.remainder)));
    parts.arrays.forEach(array -> words.add("array=" + encoded(array)));
    parts.stages.forEach(stage -> words.add("stage=" + encoded(stage)));
    parts.made.forEach(array -> words.add("made=" + encoded(array)));
    parts.data.forEach(data -> words.add("data=" + encoded(data)));
    return String.join(" ", words);
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /** FNV-1a, 32 bits (Fowler, Noll, Vo): the same on every JDK. */
  private static int hash(String text) {
    int hash = 0x811c9dc5;
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x01000193;
    }
    return hash;
  }
}
