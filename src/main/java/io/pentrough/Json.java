package io.pentrough;

/** Writes text as JSON that may also stand in a script of an HTML page. */
final class Json {

  private Json() {}

  /**
   * Appends a string in quotes. {@code <}, {@code >} and {@code &} are escaped as well, so that no
   * text can end the script it stands in, and lone surrogates, which UTF-8 cannot write.
   */
  static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ' || c > '~' || c == '<' || c == '>' || c == '&') {
        out.append("\\u")
            .append(hex(c >> 12))
            .append(hex(c >> 8))
            .append(hex(c >> 4))
            .append(hex(c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }

  private static char hex(int digit) {
    return Character.forDigit(digit & 15, 16);
  }
}
