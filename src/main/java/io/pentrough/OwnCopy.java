package io.pentrough;

/** Where a consumer stands that may copy its batch itself instead of waiting for it. */
enum OwnCopy implements Delivery {
  /** It has not tried. */
  NONE,
  /** It shall try now, without the monitor. */
  DUE,
  /** It has copied something, and looks again. */
  DONE,
  /** Somebody else is at it, or there is no slot: it waits as everybody. */
  IN_VAIN
}
