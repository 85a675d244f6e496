package io.pentrough;

/** What a consumer does, without the monitor, before it rests because nothing is ready. */
enum Meanwhile implements Delivery {
  /** Nothing yet. */
  NOTHING,
  /** It shall copy its batch itself now. */
  COPY,
  /** It has copied something, and looks again. */
  COPIED,
  /** Somebody else is copying, or there was no slot. */
  COPIED_NOTHING,
  /** It shall stay awake for a moment now, see {@link Patience}. */
  STAY_AWAKE,
  /** It has, and rests if there still is nothing. */
  STAYED_AWAKE,
  /** It shall watch the copy under way, see {@link CopyWatch}. */
  WATCH,
  /** It has, whatever it saw. */
  WATCHED,
  /** It shall rest, and tell the pool its thread belongs to; or does so. */
  REST_IN_POOL
}
