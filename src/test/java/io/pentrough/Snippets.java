package io.pentrough;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Samples that stand twice: compiled in a source of the tests or the example, and in a document for
 * people to read.
 */
final class Snippets {

  private static final List<Path> SOURCES =
      List.of(
          Path.of("src/test/java"),
          Path.of("src/example/java"),
          Path.of(".ci/consumer/src/main/java"));
  private static final Pattern MARKED =
      Pattern.compile("// \\[([a-z0-9-]+)]\\n(.*?)// \\[/\\1]", Pattern.DOTALL);
  private static final Pattern FENCED = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);

  private Snippets() {}

  /** What stands between {@code // [name]} and {@code // [/name]} in the source of a class. */
  static Map<String, String> compiled(Class<?> type) throws IOException {
    String file = type.getName().replace('.', '/') + ".java";
    return compiled(
        SOURCES.stream()
            .map(root -> root.resolve(file))
            .filter(Files::exists)
            .findFirst()
            .orElseThrow());
  }

  private static Map<String, String> compiled(Path source) throws IOException {
    Map<String, String> byName = new LinkedHashMap<>();
    MARKED
        .matcher(Files.readString(source))
        .results()
        .forEach(match -> byName.put(match.group(1), squeezed(match.group(2))));
    return byName;
  }

  /** What stands between such marks in any of these sources. */
  static Set<String> compiledAnywhere() throws IOException {
    Set<String> all = new HashSet<>();
    for (Path root : SOURCES) {
      try (Stream<Path> files = Files.walk(root)) {
        for (Path file : files.filter(name -> name.toString().endsWith(".java")).toList()) {
          all.addAll(compiled(file).values());
        }
      }
    }
    return all;
  }

  /** The Java blocks of a document, in its order. */
  static List<String> shown(Path document) throws IOException {
    return FENCED
        .matcher(Files.readString(document))
        .results()
        .map(match -> squeezed(match.group(1)))
        .toList();
  }

  /** What the fences of a document say they hold; empty for plain text. */
  static Set<String> languages(Path document) throws IOException {
    Set<String> languages = new TreeSet<>();
    Pattern.compile("^ *(?:```|~~~)([^`\\n]*)$", Pattern.MULTILINE)
        .matcher(Files.readString(document))
        .results()
        .forEach(match -> languages.add(match.group(1).strip()));
    return languages;
  }

  /** The formatter breaks lines in its own way. */
  static String squeezed(String code) {
    return code.replaceAll("\\s+", "");
  }
}
