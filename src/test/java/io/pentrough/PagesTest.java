package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.pentrough.Page.Piece;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a page says in code font exists: types, members with as many arguments, files, properties,
 * commands and their options. Java blocks are compiled instead ({@link ReadmeSampleTest}).
 *
 * <p>How a name is judged depends on its shape. {@code SlotLedger} is a type. {@code
 * Device.best()}, {@code batch.position()} and {@code getQueued} are members. {@code READY} is a
 * constant. {@code cuMemAlloc} is a method of JCuda. {@code docs/design.md} is a file. Only a plain
 * word such as {@code steps} is held to less: it must occur in some source.
 */
class PagesTest {

  /** Names that belong to others. A name of ours that is gone does not belong here. */
  private static final Set<String> FOREIGN =
      Set.of(
          // as Prometheus calls our metrics: LoaderMetricsTest looks at them
          "pentrough_get_seconds_sum",
          "pentrough_get_seconds_count",
          // as a recording of the Flight Recorder calls our events: JfrTest looks at them
          "Loader",
          "StartFlightRecording",
          "ExecutionSample",
          // ELEKTRONN2, NumPy and Python
          "BackgroundProc",
          "SharedQ",
          "SharedMem",
          "TimeoutError",
          "AttributeError",
          "KeyError",
          "DataLoader",
          "Q",
          "D",
          "startproc",
          "shm2ndarray",
          "ndarray2shm",
          "puthandle",
          "n_proc",
          "np_array",
          "mp_array",
          "target_args",
          "target_kwargs",
          "__del__",
          "ndarray",
          "shutdown",
          "dtypes",
          "drop_last",
          "elektronn2.training.parallelisation",
          "training.parallelisation",
          // PyTorch, tf.data, DJL and DL4J, as far as they do not stand in a table's first column
          "torch.utils.data",
          "num_workers",
          "RandomSampler",
          "collate_fn",
          "DistributedSampler",
          "batch_sampler",
          "ConcatDataset",
          "ChainDataset",
          "tf.data",
          "concatenate",
          "unbatch",
          "group_by_window",
          "bucket_by_sequence_length",
          "ai.djl.training.dataset",
          "NDArray",
          "NDManager",
          "EasyTrain",
          "Trainer",
          "optPrefetchNumber",
          "manager",
          "DataSetIterator",
          "AsyncDataSetIterator",
          "INDArray",
          "Nd4j",
          "asyncSupported",
          "detach",
          // CUDA, as far as JCuda's classes do not have it
          "libnvrtc.so.12",
          "cuStreamWaitValue32",
          "cuLaunchHostFunc",
          "CUDA_DEVICE_MAX_CONNECTIONS",
          "JCufft",
          "from_blob", // of the JavaCPP preset for PyTorch
          "JCudnn",
          "cudnnSetStream",
          "cufftSetStream",
          "cufftExecR2C",
          // the JVM, the JDK and the system
          "LibUtils",
          "StrictMath",
          "SIGBUS",
          "EFAULT",
          "java.desktop",
          "java.library.path",
          "sun.misc.Unsafe",
          "MemorySegment", // Java 22
          "--add-exports",
          "--enable-native-access=jcuda",
          "/usr/local/bin",
          "/usr/local/cuda/bin",
          // PTX and CUDA C that no kernel of ours uses
          "bf16",
          "mma",
          "func",
          "div.approx",
          "sinf",
          "bar.arrive",
          "cp.async",
          "brx",
          "redux",
          "mbarrier",
          "activemask",
          "dp4a",
          "fp8",
          "mricron-data", // a package of Debian
          // placeholders and files of a run
          "OUT",
          "FILE",
          "FOLDER",
          "NVCC",
          "gpu-bundle/run.sh",
          "-XX:TLABSize=65536",
          "-XX:-ResizeTLAB\"",
          "-XX:+PreserveFramePointer",
          "-XX:+UnlockDiagnosticVMOptions",
          "-XX:+DumpPerfMapAtExit");

  /** Names that CHANGELOG.md and docs/decisions.md may tell of, as they say what was before. */
  private static final Set<String> FORMER =
      Set.of(
          "Guard",
          "StageRun",
          "Verdict",
          "blurAxis",
          "handOver",
          "noMore",
          "shared",
          "twin",
          "unordered",
          "workerJoblessShare");

  /** The variables of the pages' prose. */
  private static final Map<String, String> VARIABLES =
      Map.of(
          "loader", "BackgroundLoader",
          "bg", "BackgroundLoader",
          "batch", "DeviceBatch",
          "out", "HostBatch",
          "context", "BatchContext",
          "queue", "BatchQueue",
          "cuda", "CudaDevice",
          "builder", "Builder");

  private static final Set<String> PHASES =
      Set.of(
          "clean",
          "compile",
          "test-compile",
          "process-test-classes",
          "test",
          "package",
          "verify",
          "install",
          "deploy");

  private static final Pattern IDENTIFIER = Pattern.compile("@?[A-Za-z_]\\w*");
  private static final Pattern CAMEL_CASE =
      Pattern.compile("(?<![\\w.#=+-])[A-Z][a-z]+(?:[A-Z][a-z]\\w*)+");
  private static final Pattern QUALIFIED =
      Pattern.compile("[a-z]\\w*(?:\\.[a-z]\\w*)+\\.[A-Z]\\w*");
  private static final Pattern DOTTED =
      Pattern.compile("(?<![\\w.()])[a-z_]\\w*(?:\\.[a-z0-9_]+)+(?![\\w(])");
  private static final Pattern FILE =
      Pattern.compile(
          "[\\w.*<>-]*(?:/[\\w.*<>-]+)+/?"
              + "|(?<![\\w.])\\w[\\w-]*\\.(?:md|c|h|cu|sh|java|py|xml|h5)(?!\\w)");
  private static final Pattern PROPERTY =
      Pattern.compile("(?:(?<![\\w.])|(?<=-D))pentrough(?:\\.[a-z]\\w*)+");
  private static final Pattern ARGUMENTS = Pattern.compile("-D(?:benchmarks|exec\\.args)=(.*)");

  @SuppressWarnings("NullAway.Init")
  private static CodeNames names;

  @BeforeAll
  static void readTheCode() throws IOException {
    names = new CodeNames("PagesTest.java");
  }

  static List<Path> pages() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(""))) {
      return files
          .filter(file -> file.toString().endsWith(".md"))
          .filter(file -> !file.startsWith("target") && !file.startsWith("shared"))
          .filter(file -> !file.startsWith("spark")) // its classes are not compiled here
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  @DisplayName("what a page names in code font exists")
  void namesExist(Path file) throws IOException {
    Page page = isOnAnotherLibrary(file) ? Page.withoutFirstCells(file) : Page.read(file);
    List<String> missing = new ArrayList<>();
    for (Piece piece : page.code) {
      missing(piece.text(), file).forEach(name -> missing.add(at(file, piece) + name));
    }
    for (Piece piece : page.blocks) {
      missingOfLine(piece.text(), file).forEach(name -> missing.add(at(file, piece) + name));
    }
    report(missing);
  }

  @ParameterizedTest
  @MethodSource("pages")
  @DisplayName("what a page links to exists, with its heading")
  void linksLeadSomewhere(Path file) throws IOException {
    List<String> missing = new ArrayList<>();
    for (Piece link : Page.read(file).links) {
      String[] parts = link.text().split("#", 2);
      Path target =
          parts[0].isEmpty() ? file : file.toAbsolutePath().resolveSibling(parts[0]).normalize();
      if (!Files.exists(target)
          || (parts.length > 1 && !Page.read(target).anchors.contains(parts[1]))) {
        missing.add(at(file, link) + link.text());
      }
    }
    report(missing);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "`SlotLedgers`",
        "`Device.bests()`",
        "`loader.getSoon()`",
        "`batch.stats()`",
        "`set(index, values, from, to, count, more)`",
        "`getQueuedSoon`",
        "`endless()`",
        "`REDY`",
        "`cuMemAllocNever`",
        "`docs/never.md`",
        "`never.md`",
        "`java.util.concurrent.NeverException`",
        "`-Dpentrough.never=true`",
        "`pentrough.never`",
        "`--never`",
        "`--augment never`",
        "`throughput --never`",
        "`benchmarks never`",
        "    mvn verify -Pnever",
        "    mvn verify -Dpentrough.never=1",
        "    mvn test -Dtest=NeverTest",
        "    mvn test -Dtest=SlotLedgerFuzzTest#never",
        "    mvn exec:exec@never",
        "    mvn never",
        "    mvn exec:java -Dexec.args=\"--device never\"",
        "    mvn exec:java -Dexec.mainClass=io.pentrough.Never",
        "    mvn exec:exec@benchmarks -Dbenchmarks=\"gpu kernels --never 1\"",
        "    benchmarks/on-gpu.sh --never OUT",
        "    CudaContexts      make themselves current",
      })
  @DisplayName("a name that is gone, or was never there, is found")
  void aWrongNameIsFound(String page) {
    Path file = Path.of("README.md");
    List<String> missing = new ArrayList<>();
    Page read = new Page(page);
    read.code.forEach(piece -> missing.addAll(missing(piece.text(), file)));
    read.blocks.forEach(piece -> missing.addAll(missingOfLine(piece.text(), file)));
    assertNotEquals(List.of(), missing);
  }

  @ParameterizedTest
  @CsvSource({"## What a batch costs,what-a-batch-costs", "# Stages; `close()`,stages-close"})
  void headingsAreLinkedAsGitHubDoes(String heading, String anchor) {
    assertEquals(Set.of(anchor), new Page(heading).anchors);
  }

  /** Whether the tables of a page have calls of another library in their first column. */
  private static boolean isOnAnotherLibrary(Path file) {
    return file.toString().matches("docs.from-(pytorch|tf-data|djl|dl4j)\\.md");
  }

  private static String at(Path file, Piece piece) {
    return file + ":" + piece.line() + ": ";
  }

  private static void report(List<String> missing) {
    if (!missing.isEmpty()) {
      fail(
          "The code has no such name. Correct the page, or, if the name belongs to another"
              + " project, add it to FOREIGN:\n"
              + String.join("\n", missing));
    }
  }

  /** What of a text in code font does not exist. */
  private static List<String> missing(String code, Path page) {
    List<String> words = List.of(code.split(" ", -1));
    String first = words.get(0);
    if (first.equals("mvn") || code.startsWith("-D") || first.endsWith(".sh")) {
      return missingOfLine(code, page);
    }
    if (first.equals("perf") || isForeign(code, page)) {
      return List.of();
    }
    if (first.startsWith("--")) {
      return missingOfOptions(words, page);
    }
    if (first.startsWith("-")) {
      return words.stream().filter(word -> !isForeign(word, page) && !isFlag(word)).toList();
    }
    if (first.equals("benchmarks")) {
      return missingOfBenchmark(words.subList(1, words.size()));
    }
    if (words.size() > 1 && names.isSubcommand(first)) {
      return missingOfBenchmark(words);
    }
    return missingOfNames(code, page);
  }

  private static boolean isFlag(String word) {
    return word.startsWith("-P") ? names.isProfile(word.substring(2)) : names.isInSources(word);
  }

  private static List<String> missingOfOptions(List<String> words, Path page) {
    if (words.stream().anyMatch(word -> isForeign(word, page))) {
      return List.of();
    }
    List<String> unknown =
        words.stream()
            .filter(word -> word.startsWith("--"))
            .filter(word -> !names.isOption(word.replaceFirst("=.*", "")))
            .toList();
    return unknown.isEmpty() && !names.takes(words) && !isScriptOption(words.get(0))
        ? List.of(String.join(" ", words))
        : unknown;
  }

  /** Options of scripts are known by name only. */
  private static boolean isScriptOption(String option) {
    return !names.takes(List.of(option)) && names.isOption(option);
  }

  private static List<String> missingOfBenchmark(List<String> words) {
    if (words.get(0).equals("COMMAND")) {
      return List.of(); // a placeholder
    }
    return names.isSubcommand(words.get(0)) && names.takes("benchmarks", words)
        ? List.of()
        : List.of(String.join(" ", words));
  }

  /** What of a line of a block does not exist: a command, or a drawing with names of types. */
  private static List<String> missingOfLine(String line, Path page) {
    String command = line.replaceFirst("\\s+# .*", "").replaceAll("\\s+#$", "");
    List<String> missing = new ArrayList<>();
    for (Matcher property = PROPERTY.matcher(command); property.find(); ) {
      if (!names.isProperty(property.group())) {
        missing.add(property.group());
      }
    }
    List<String> words = shellWords(command);
    for (Matcher type = CAMEL_CASE.matcher(command); type.find(); ) {
      if (names.types(type.group()).isEmpty() && !isForeign(type.group(), page)) {
        missing.add(type.group());
      }
    }
    boolean maven = words.get(0).equals("mvn");
    boolean script = words.get(0).endsWith(".sh") || words.get(0).endsWith(".ci/run");
    for (String word : words) {
      Matcher arguments = ARGUMENTS.matcher(word);
      if (arguments.matches()) {
        List<String> given = List.of(arguments.group(1).split(" ", -1));
        if (word.startsWith("-Dbenchmarks=")) {
          missing.addAll(missingOfBenchmark(given));
        } else if (!names.takes("train", given)) {
          missing.add(word);
        }
      } else if (word.startsWith("-Dtest=") && !word.endsWith("...")) {
        String[] test = word.substring("-Dtest=".length()).split("#", -1);
        List<Class<?>> types = names.types(test[0]);
        if (types.isEmpty() || (test.length > 1 && !names.isMember(types, test[1], 0))) {
          missing.add(word);
        }
      } else if (word.startsWith("-Dexec.mainClass=")) {
        if (names.type(word.substring("-Dexec.mainClass=".length())).isEmpty()) {
          missing.add(word);
        }
      } else if (word.startsWith("-P") && !names.isProfile(word.substring(2))) {
        missing.add(word);
      } else if (maven && !word.startsWith("-") && !word.equals("mvn") && !isGoal(word)) {
        missing.add(word);
      } else if (script && word.startsWith("--") && !names.isOption(word)) {
        missing.add(word);
      } else if (script && word.equals(words.get(0)) && !isPath(word, page)) {
        missing.add(word);
      }
    }
    return missing;
  }

  /** Split at spaces, but for those in double quotes, which go. */
  private static List<String> shellWords(String command) {
    List<String> words = new ArrayList<>();
    Matcher word = Pattern.compile("(?:[^\\s\"]|\"[^\"]*\")+").matcher(command);
    while (word.find()) {
      words.add(word.group().replace("\"", ""));
    }
    return words.isEmpty() ? List.of("") : words;
  }

  private static boolean isGoal(String word) {
    String[] parts = word.split("[:@]", -1);
    return parts.length == 1
        ? PHASES.contains(word)
        : names.isPlugin(parts[0]) && (parts.length < 3 || names.isExecution(parts[2]));
  }

  /** What of Java, of paths and of words does not exist. */
  private static List<String> missingOfNames(String code, Path page) {
    List<String> missing = new ArrayList<>();
    StringBuilder left = new StringBuilder(code.replaceAll("\"[^\"]*\"", "0"));
    take(PROPERTY, left, name -> names.isProperty(name), page, missing);
    take(FILE, left, name -> isPath(name, page), page, missing);
    take(QUALIFIED, left, name -> !names.type(name).isEmpty(), page, missing);
    take(DOTTED, left, PagesTest::isDotted, page, missing);
    String text = left.toString();
    Matcher name = IDENTIFIER.matcher(text);
    String before = "";
    int beforeEnd = -1;
    while (name.find()) {
      int depth = depth(text, name.start());
      boolean ofBefore =
          beforeEnd >= 0 && text.startsWith(".", beforeEnd) && beforeEnd + 1 == name.start();
      if (!isForeign(name.group(), page)
          && !exists(text, name.start(), name.end(), ofBefore ? before : "", depth > 0)) {
        missing.add(name.group() + " (in " + code + ")");
      }
      before = name.group();
      beforeEnd = name.end();
    }
    return missing;
  }

  private interface Check {
    boolean exists(String name);
  }

  /** Checks what a pattern finds, and blanks it. */
  private static void take(
      Pattern pattern, StringBuilder text, Check check, Path page, List<String> missing) {
    Matcher matcher = pattern.matcher(text.toString());
    while (matcher.find()) {
      String found = matcher.group();
      if (VARIABLES.containsKey(found.replaceFirst("\\..*", ""))) {
        continue; // a member of a variable
      }
      if (!isForeign(found, page) && !check.exists(found)) {
        missing.add(found);
      }
      text.replace(matcher.start(), matcher.end(), " ".repeat(found.length()));
    }
  }

  private static int depth(String text, int end) {
    return (int)
        (text.chars().limit(end).filter(c -> c == '(').count()
            - text.chars().limit(end).filter(c -> c == ')').count());
  }

  private static boolean exists(String text, int start, int end, String owner, boolean isArgument) {
    String name = text.substring(start, end);
    if (name.startsWith("@")) {
      return !names.types(name.substring(1)).isEmpty();
    }
    if (text.startsWith("...", end) && !text.startsWith("(", end)) {
      return names.isMemberThatStarts(name);
    }
    int arguments = text.startsWith("(", end) ? arguments(text, end) : CodeNames.ANY;
    if (!owner.isEmpty()) {
      List<Class<?>> owners = names.types(VARIABLES.getOrDefault(owner, owner));
      return isForeignOwner(owner)
          || (owners.isEmpty()
              ? names.isMember(name, arguments)
              : names.isMember(owners, name, arguments));
    }
    if (start > 0 && text.charAt(start - 1) == '.') {
      return names.isMember(name, arguments) || names.isNativeWord(name);
    }
    if (isArgument && name.matches("[a-z].*") && !text.startsWith("(", end)) {
      return true; // what the page calls it
    }
    if (name.matches("(cu|cublas|cuda)[A-Z].*")) {
      return Stream.of("JCudaDriver", "JCuda", "JCublas2")
              .anyMatch(type -> names.isMember(names.types(type), name, CodeNames.ANY))
          || !names.types(name).isEmpty();
    }
    if (text.startsWith("(", end)) {
      return names.isMember(name, arguments) || !names.types(name).isEmpty();
    }
    if (name.matches("[A-Z].*[a-z].*")) {
      return !names.types(name).isEmpty() || names.isNativeWord(name);
    }
    if (name.matches("[A-Z][A-Z0-9_]+")) {
      return names.isMember(name, CodeNames.ANY)
          || names.isNativeWord(name)
          || names.isMember(names.types("CUstream_flags"), name, CodeNames.ANY)
          || names.isMember(names.types("JCudaDriver"), name, CodeNames.ANY);
    }
    if (name.matches("[a-z]+[A-Z].*")) {
      return names.isMember(name, CodeNames.ANY) || names.isNativeWord(name);
    }
    return names.isWord(name) || names.isMember(name.toUpperCase(Locale.ROOT), CodeNames.ANY);
  }

  private static boolean isForeignOwner(String owner) {
    return FOREIGN.contains(owner);
  }

  /** How many arguments there are behind this parenthesis, if all are shown. */
  private static int arguments(String text, int open) {
    int depth = 0;
    int commas = 0;
    int end = open;
    for (; end < text.length(); end++) {
      char c = text.charAt(end);
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (depth == 0) {
        break;
      }
      commas += c == ',' && depth == 1 ? 1 : 0;
    }
    String inside = text.substring(open + 1, Math.min(end, text.length()));
    return inside.isBlank() || inside.contains("...") ? CodeNames.ANY : commas + 1;
  }

  private static boolean isPath(String name, Path page) {
    return name.startsWith("target/") // made by a build
        || (name.startsWith("/") ? names.isInSources(name) : names.isFile(name, page))
        || (!name.contains("/") && names.isMadeByScript(name))
        || isForeign(name, page);
  }

  private static boolean isDotted(String name) {
    return names.isPackage(name) || names.isInSources(name);
  }

  private static boolean isForeign(String name, Path page) {
    return FOREIGN.contains(name)
        || (FORMER.contains(name)
            && (page.endsWith("CHANGELOG.md") || page.endsWith("decisions.md")));
  }
}
