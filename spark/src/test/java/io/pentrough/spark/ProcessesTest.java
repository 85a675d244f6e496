package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Remainder;
import java.io.File;
import java.io.IOException;
import java.io.Serializable;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real executor processes, which get killed: one to three minutes on two cores. */
@Tag("processes")
class ProcessesTest {

  private static final long BOUND_MINUTES = 8;
  private static final String OPENS =
      "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util"
          + " java.util.concurrent java.util.concurrent.atomic sun.nio.ch sun.nio.cs"
          + " sun.security.action sun.util.calendar";

  @TempDir Path folder;

  @Test
  @Timeout(value = BOUND_MINUTES, unit = TimeUnit.MINUTES)
  @DisplayName("executors killed in mid-step and in mid-checkpoint cost no batch and repeat none")
  void kills() throws Exception {
    long began = System.nanoTime();
    Path log = folder.resolve("driver.log");
    Process driver = driver(log);
    try {
      Kill.await(folder, "step", driver, log);
      Kill.await(folder, "checkpoint", driver, log);
      assertTrue(driver.waitFor(BOUND_MINUTES, TimeUnit.MINUTES));
    } finally {
      driver.descendants().forEach(ProcessHandle::destroyForcibly);
      driver.destroyForcibly();
    }
    String said = Files.readString(log);
    assertEquals(0, driver.exitValue(), said);
    Path store = folder.resolve("store");
    Ledger ledger = new Ledger(new FolderStore(store), "killed");
    Checkpoint last = ledger.read(ledger.newest().orElseThrow(), Integer.MAX_VALUE);
    assertEquals(task(folder).expected(), CountingTask.committed(last.state));
    assertEquals(3, last.attempt);
    try (Stream<Path> files = Files.list(store)) {
      assertTrue(files.noneMatch(file -> file.toString().endsWith(".part")), "swept up");
    }
    System.out.printf(
        "killed twice, %d batches once each, after %d s:%n%s",
        CountingTask.committed(last.state).size(),
        Duration.ofNanos(System.nanoTime() - began).toSeconds(),
        said.lines()
            .filter(line -> line.startsWith("DRIVER") || line.contains(" failed in task "))
            .collect(Collectors.joining("\n", "", "\n")));
  }

  private static CountingTask task(Path folder) {
    String where = folder.toString();
    return new CountingTask(
        24,
        2,
        4,
        Remainder.DROP,
        (context, number) -> {
          if (context.attempt() == 1 && context.rank() == 1 && number == 6) {
            Kill.me(Path.of(where), "step");
          }
        });
  }

  /** How a process gets killed where it is. */
  static final class Kill {

    private Kill() {}

    /** Says who is to be killed, and waits for it. */
    static void me(Path folder, String when) throws IOException, InterruptedException {
      Path aside = folder.resolve("aside-" + when);
      Files.writeString(aside, Long.toString(ProcessHandle.current().pid()));
      Files.move(aside, folder.resolve("kill-" + when));
      Thread.sleep(Duration.ofMinutes(BOUND_MINUTES).toMillis());
    }

    /** Waits for the process that is to be killed, and kills it with signal 9. */
    static void await(Path folder, String when, Process driver, Path log) throws Exception {
      Path file = folder.resolve("kill-" + when);
      while (!Files.exists(file)) {
        assertTrue(driver.isAlive(), () -> read(log));
        Thread.sleep(50);
      }
      ProcessHandle victim = ProcessHandle.of(Long.parseLong(Files.readString(file))).orElseThrow();
      assertTrue(victim.destroyForcibly());
      victim.onExit().get(1, TimeUnit.MINUTES);
    }

    private static String read(Path log) {
      try {
        return Files.readString(log);
      } catch (IOException e) {
        return e.toString();
      }
    }
  }

  /** A folder whose writer gets killed when it has written half of a checkpoint. */
  static final class DeadlyStore implements CheckpointStore, Serializable {

    private static final long serialVersionUID = 1;
    private final FolderStore store;
    private final String folder;

    DeadlyStore(Path folder) {
      this.folder = folder.toString();
      this.store = new FolderStore(folder.resolve("store"));
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      if (name.startsWith("checkpoint-00000002-")
          && store.list().stream().anyMatch(entry -> entry.startsWith("checkpoint-00000002-"))) {
        Path part = Path.of(folder).resolve("store").resolve(name + ".half.part");
        Files.write(part, Arrays.copyOf(content, content.length / 2));
        try {
          Kill.me(Path.of(folder), "checkpoint");
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
      }
      return store.create(name, content);
    }

    @Override
    public byte[] read(String name) throws IOException {
      return store.read(name);
    }

    @Override
    public List<String> list() throws IOException {
      return store.list();
    }

    @Override
    public void delete(String name) throws IOException {
      store.delete(name);
    }

    @Override
    public void sweep() throws IOException {
      store.sweep();
    }
  }

  private Process driver(Path log) throws IOException {
    // Spark looks for its jars in a folder.
    Path jars = Files.createDirectories(folder.resolve("spark").resolve("jars"));
    List<String> folders = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path path = Path.of(entry);
      if (Files.isRegularFile(path)) {
        Files.createSymbolicLink(jars.resolve(path.getFileName()), path);
      } else {
        folders.add(entry);
      }
    }
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String name : OPENS.split(" ", -1)) {
      command.add("--add-opens=java.base/" + name + "=ALL-UNNAMED");
    }
    command.addAll(
        List.of(
            "-Xmx512m",
            "-Djdk.reflect.useDirectMethodHandle=false",
            "-cp",
            System.getProperty("java.class.path"),
            Driver.class.getName(),
            folder.toString(),
            String.join(File.pathSeparator, folders)));
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().put("SPARK_HOME", folder.resolve("spark").toString());
    builder.environment().put("SPARK_SCALA_VERSION", "2.13");
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    return builder.redirectErrorStream(true).redirectOutput(Redirect.to(log.toFile())).start();
  }

  /** The driver, in a process of its own, with executors in theirs. */
  static final class Driver {

    private Driver() {}

    /** Arguments: the folder, the class path of the executors. */
    public static void main(String[] args) throws Exception {
      SparkConf conf =
          new SparkConf()
              .setMaster("local-cluster[2,1,1024]")
              .setAppName("killed")
              .set("spark.ui.enabled", "false")
              .set("spark.driver.host", "127.0.0.1")
              .set("spark.driver.bindAddress", "127.0.0.1")
              .set("spark.executor.memory", "512m")
              .set("spark.executor.extraClassPath", args[1]);
      List<Integer> tasks = new ArrayList<>(List.of(2, 1, 2));
      try (JavaSparkContext spark = new JavaSparkContext(conf)) {
        spark.setLogLevel("WARN");
        List<Integer> done =
            ElasticJob.builder(spark, new DeadlyStore(Path.of(args[0])), task(Path.of(args[0])))
                .name("killed")
                .tasks(
                    room -> {
                      if (room < tasks.get(0)) {
                        return 0; // an executor is still to come
                      }
                      System.out.println("DRIVER starts " + tasks.get(0) + " of " + room);
                      return tasks.remove(0);
                    })
                .run();
        System.out.println("DRIVER done " + done);
      }
      System.exit(0);
    }
  }
}
