package io.pentrough.data;

import org.jspecify.annotations.Nullable;

/**
 * A cache cannot be used as it is used. It is no bad sample, as another sample would not be better.
 */
final class CacheRefusal extends IllegalStateException {

  private static final long serialVersionUID = 1;

  CacheRefusal(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
