package io.pentrough.data;

/**
 * A table of few numbers, shuffled by Durstenfeld's form of the Fisher-Yates shuffle (Algorithm
 * 235, Communications of the ACM 7, 1964): all orders are equally likely.
 */
final class ShuffledTable implements Bijection {

  /** Numbers fit a short. */
  static final int MAX_SIZE = 1024;

  private final short[] numbers;

  /** Where each number stands. */
  private final short[] positions;

  ShuffledTable(int size) {
    numbers = new short[size];
    positions = new short[size];
  }

  @Override
  public void rekey(long key) {
    for (int i = 0; i < numbers.length; i++) { // from the same order, whatever was before
      numbers[i] = (short) i;
    }
    for (int i = numbers.length - 1; i > 0; i--) {
      int other = (int) SplitMix64.below(i + 1, SplitMix64.at(key, i));
      short number = numbers[i];
      numbers[i] = numbers[other];
      numbers[other] = number;
    }
    for (int i = 0; i < numbers.length; i++) {
      positions[numbers[i]] = (short) i;
    }
  }

  @Override
  public long at(long position) {
    return numbers[(int) position];
  }

  @Override
  public long indexOf(long number) {
    return positions[(int) number];
  }
}
