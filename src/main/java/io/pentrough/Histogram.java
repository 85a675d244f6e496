package io.pentrough;

/**
 * Counts durations in buckets of growing width. Each power of two has 16 buckets, so a percentile
 * is at most 1/16 (6.25 %) too high. The idea is HdrHistogram's (Tene). Recording allocates
 * nothing. Not thread safe.
 */
final class Histogram {

  private static final int SUB_BITS = 4;
  private static final int SUB_BUCKETS = 1 << SUB_BITS;

  /** Values below 16 have a bucket each; above, the exponents 4 to 62 have 16 each. */
  private static final int BUCKETS = (Long.SIZE - SUB_BITS) * SUB_BUCKETS;

  private final long[] counts;
  private long count;
  private long sum;
  private long max;

  Histogram() {
    counts = new long[BUCKETS];
  }

  private Histogram(long[] counts, long count, long sum, long max) {
    this.counts = counts;
    this.count = count;
    this.sum = sum;
    this.max = max;
  }

  /** Counts one duration. A negative one, from a clock that stepped back, counts as zero. */
  void record(long nanos) {
    long value = Math.max(0, nanos);
    counts[bucket(value)]++;
    count++;
    sum += Math.min(value, Long.MAX_VALUE - sum); // saturates
    max = Math.max(max, value);
  }

  private static int bucket(long value) {
    if (value < SUB_BUCKETS) {
      return (int) value;
    }
    int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(value) - SUB_BITS;
    return shift * SUB_BUCKETS + (int) (value >>> shift); // value >>> shift is 16 to 31
  }

  /** The largest value of a bucket. */
  private static long upperEdge(int bucket) {
    if (bucket < SUB_BUCKETS) {
      return bucket;
    }
    int shift = bucket / SUB_BUCKETS - 1;
    return ((long) (SUB_BUCKETS + bucket % SUB_BUCKETS + 1) << shift)
        - 1; // wraps to Long.MAX_VALUE
  }

  long count() {
    return count;
  }

  long sum() {
    return sum;
  }

  long max() {
    return max;
  }

  /**
   * The value that {@code percent} of the values do not exceed (nearest rank), or up to 1/16 more;
   * never above the maximum; 0 if there are none.
   */
  long percentile(int percent) {
    double rank = Math.max(1, Math.ceil(count * (percent / 100.0)));
    long seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
      seen += counts[i];
      if (seen >= rank) {
        return Math.min(max, upperEdge(i));
      }
    }
    return max;
  }

  /**
   * The value that half of the sum of all values lies at or below, or up to 1/16 more. Unlike the
   * median it does not depend on how many values are small. 0 if there are none.
   */
  long medianOfTime() {
    double seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
      seen += (double) counts[i] * upperEdge(i);
      if (counts[i] > 0 && seen >= sum / 2.0) {
        return Math.min(max, upperEdge(i));
      }
    }
    return max;
  }

  /** The mean of the largest of so many values, each drawn at random; 0 if there are none. */
  double expectedMax(int values) {
    double mean = 0;
    double below = 0;
    long seen = 0;
    for (int i = 0; i < BUCKETS && seen < count; i++) {
      if (counts[i] > 0) {
        seen += counts[i];
        double upTo = Math.pow((double) seen / count, values);
        mean += Math.min(max, upperEdge(i)) * (upTo - below);
        below = upTo;
      }
    }
    return mean;
  }

  Histogram copy() {
    return new Histogram(counts.clone(), count, sum, max);
  }

  /**
   * What was recorded since {@code earlier}, which is a former copy of this. Only the bucket of the
   * largest value is known. So the maximum is that bucket's upper edge, or this maximum if that is
   * less.
   */
  Histogram minus(Histogram earlier) {
    long[] difference = new long[BUCKETS];
    int highest = -1;
    for (int i = 0; i < BUCKETS; i++) {
      difference[i] = counts[i] - earlier.counts[i];
      if (difference[i] > 0) {
        highest = i;
      }
    }
    return new Histogram(
        difference,
        count - earlier.count,
        sum - earlier.sum,
        highest < 0 ? 0 : Math.min(max, upperEdge(highest)));
  }

  LoaderStats.Timing timing() {
    return new LoaderStats.Timing(count, sum, max, percentile(50), percentile(99));
  }
}
