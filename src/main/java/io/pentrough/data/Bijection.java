package io.pentrough.data;

/** A keyed permutation of 0 to n - 1. Its callers check the numbers. */
interface Bijection {

  /** Makes it the permutation of another key, of any 64 bits. Allocates nothing. */
  void rekey(long key);

  /** The number at a position. */
  long at(long position);

  /** The position of a number: the inverse of {@link #at}. */
  long indexOf(long number);
}
