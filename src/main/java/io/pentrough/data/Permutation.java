package io.pentrough.data;

/**
 * An order of the numbers 0 to n - 1 that is a function of (seed, epoch, n): the same on every
 * machine and JDK, and known at any position without a table of n numbers.
 *
 * <pre>{@code
 * Permutation permutation = Permutation.of(seed, epoch, samples);
 * long sample = permutation.at(position); // which sample stands there
 * long where = permutation.indexOf(sample); // the position again
 * permutation.rekey(seed, epoch + 1); // another order of the same samples
 * }</pre>
 *
 * <p>An object takes at most 4 KB, whatever n is, and allocates nothing once it is made. A call of
 * {@link #at} or {@link #indexOf} takes some tens of nanoseconds.
 *
 * <p>For n up to 1,024, a table is shuffled whenever the key changes, and all orders are equally
 * likely. For larger n, a Feistel network computes each number (Black and Rogaway, "Ciphers with
 * arbitrary finite domains", CT-RSA 2002). Neither is a cipher, so do not use the order to keep a
 * secret.
 *
 * <p><b>Threads.</b> Not thread safe, because of {@link #rekey}: each worker has an object of its
 * own.
 */
public final class Permutation {

  private final long size;
  private final Bijection order;
  private long seed;
  private int epoch;

  private Permutation(long seed, int epoch, long size) {
    if (size < 0 || size > FeistelNetwork.MAX_SIZE) {
      throw new IllegalArgumentException(
          "a permutation cannot have %d numbers: give it 0 to 2^62".formatted(size));
    }
    this.size = size;
    // Below, eight rounds of a network are far from uniform (docs/decisions.md).
    order =
        size <= ShuffledTable.MAX_SIZE ? new ShuffledTable((int) size) : new FeistelNetwork(size);
    key(seed, epoch);
  }

  /**
   * A permutation.
   *
   * @param seed any number; another seed gives another order
   * @param epoch any number; another epoch gives another order
   * @param size how many numbers, 0 to 2<sup>62</sup>; another size gives another order
   * @return a new object
   * @throws IllegalArgumentException if the size is negative or too large
   */
  public static Permutation of(long seed, int epoch, long size) {
    return new Permutation(seed, epoch, size);
  }

  /**
   * Makes it the permutation {@code of(seed, epoch, size())}. If it is that one already, nothing is
   * done: it may be called for each batch. Allocates nothing.
   *
   * @param seed any number
   * @param epoch any number
   */
  public void rekey(long seed, int epoch) {
    if (seed != this.seed || epoch != this.epoch) {
      key(seed, epoch);
    }
  }

  private void key(long seed, int epoch) {
    this.seed = seed;
    this.epoch = epoch;
    order.rekey(SplitMix64.key(seed, epoch, size));
  }

  /**
   * How many numbers it has.
   *
   * @return 0 to 2<sup>62</sup>
   */
  public long size() {
    return size;
  }

  /**
   * The number at a position.
   *
   * @param position 0 to {@code size()} - 1
   * @return 0 to {@code size()} - 1; each at exactly one position
   * @throws IndexOutOfBoundsException if there is no such position
   */
  public long at(long position) {
    check("position", position);
    return order.at(position);
  }

  /**
   * The position of a number: {@code at(indexOf(number)) == number}.
   *
   * @param number 0 to {@code size()} - 1
   * @return 0 to {@code size()} - 1
   * @throws IndexOutOfBoundsException if there is no such number
   */
  public long indexOf(long number) {
    check("number", number);
    return order.indexOf(number);
  }

  private void check(String what, long value) {
    if (value < 0 || value >= size) {
      throw new IndexOutOfBoundsException(
          "%s %d is not in a permutation of %d numbers".formatted(what, value, size));
    }
  }

  /** For people, for example {@code "permutation of 50000, seed 42, epoch 3"}. */
  @Override
  public String toString() {
    return "permutation of %d, seed %d, epoch %d".formatted(size, seed, epoch);
  }
}
