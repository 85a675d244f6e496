package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.pentrough.BackgroundLoader;
import io.pentrough.example.TrainOnSpark;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.internal.config.ConfigEntry;
import org.apache.spark.resource.ResourceID;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the page says in code font exists, and its Java is compiled. */
class ReadmeTest {

  private static final Path PAGE = Path.of("README.md");
  private static final Path SAMPLE = Path.of("src/test/java/io/pentrough/spark/ReadmeSample.java");

  /** What a Maven build or spark-submit is given, and nothing of ours. */
  private static final Set<String> FOREIGN =
      Set.of("mvn", "spark-submit", "com.example.Train", "spark://head:7077", "train.jar");

  private static final Set<String> GOALS = Set.of("install", "test-compile", "verify", "exec:java");

  private static final Pattern FENCE = Pattern.compile("```(\\w*)\n(.*?)```", Pattern.DOTALL);
  private static final Pattern CODE = Pattern.compile("`([^`]+)`");
  private static final Pattern BLOCK_LINE = Pattern.compile("(?m)^ {4}((?:.*\\\\\n)*.*)$");
  private static final Pattern KEY = Pattern.compile("spark(?:\\.[a-zA-Z_]\\w*)+");
  private static final Pattern CALL = Pattern.compile("(?:(\\w+)\\.)?([a-z]\\w*)\\(([^)]*)\\)");
  private static final Pattern NAME = Pattern.compile("[A-Za-z_][\\w-]*");

  /** The classes of each simple name. */
  private static final Map<String, List<Class<?>>> TYPES = new HashMap<>();

  /** Any number of arguments, as in {@code get()} and {@code get(...)}. */
  private static final int ANY = -1;

  private static final Set<String> SUBMIT_OPTIONS = new HashSet<>();
  private static String pom = "";
  private static String sources = "";

  @BeforeAll
  static void readTheCode() throws Exception {
    for (Class<?> beside : List.of(ElasticJob.class, BackgroundLoader.class, TrainOnSpark.class)) {
      Path place = Path.of(beside.getProtectionDomain().getCodeSource().getLocation().toURI());
      if (Files.isDirectory(place)) {
        addClasses(place);
      } else {
        try (FileSystem jar = FileSystems.newFileSystem(place)) {
          addClasses(jar.getPath("/"));
        }
      }
    }
    pom = Files.readString(Path.of("pom.xml"));
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.walk(Path.of("src/main"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        all.append(Files.readString(file));
      }
    }
    sources = all.toString();
    Class.forName("org.apache.spark.internal.config.package$"); // registers Spark's keys
    readSubmitOptions();
  }

  private static void addClasses(Path root) throws IOException, ClassNotFoundException {
    List<String> names;
    try (Stream<Path> files = Files.walk(root)) {
      names =
          files
              .map(file -> root.relativize(file).toString())
              .filter(name -> name.startsWith("io/pentrough/") && name.endsWith(".class"))
              .map(name -> name.substring(0, name.length() - 6).replace('/', '.'))
              .toList();
    }
    for (String name : names) {
      try {
        Class<?> type = Class.forName(name, false, ReadmeTest.class.getClassLoader());
        TYPES.computeIfAbsent(type.getSimpleName(), ignored -> new ArrayList<>()).add(type);
      } catch (NoClassDefFoundError e) {
        // It binds to a library that is not here, such as Micrometer.
      }
    }
  }

  private static boolean isMethod(List<Class<?>> owners, String name, int arguments) {
    return owners.stream()
        .flatMap(type -> Stream.of(type.getMethods(), type.getDeclaredMethods()))
        .flatMap(Stream::of)
        .filter(method -> method.getName().equals(name))
        .anyMatch(method -> arguments == ANY || arguments == method.getParameterCount());
  }

  private static List<Class<?>> all() {
    return TYPES.values().stream().flatMap(List::stream).toList();
  }

  @Test
  @DisplayName("what the page names in code font exists")
  void namesExist() throws IOException {
    assertEquals(Set.of(), missing(Files.readString(PAGE)));
  }

  @Test
  @DisplayName("the Java blocks of the page are compiled samples, but for white space")
  void samplesAreCompiled() throws IOException {
    List<String> shown = new ArrayList<>();
    FENCE
        .matcher(Files.readString(PAGE))
        .results()
        .forEach(
            block -> {
              assertEquals("java", block.group(1), "under another name nobody would look at it");
              shown.add(squeezed(block.group(2)));
            });
    List<String> compiled =
        Pattern.compile("// \\[([a-z-]+)]\n(.*?)// \\[/\\1]", Pattern.DOTALL)
            .matcher(Files.readString(SAMPLE))
            .results()
            .map(sample -> squeezed(sample.group(2)))
            .toList();
    assertNotEquals(List.of(), shown);
    assertEquals(compiled, shown);
  }

  private static String squeezed(String code) {
    return code.replaceAll("\\s+", "");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "`ElasticJobs`",
        "`requireGpus()`",
        "`context.waited(nanos, more)`",
        "`Device.bests()`",
        "`gatherAll`",
        "`HadoopStore` and `Never`",
        "`Never.java`",
        "`never.sh`",
        "`spark.task.reaper.never=true`",
        "`spark.executor.resource.gpu.never`",
        "`CUDA_DEVICE_NEVER=1`",
        "`io.pentrough:pentrough-spark_2.12:0.2.0-SNAPSHOT`",
        "`spark/target/pentrough-spark_2.13-0.1.0.jar`",
        "`mvn -f spark/never.xml install`",
        "    mvn -f spark/pom.xml verify -Pnever",
        "    mvn -f spark/pom.xml never",
        "    spark-submit --never x",
        "    spark-submit \\\n      --conf spark.never=8",
      })
  @DisplayName("a name that is gone, or was never there, is found")
  void aWrongNameIsFound(String page) {
    assertNotEquals(Set.of(), missing(page));
  }

  /** What of a page does not exist. */
  private static Set<String> missing(String page) {
    Set<String> missing = new TreeSet<>();
    String prose = FENCE.matcher(page).replaceAll("");
    BLOCK_LINE
        .matcher(prose)
        .results()
        .map(line -> line.group(1).replaceFirst(" # .*", "").replace("\\\n", " "))
        .forEach(line -> missing.addAll(missingOfCommand(line)));
    CODE.matcher(BLOCK_LINE.matcher(prose).replaceAll(""))
        .results()
        .map(code -> code.group(1))
        .forEach(
            code ->
                missing.addAll(code.startsWith("mvn") ? missingOfCommand(code) : missingOf(code)));
    return missing;
  }

  /** What of a command does not exist: Maven's, or spark-submit with its options and keys. */
  private static Set<String> missingOfCommand(String command) {
    Set<String> missing = new TreeSet<>();
    String before = "";
    for (String quoted : command.strip().split("\\s+", -1)) {
      String word = quoted.replace("\"", "");
      boolean exists =
          switch (before) {
            case "-f" -> Files.exists(Path.of("..").resolve(word));
            case "--conf" -> isKey(word.replaceFirst("=.*", ""));
            default ->
                FOREIGN.contains(word)
                    || word.equals("&&")
                    || GOALS.contains(word)
                    || List.of("-q", "-f", "-DskipTests").contains(word)
                    || (word.startsWith("-P") && pom.contains("<id>" + word.substring(2) + "</id>"))
                    || (word.startsWith("--") && isSubmitOption(word.replaceFirst("=.*", "")))
                    || (before.equals("--jars") && word.endsWith(".jar"));
          };
      if (!exists) {
        missing.add(word + " (in " + command + ")");
      }
      before = word;
    }
    return missing;
  }

  /** Options of spark-submit, and the one of the JVM that the page gives executors. */
  private static boolean isSubmitOption(String option) {
    return option.equals("--enable-native-access") || SUBMIT_OPTIONS.contains(option);
  }

  private static void readSubmitOptions() throws ReflectiveOperationException {
    Class<?> parser = Class.forName("org.apache.spark.launcher.SparkSubmitOptionParser");
    Constructor<?> constructor = parser.getDeclaredConstructor();
    constructor.setAccessible(true);
    Object options = constructor.newInstance();
    for (Field field : parser.getDeclaredFields()) {
      field.setAccessible(true);
      if (field.get(options) instanceof String option) {
        SUBMIT_OPTIONS.add(option);
      }
    }
  }

  private static boolean isKey(String key) {
    if (ConfigEntry.findEntry(key) != null || key.startsWith("spark.executorEnv.CUDA_")) {
      return true;
    }
    return Stream.of("spark.executor", "spark.task", "spark.worker")
        .map(who -> new ResourceID(who, "gpu"))
        .anyMatch(gpu -> Set.of(gpu.amountConf(), gpu.discoveryScriptConf()).contains(key));
  }

  /** What of a text in code font does not exist. */
  private static Set<String> missingOf(String code) {
    Set<String> missing = new TreeSet<>();
    if (code.startsWith("-")) {
      return isSubmitOption(code) ? missing : Set.of(code);
    }
    if (code.contains(":")) {
      return code.equals("io.pentrough:" + artifact(":")) ? missing : Set.of(code);
    }
    if (code.matches("[\\w./-]+\\.(java|sh|jar)")) {
      return isFile(code) ? missing : Set.of(code);
    }
    Matcher key = KEY.matcher(code);
    if (key.lookingAt()) {
      return isKey(key.group()) ? missing : Set.of(code);
    }
    String left = code;
    for (MatchResult call : CALL.matcher(code).results().toList()) {
      String owner = String.valueOf(call.group(1));
      String arguments = call.group(3);
      List<Class<?>> owners =
          owner.equals("context")
              ? List.of(ElasticContext.class)
              : call.group(1) == null ? all() : TYPES.getOrDefault(owner, List.of());
      boolean any = arguments.isEmpty() || arguments.equals("...");
      if (!isMethod(owners, call.group(2), any ? ANY : arguments.split(",", -1).length)) {
        missing.add(call.group());
      }
      left = left.replace(call.group(), "");
    }
    for (MatchResult name : NAME.matcher(left.replaceFirst("=.*", "")).results().toList()) {
      String word = name.group();
      boolean exists =
          Character.isUpperCase(word.charAt(0))
              ? TYPES.containsKey(word) || sources.contains('"' + word + '"')
              : isMethod(all(), word, ANY);
      if (!exists) {
        missing.add(word + " (in " + code + ")");
      }
    }
    return missing;
  }

  /** The name and version of what the pom builds. */
  private static String artifact(String between) {
    Matcher matcher =
        Pattern.compile("<artifactId>(.*?)</artifactId>\\s*<version>(.*?)</version>").matcher(pom);
    return matcher.find() ? matcher.group(1) + between + matcher.group(2) : "";
  }

  private static boolean isFile(String name) {
    if (name.startsWith("spark/target/")) {
      return name.equals("spark/target/" + artifact("-") + ".jar");
    }
    try (Stream<Path> files = Files.walk(Path.of("src"))) {
      return Files.exists(Path.of(name)) || files.anyMatch(file -> file.endsWith(name));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
