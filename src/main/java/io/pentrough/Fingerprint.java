package io.pentrough;

import java.util.Locale;

/**
 * What a {@link Position} must agree with, a hash for each part, so that a refusal can say which
 * part differs.
 */
record Fingerprint(int arrays, int seed, int epochLength, int shard) {

  /** Of no configuration. */
  static final Fingerprint NONE = new Fingerprint(0, 0, 0, 0);

  /**
   * Of a configuration.
   *
   * @param arrays what the batches are, in words
   */
  static Fingerprint of(String arrays, long seed, long declaredIndexes, long first, long stride) {
    return new Fingerprint(
        hash(arrays),
        hash("seed " + seed),
        hash("length " + declaredIndexes),
        hash("shard " + first + " of " + stride));
  }

  /** Reads what {@link #toString} has written. */
  static Fingerprint parse(String text) {
    String[] parts = text.split("-", -1);
    if (parts.length != 4) {
      throw new NumberFormatException("no fingerprint: " + text);
    }
    return new Fingerprint(
        Integer.parseUnsignedInt(parts[0], 16),
        Integer.parseUnsignedInt(parts[1], 16),
        Integer.parseUnsignedInt(parts[2], 16),
        Integer.parseUnsignedInt(parts[3], 16));
  }

  /** Which part differs, for people; empty if none does. */
  String difference(Fingerprint other) {
    if (arrays != other.arrays) {
      return "other arrays";
    }
    if (seed != other.seed) {
      return "another seed";
    }
    if (epochLength != other.epochLength) {
      return "another number of batches per epoch";
    }
    return shard == other.shard ? "" : "another shard";
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%08x-%08x-%08x-%08x", arrays, seed, epochLength, shard);
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
