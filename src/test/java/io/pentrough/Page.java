package io.pentrough;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A page in Markdown: its names in code font, its commands, its links and its headings. */
final class Page {

  private static final Pattern CODE = Pattern.compile("`((?:[^`\\n]|\\n(?!\\n))+)`");
  private static final Pattern FIRST_CELL = Pattern.compile("^\\|[^|]*\\|", Pattern.MULTILINE);
  private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+)\\)");
  private static final Map<Path, Page> READ = new ConcurrentHashMap<>();

  /** A piece of the page and the number of its line, from 1. */
  record Piece(int line, String text) {}

  /** What stands in back quotes, which may go over a line's end. */
  final List<Piece> code = new ArrayList<>();

  /** The lines of blocks that are not Java. A line that ends in a backslash goes on in the next. */
  final List<Piece> blocks = new ArrayList<>();

  /** Where links lead, but for those to other sites. */
  final List<Piece> links = new ArrayList<>();

  /** The headings as a link names them. */
  final Set<String> anchors = new TreeSet<>();

  static Page read(Path file) throws IOException {
    Path path = file.toAbsolutePath().normalize();
    Page page = READ.get(path);
    if (page == null) {
      page = new Page(Files.readString(path));
      READ.put(path, page);
    }
    return page;
  }

  /** The page without the first cells of its tables, where calls of another library stand. */
  static Page withoutFirstCells(Path file) throws IOException {
    return new Page(FIRST_CELL.matcher(Files.readString(file)).replaceAll("|  |"));
  }

  Page(String text) {
    StringBuilder prose = new StringBuilder();
    String fence = ""; // the language of the fence around the line, with its quotes
    boolean blockMayBegin = true; // behind a blank line or another line of a block
    List<String> lines = text.lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.startsWith("```")) {
        fence = fence.isEmpty() ? line : "";
        prose.append('\n');
      } else if (!fence.isEmpty() || (blockMayBegin && line.startsWith("    "))) {
        if (!fence.equals("```java")) {
          addBlockLine(i + 1, line.strip());
        }
        prose.append('\n');
      } else {
        if (line.startsWith("#")) {
          anchors.add(anchor(line));
        }
        blockMayBegin = line.isBlank();
        prose.append(line).append('\n');
      }
    }
    find(CODE, prose, code);
    find(LINK, prose, links);
    links.removeIf(link -> link.text().contains("://"));
  }

  private void addBlockLine(int number, String line) {
    if (!blocks.isEmpty()) {
      Piece last = blocks.get(blocks.size() - 1);
      if (last.text().endsWith("\\")) {
        String joined = last.text().substring(0, last.text().length() - 1) + line;
        blocks.set(blocks.size() - 1, new Piece(last.line(), joined));
        return;
      }
    }
    blocks.add(new Piece(number, line));
  }

  private static void find(Pattern pattern, CharSequence prose, List<Piece> found) {
    Matcher matcher = pattern.matcher(prose);
    int line = 1;
    int counted = 0;
    while (matcher.find()) {
      for (; counted < matcher.start(); counted++) {
        line += prose.charAt(counted) == '\n' ? 1 : 0;
      }
      found.add(new Piece(line, matcher.group(1).replaceAll("\\s+", " ")));
    }
  }

  private static String anchor(String heading) {
    return heading
        .replaceFirst("^#+ ", "")
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N} _-]", "")
        .replace(' ', '-');
  }
}
