package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What exceptions say. */
public final class Messages {

  private Messages() {}

  static String message(Throwable t) {
    return Objects.requireNonNull(t.getMessage());
  }

  public static void assertSays(@Nullable Throwable t, String... words) {
    String message = message(Objects.requireNonNull(t));
    for (String word : words) {
      assertTrue(message.contains(word), () -> "no \"" + word + "\" in: " + message);
    }
  }
}
