package io.pentrough;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The positions of all shards of a loader, as one of the whole. */
final class PositionMerge {

  /** By how many batches shards may have drifted apart: each may be a run of its own. */
  static final long MAX_APART = 1 << 24;

  private PositionMerge() {}

  /**
   * See {@link Position#merge}.
   *
   * @throws IllegalArgumentException if they are not of all shards of one loader
   */
  static Position merge(List<Position> positions) {
    requireOneLoader(positions);
    List<Position> shards = new ArrayList<>(positions);
    shards.sort(Comparator.comparingLong(position -> position.fingerprint().first()));
    requireAllShards(shards);
    Fingerprint fingerprint = shards.get(0).fingerprint();
    return fingerprint.length() == Schedule.ENDLESS // then it is one without shards
        ? shards.get(0)
        : position(fingerprint, whole(shards));
  }

  private static void requireOneLoader(List<Position> positions) {
    if (positions.isEmpty()) {
      throw new IllegalArgumentException("there are no positions to merge: give one of each shard");
    }
    Position one = positions.get(0);
    for (Position other : positions) {
      requireOneLoader(one, other);
    }
    if (one.fingerprint().length() == Schedule.ENDLESS && one.fingerprint().stride() > 1) {
      throw new IllegalArgumentException(
          "positions of epochs of undeclared length cannot be merged: declare batchesPerEpoch: "
              + one);
    }
    for (Position other : positions) {
      if (!Objects.equals(one.base(), other.base())) {
        throw new IllegalArgumentException(
            "these shards did not start together: shard %s and shard %s went on from different positions of the whole; start all loaders at the same position"
                .formatted(one.fingerprint().shard(), other.fingerprint().shard()));
      }
    }
  }

  private static void requireOneLoader(Position one, Position other) {
    if (other.fingerprint().isHashed()) {
      throw new IllegalArgumentException(
          "a position of format 1 cannot be merged, it is for its own shard only: start that shard there, and take its position(): "
              + other);
    }
    String difference =
        FingerprintDifference.of(
            one.fingerprint().ofShard(other.fingerprint()), other.fingerprint());
    if (!difference.isEmpty()) {
      throw new IllegalArgumentException(
          "these positions are not of one loader: they are of loaders with "
              + difference
              + "; give one of each shard: "
              + other);
    }
    if (!one.fingerprint().isAmongShardsOf(other.fingerprint())) {
      throw new IllegalArgumentException(
          "these positions are not of one loader's shards: they are of shard %s and of shard %s; give one of each shard"
              .formatted(one.fingerprint().shard(), other.fingerprint().shard()));
    }
  }

  /**
   * Throws unless each is there once.
   *
   * @param shards by their number
   */
  private static void requireAllShards(List<Position> shards) {
    long stride = shards.get(0).fingerprint().stride();
    for (int i = 0; i < stride; i++) {
      long next = i < shards.size() ? shards.get(i).fingerprint().first() : stride;
      if (next > i) {
        throw new IllegalArgumentException(
            "shard %d of %d is missing: give one position of each shard, also of one that has delivered nothing (loader.position())"
                .formatted(i, stride));
      }
      if (next < i) {
        throw isTwice(shards.get(i));
      }
    }
    if (shards.size() > stride) {
      throw isTwice(shards.get(shards.size() - 1));
    }
  }

  private static IllegalArgumentException isTwice(Position shard) {
    return new IllegalArgumentException(
        "shard "
            + shard.fingerprint().shard()
            + " was given twice: give one position of each shard");
  }

  private static Position position(Fingerprint ofShard, Whole whole) {
    long open = whole.delivered().nextOpen(0);
    long[] steps = new long[whole.lastEpoch() - whole.epoch()];
    Arrays.fill(steps, whole.length());
    Runs above = new Runs.Builder().add(whole.delivered(), open, Long.MAX_VALUE, -open).build();
    return new Position(ofShard.ofWhole(), null, whole.epoch(), open, steps, above);
  }

  /**
   * What these have delivered together.
   *
   * @param positions of one loader with epochs of a declared length; of all shards, by their number
   * @throws IllegalArgumentException if they have drifted too far apart
   */
  static Whole whole(List<Position> positions) {
    List<Shard> shards =
        positions.stream().map(at -> new Shard(at, at.fingerprint().share(at.base()))).toList();
    int first = positions.stream().mapToInt(Position::epoch).min().orElseThrow();
    int last =
        positions.stream().mapToInt(at -> at.epoch() + at.epochSteps().length).max().orElseThrow();
    Share share = shards.get(0).share;
    Runs.Builder delivered = new Runs.Builder();
    try {
      if (share.base() != null) {
        share.base().addTo(delivered, first);
      }
      long apart = 0;
      for (int epoch = first; epoch <= last; epoch++) {
        long start = Math.multiplyExact((long) epoch - first, share.length());
        long unused = Math.addExact(start, share.length());
        apart += addEpoch(delivered, start, shards, epoch, MAX_APART - apart);
      }
      return Whole.of(share.length(), first, delivered.build());
    } catch (ArithmeticException e) { // their numbers do not fit
      throw tooFarApart(e);
    }
  }

  private static IllegalArgumentException tooFarApart(@Nullable Throwable cause) {
    return new IllegalArgumentException(
        "these shards have drifted more than "
            + MAX_APART
            + " batches apart: let those behind catch up before their positions are merged",
        cause);
  }

  /** One shard, and how far it is. */
  private record Shard(Position position, Share share) {

    /** The steps of an epoch that it has delivered; all of them if it has left the epoch behind. */
    Runs delivered(int epoch) {
      long all = share.steps(epoch);
      int later = epoch - position.epoch();
      long[] known = position.epochSteps();
      if (later < 0) {
        return Runs.range(0, all);
      }
      if (later > known.length) {
        return Runs.NONE;
      }
      long open = share.step(position.epoch(), position.index());
      long start = -open; // of the epoch, counted from the first open step
      for (int i = 0; i < later; i++) {
        start += known[i];
      }
      long steps = later < known.length ? Math.min(known[later], all) : all;
      Runs.Builder delivered = new Runs.Builder();
      if (later == 0) {
        delivered.add(0, Math.min(open, all));
      }
      return delivered.add(position.delivered(), Math.max(0, start), start + steps, -start).build();
    }

    /** Not an epoch without a step that the shard has not come to. */
    boolean hasCompleted(int epoch) {
      long all = share.steps(epoch);
      return position.epoch() > epoch
          || ((position.epoch() == epoch || all > 0) && delivered(epoch).nextOpen(0) >= all);
    }
  }

  /**
   * Adds what the shards have delivered of an epoch.
   *
   * @param start the epoch's first number
   * @param maxApart by how many batches they may have drifted
   * @return by how many they have
   */
  private static long addEpoch(
      Runs.Builder delivered, long start, List<Shard> shards, int epoch, long maxApart) {
    Share share = shards.get(0).share;
    if (share.remainder() == Remainder.DROP
        && shards.stream().allMatch(shard -> shard.hasCompleted(epoch))) {
      delivered.add(start, start + share.length()); // with what was left out
      return 0;
    }
    long stride = share.stride();
    long open = share.open(epoch);
    List<Runs> steps = shards.stream().map(shard -> shard.delivered(epoch)).toList();
    long common = steps.stream().mapToLong(of -> of.nextOpen(0)).min().orElseThrow();
    long apart = steps.stream().mapToLong(of -> of.count() - common).sum();
    Runs.Builder numbers = new Runs.Builder();
    if (stride == 1) {
      numbers.add(steps.get(0), 0, open, 0);
    } else if (apart > maxApart) {
      throw tooFarApart(null);
    } else {
      numbers.add(0, common > open / stride ? open : common * stride);
      long end = steps.stream().mapToLong(Runs::end).max().orElseThrow();
      for (long step = common; step < end; step++) {
        for (int i = 0; i < shards.size(); i++) {
          long number = i + step * stride; // behind the last open one if it repeats another
          if (number < open && steps.get(i).contains(step)) {
            numbers.add(number, number + 1);
          }
        }
      }
    }
    addIndexes(delivered, start, share.base(), epoch, numbers.build());
    return stride == 1 ? 0 : apart;
  }

  /** Adds the open indexes of these numbers. */
  private static void addIndexes(
      Runs.Builder delivered, long start, @Nullable Whole base, int epoch, Runs numbers) {
    if (base == null) {
      delivered.add(numbers, 0, Long.MAX_VALUE, start);
      return;
    }
    for (int i = 0; i < numbers.size(); i++) { // between two of a run, all had been delivered
      delivered.add(
          start + base.index(epoch, numbers.first(i)),
          start + base.index(epoch, numbers.end(i) - 1) + 1);
    }
  }
}
