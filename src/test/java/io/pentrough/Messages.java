package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Objects;

/** What exceptions say. */
final class Messages {

  private Messages() {}

  static String message(Throwable t) {
    return Objects.requireNonNull(t.getMessage());
  }

  static void assertSays(Throwable t, String... words) {
    for (String word : words) {
      assertTrue(message(t).contains(word), () -> "no \"" + word + "\" in: " + message(t));
    }
  }
}
