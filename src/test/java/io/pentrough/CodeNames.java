package io.pentrough;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;

/**
 * What a page may name: compiled classes with their members, files, words of the sources that are
 * not Java, properties, profiles, and the commands with their options.
 */
final class CodeNames {

  /** How many arguments a page shows, if it does not say: {@code get()}, {@code get(...)}. */
  static final int ANY = -1;

  private static final Path ROOT = Path.of("");
  private static final Pattern WORD = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** Where classes that pages name without a package may come from. */
  private static final List<String> LIBRARIES =
      List.of(
          "java.lang.",
          "java.util.",
          "java.util.concurrent.",
          "java.util.concurrent.locks.",
          "java.nio.",
          "java.lang.foreign.",
          "jcuda.",
          "jcuda.driver.",
          "jcuda.runtime.",
          "jcuda.jcublas.");

  private final Map<String, List<Class<?>>> types = new HashMap<>();
  private final Set<String> packages = new HashSet<>();

  /** Each member's name, with the numbers of parameters; fields and constants have {@link #ANY}. */
  private final Map<String, Set<Integer>> members = new HashMap<>();

  private final Set<String> files = new TreeSet<>();
  private final String natives; // the text of C, CUDA C, PTX, scripts and pom.xml
  private final Set<String> nativeWords;
  private final String java; // the text of the Java sources
  private final Set<String> javaWords;
  private final String pom;
  private final List<CommandLine> commands = new ArrayList<>();

  /**
   * Reads classes and sources.
   *
   * @param ignored a source whose text counts for nothing, as it lists foreign names
   */
  CodeNames(String ignored) throws IOException {
    addClasses(BackgroundLoader.class);
    addClasses(CodeNames.class);
    StringBuilder others = new StringBuilder();
    StringBuilder sources = new StringBuilder();
    walk(
        (name, file) -> {
          if (name.endsWith(".java")) {
            if (!name.endsWith("/" + ignored)) {
              sources.append(Files.readString(file)).append('\n');
            }
          } else if (isText(name)) {
            others.append(Files.readString(file, StandardCharsets.ISO_8859_1)).append('\n');
          }
        });
    natives = others.toString();
    nativeWords = words(natives);
    java = sources.toString();
    javaWords = words(java);
    pom = Files.readString(ROOT.resolve("pom.xml"));
  }

  // What is read.

  private interface Visitor {
    void visit(String name, Path file) throws IOException;
  }

  private void walk(Visitor visitor) throws IOException {
    Files.walkFileTree(
        ROOT.toAbsolutePath(),
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            String name = ROOT.toAbsolutePath().relativize(folder).toString();
            if (name.equals("target") || name.equals(".git") || name.equals("shared")) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            files.add(name);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            String name = ROOT.toAbsolutePath().relativize(file).toString().replace('\\', '/');
            files.add(name);
            visitor.visit(name, file);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static boolean isText(String name) {
    return name.matches("(src|benchmarks|kernels)/.*\\.(c|h|cu|ptx|sh|py)|pom\\.xml|\\.ci/run");
  }

  private static Set<String> words(String text) {
    Set<String> words = new HashSet<>();
    WORD.matcher(text).results().map(MatchResult::group).forEach(words::add);
    return words;
  }

  private void addClasses(Class<?> beside) throws IOException {
    Path folder;
    try {
      folder = Path.of(beside.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IOException(e);
    }
    List<String> names;
    try (Stream<Path> found = Files.walk(folder)) {
      names =
          found
              .map(file -> folder.relativize(file).toString())
              .filter(name -> name.endsWith(".class") && name.startsWith("io"))
              .filter(name -> !name.contains("jmh_generated"))
              .map(name -> name.substring(0, name.length() - 6).replaceAll("[/\\\\]", "."))
              .toList();
    }
    for (String name : names) {
      Class<?> type;
      try {
        type = Class.forName(name, false, CodeNames.class.getClassLoader());
      } catch (ClassNotFoundException e) {
        throw new IOException(e);
      }
      packages.add(type.getPackageName());
      if (type.getSimpleName().isEmpty()) {
        continue; // anonymous, or package-info
      }
      types.computeIfAbsent(type.getSimpleName(), ignored -> new ArrayList<>()).add(type);
      membersOf(type)
          .forEach(
              (member, counts) ->
                  members.computeIfAbsent(member, ignored -> new HashSet<>()).addAll(counts));
      if (type.isAnnotationPresent(Command.class) && !type.getSimpleName().endsWith("Command")) {
        commands.add(new CommandLine(type).setCaseInsensitiveEnumValuesAllowed(true));
      }
    }
  }

  private static Map<String, Set<Integer>> membersOf(Class<?> type) {
    Map<String, Set<Integer>> members = new HashMap<>();
    for (Class<?> each = type; each != null; each = each.getSuperclass()) {
      for (Method method : each.getDeclaredMethods()) {
        add(members, method.getName(), method);
      }
      for (Field field : each.getDeclaredFields()) {
        add(members, field.getName(), ANY);
      }
      for (Class<?> inner : each.getDeclaredClasses()) {
        add(members, inner.getSimpleName(), ANY);
      }
    }
    for (Method method : type.getMethods()) {
      add(members, method.getName(), method);
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      add(members, type.getSimpleName(), constructor);
    }
    return members;
  }

  private static void add(Map<String, Set<Integer>> members, String name, Executable executable) {
    add(members, name, executable.isVarArgs() ? ANY : executable.getParameterCount());
  }

  private static void add(Map<String, Set<Integer>> members, String name, int count) {
    members.computeIfAbsent(name, ignored -> new HashSet<>()).add(count);
  }

  // What is asked.

  /** The classes of that simple name; empty if there are none, here or in the libraries. */
  List<Class<?>> types(String simpleName) {
    if (types.containsKey(simpleName)) {
      return types.get(simpleName);
    }
    return LIBRARIES.stream().flatMap(library -> type(library + simpleName).stream()).toList();
  }

  /** The class of that full name, as a list of one or none. */
  List<Class<?>> type(String fullName) {
    try {
      return List.of(Class.forName(fullName, false, CodeNames.class.getClassLoader()));
    } catch (ClassNotFoundException | LinkageError e) {
      return List.of();
    }
  }

  boolean isMember(String name, int arguments) {
    return has(members, name, arguments);
  }

  boolean isMember(List<Class<?>> owners, String name, int arguments) {
    return name.equals("class")
        || owners.stream().anyMatch(owner -> has(membersOf(owner), name, arguments))
        || owners.stream() // Warp.build is what one says of Warp.Builder.build
            .flatMap(owner -> Stream.of(owner.getDeclaredClasses()))
            .filter(inner -> inner.getSimpleName().equals("Builder"))
            .anyMatch(builder -> has(membersOf(builder), name, arguments));
  }

  private static boolean has(Map<String, Set<Integer>> members, String name, int arguments) {
    Set<Integer> counts = members.getOrDefault(name, Set.of());
    return arguments == ANY
        ? !counts.isEmpty()
        : counts.contains(arguments) || counts.contains(ANY);
  }

  boolean isMemberThatStarts(String prefix) {
    return members.keySet().stream().anyMatch(name -> name.startsWith(prefix));
  }

  /** A word of the C, CUDA C, PTX, scripts or pom.xml: a kernel, a step, a call, an instruction. */
  boolean isNativeWord(String word) {
    return nativeWords.contains(word);
  }

  /** A word of any source: all that can be asked of {@code steps} or {@code capacity}. */
  boolean isWord(String word) {
    return javaWords.contains(word) || isNativeWord(word);
  }

  boolean isInSources(String text) {
    return natives.contains(text) || java.contains(text);
  }

  boolean isPackage(String name) {
    return packages.stream().anyMatch(known -> (known + ".").startsWith(name + "."));
  }

  /** Below the root, the page's folder, or ending a path: {@code sim.h}, {@code gpu/run.sh}. */
  boolean isFile(String name, Path page) {
    String plain = name.replaceFirst("/$", "");
    Path folder = page.toAbsolutePath().getParent();
    return files.contains(plain)
        || (folder != null && Files.exists(folder.resolve(plain)))
        || files.stream().anyMatch(file -> file.endsWith("/" + plain));
  }

  /** Such as a report: a script says where it goes. */
  boolean isMadeByScript(String file) {
    return natives.contains("/" + file);
  }

  boolean isProperty(String name) {
    return java.contains('"' + name + '"')
        || java.contains('"' + name + '=')
        || java.contains("-D" + name + '=')
        || Pattern.compile("[<{D]" + Pattern.quote(name) + "[>}=]").matcher(pom).find();
  }

  boolean isProfile(String id) {
    return pom.substring(pom.indexOf("<profiles>")).contains("<id>" + id + "</id>");
  }

  boolean isExecution(String id) {
    return pom.contains("<id>" + id + "</id>");
  }

  boolean isPlugin(String prefix) {
    return pom.contains("<artifactId>" + prefix + "-maven-plugin</artifactId>");
  }

  /** An option of any command, or of a script. */
  boolean isOption(String option) {
    return commands.stream().anyMatch(command -> hasOption(command, option))
        || Pattern.compile(Pattern.quote(option) + "(?![\\w-])").matcher(natives).find();
  }

  private static boolean hasOption(CommandLine command, String option) {
    return command.getCommandSpec().findOption(option) != null
        || command.getSubcommands().values().stream().anyMatch(each -> hasOption(each, option));
  }

  /** Whether any command or subcommand takes these options, perhaps with others that it needs. */
  boolean takes(List<String> options) {
    return commands.stream().anyMatch(top -> takesAnywhere(top, top, List.of(), options));
  }

  private static boolean takesAnywhere(
      CommandLine top, CommandLine command, List<String> path, List<String> options) {
    return takes(top, command, path, options)
        || command.getSubcommands().entrySet().stream()
            .anyMatch(
                sub ->
                    takesAnywhere(
                        top, sub.getValue(), joined(path, List.of(sub.getKey())), options));
  }

  /** Whether the command of that name takes these words. */
  boolean takes(String name, List<String> words) {
    CommandLine top =
        commands.stream()
            .filter(each -> each.getCommandName().equals(name))
            .findAny()
            .orElseThrow();
    CommandLine sub = top.getSubcommands().get(words.get(0));
    return sub == null
        ? takes(top, top, List.of(), words)
        : takes(top, sub, words.subList(0, 1), words.subList(1, words.size()));
  }

  /**
   * Parses from the top, as picocli wants it. Options that are needed but not named are no fault.
   */
  private static boolean takes(
      CommandLine top, CommandLine command, List<String> path, List<String> words) {
    boolean known =
        words.stream()
            .filter(word -> word.startsWith("--"))
            .allMatch(
                word -> command.getCommandSpec().findOption(word.replaceFirst("=.*", "")) != null);
    try {
      top.parseArgs(joined(path, words).toArray(String[]::new));
      return true;
    } catch (MissingParameterException e) {
      return known;
    } catch (ParameterException e) {
      return false;
    }
  }

  private static List<String> joined(List<String> first, List<String> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
  }

  /** A benchmark, by the name that one gives it on the command line. */
  boolean isSubcommand(String name) {
    return commands.stream().anyMatch(command -> command.getSubcommands().containsKey(name));
  }
}
