package io.pentrough.testkit;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON, as strictly as the standard: maps, lists, strings, {@code Long}, {@code Double},
 * {@code Boolean} and null.
 */
public final class JsonText {

  private final String text;
  private int at;

  private JsonText(String text) {
    this.text = text;
  }

  /** What the text says; throws if it is not JSON. */
  public static Map<String, @Nullable Object> object(String text) {
    JsonText reader = new JsonText(text);
    Map<String, @Nullable Object> object = map(reader.value());
    reader.skip();
    reader.require(reader.at == text.length());
    return object;
  }

  /** A value that must be an object. */
  @SuppressWarnings("unchecked") // as this class makes them
  public static Map<String, @Nullable Object> map(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      return (Map<String, @Nullable Object>) map;
    }
    throw new AssertionError("no object: " + value);
  }

  /** A value that must be an array. */
  public static List<?> list(@Nullable Object value) {
    if (value instanceof List<?> list) {
      return list;
    }
    throw new AssertionError("no array: " + value);
  }

  /** A value that must be a whole number. */
  public static long number(@Nullable Object value) {
    if (value instanceof Long number) {
      return number;
    }
    throw new AssertionError("no whole number: " + value);
  }

  private @Nullable Object value() {
    skip();
    char c = peek();
    if (c == '{') {
      return members();
    } else if (c == '[') {
      return elements();
    } else if (c == '"') {
      return string();
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      return number();
    }
    for (String word : List.of("true", "false", "null")) {
      if (text.startsWith(word, at)) {
        at += word.length();
        return word.equals("null") ? null : Boolean.valueOf(word);
      }
    }
    throw new AssertionError("no JSON at " + at + ": " + text.substring(at));
  }

  private Map<String, @Nullable Object> members() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    take('{');
    skip();
    while (peek() != '}') {
      String key = string();
      skip();
      take(':');
      require(!members.containsKey(key));
      members.put(key, value());
      skip();
      if (peek() != '}') {
        take(',');
        skip();
        require(peek() == '"');
      }
    }
    take('}');
    return members;
  }

  private List<@Nullable Object> elements() {
    List<@Nullable Object> elements = new ArrayList<>();
    take('[');
    skip();
    while (peek() != ']') {
      elements.add(value());
      skip();
      if (peek() != ']') {
        take(',');
        skip();
        require(peek() != ']');
      }
    }
    take(']');
    return elements;
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    take('"');
    while (peek() != '"') {
      char c = text.charAt(at++);
      require(c >= ' ');
      if (c == '\\') {
        char escaped = text.charAt(at++);
        if (escaped == 'u') {
          c = (char) Integer.parseInt(text.substring(at, at + 4), 16);
          at += 4;
        } else {
          int known = "\"\\/bfnrt".indexOf(escaped);
          require(known >= 0);
          c = "\"\\/\b\f\n\r\t".charAt(known);
        }
      }
      string.append(c);
    }
    take('"');
    return string.toString();
  }

  private Object number() {
    int from = at;
    while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    String number = text.substring(from, at);
    require(number.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][-+]?\\d+)?"));
    return number.matches("-?\\d+") ? (Object) Long.valueOf(number) : Double.valueOf(number);
  }

  private void skip() {
    while (at < text.length() && " \n\r\t".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private char peek() {
    require(at < text.length());
    return text.charAt(at);
  }

  private void take(char expected) {
    require(peek() == expected);
    at++;
  }

  private void require(boolean holds) {
    if (!holds) {
      throw new AssertionError("no JSON at " + at + ": " + text.substring(Math.max(0, at - 40)));
    }
  }
}
