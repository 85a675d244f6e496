package io.pentrough.spark;

import static io.pentrough.spark.Thrown.message;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.hadoop.conf.Configuration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(20)
class LedgerTest {

  @TempDir Path folder;

  private Ledger ledger() {
    return new Ledger(new FolderStore(folder), "job");
  }

  /** Claims the next attempt, as a driver that was told to take over. */
  private static int claim(Ledger ledger) {
    int next = ledger.last() + 1;
    byte[] driver = UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII);
    return ledger.claim(next, driver) ? next : 0;
  }

  private Path file(int attempt, int number) {
    return folder.resolve(new CheckpointName(attempt, number).toString());
  }

  @Test
  @DisplayName("what is committed is read again, and two checkpoints remain")
  void commits() throws Exception {
    Ledger ledger = ledger();
    assertEquals(1, claim(ledger));
    assertEquals(Optional.empty(), ledger.newest());
    for (int number = 1; number <= 5; number++) {
      ledger.commit(Checkpoints.checkpoint(1, number));
    }
    Checkpoint read = ledger.read(ledger.newest().orElseThrow(), 1);
    assertEquals(new CheckpointName(1, 5), read.name());
    assertEquals(Checkpoints.position(), read.position);
    assertArrayEquals(new byte[] {1, 5}, read.state);
    assertEquals(
        List.of("attempt-00000001", "checkpoint-00000001-00000004", "checkpoint-00000001-00000005"),
        new FolderStore(folder).list().stream().sorted().toList());
  }

  @Test
  @DisplayName("an attempt that is over cannot commit, and what it wrote meanwhile is not newest")
  void fences() throws Exception {
    Ledger ledger = ledger();
    claim(ledger);
    ledger.commit(Checkpoints.checkpoint(1, 1));
    assertEquals(2, claim(ledger));
    RefusedException e =
        assertThrows(RefusedException.class, () -> ledger.commit(Checkpoints.checkpoint(1, 2)));
    assertTrue(message(e).contains("a later attempt has begun"), message(e));
    ledger.commit(Checkpoints.checkpoint(2, 2));
    // It had looked for later attempts before there was one.
    Files.write(file(1, 9), Checkpoints.checkpoint(1, 9).encode("job"));
    assertEquals(Optional.of(new CheckpointName(2, 2)), ledger.newest());
  }

  @Test
  @DisplayName("what is no whole checkpoint of this job is refused by name, with what to do")
  void badCheckpoints() throws Exception {
    Ledger ledger = ledger();
    claim(ledger);
    byte[] good = Checkpoints.checkpoint(1, 1).encode("job");
    assertRefused("is damaged", Arrays.copyOf(good, good.length - 1));
    assertRefused("is damaged", Arrays.copyOf(good, 9));
    byte[] flipped = good.clone();
    flipped[good.length / 2] ^= 1;
    assertRefused("is damaged", flipped);
    assertRefused("is no checkpoint of Pentrough", new byte[0]);
    assertRefused("is no checkpoint of Pentrough", "hello, world".getBytes(StandardCharsets.UTF_8));
    assertRefused(
        "is of the job 'other', but this is 'job'", Checkpoints.checkpoint(1, 1).encode("other"));
    assertRefused("was renamed", Checkpoints.checkpoint(1, 2).encode("job"));
  }

  private void assertRefused(String words, byte[] content) throws IOException {
    Files.write(file(1, 1), content);
    RefusedException e =
        assertThrows(
            RefusedException.class, () -> ledger().read(ledger().newest().orElseThrow(), 1));
    assertTrue(message(e).contains(words), message(e));
    assertTrue(
        message(e).startsWith("checkpoint-00000001-00000001 in the folder " + folder), message(e));
  }

  @Test
  @DisplayName("an entry is there whole or not at all, once, and what was cut short is swept up")
  void folderStore() throws Exception {
    FolderStore store = new FolderStore(folder.resolve("made").resolve("when needed"));
    assertEquals(List.of(), store.list());
    assertTrue(store.create("a", new byte[] {1}));
    assertFalse(store.create("a", new byte[] {2}));
    assertArrayEquals(new byte[] {1}, store.read("a"));
    Path made = folder.resolve("made").resolve("when needed");
    Files.write(made.resolve("b.123.part"), new byte[] {3});
    assertEquals(List.of("a"), store.list());
    store.sweep();
    try (Stream<Path> files = Files.list(made)) {
      assertEquals(List.of(made.resolve("a")), files.toList());
    }
    store.delete("a");
    store.delete("a");
    assertEquals(List.of(), store.list());
  }

  @Test
  @DisplayName("a link that was made is no entry of another one, also if the answer says so")
  void linkedTwice() throws Exception {
    Path part = Files.write(folder.resolve("a.1.part"), new byte[] {1});
    assertTrue(FolderStore.link(folder.resolve("a"), part));
    assertTrue(FolderStore.link(folder.resolve("a"), part));
    Path other = Files.write(folder.resolve("a.2.part"), new byte[] {1});
    assertFalse(FolderStore.link(folder.resolve("a"), other));
  }

  @Test
  @DisplayName("an interrupt while an entry is created is kept, and the entry is there")
  void interruptedCreation() throws Exception {
    Thread.currentThread().interrupt();
    assertTrue(new FolderStore(folder).create("a", new byte[] {1}));
    assertTrue(Thread.interrupted());
  }

  @Test
  @DisplayName("a task waits for what the driver has created, whatever an old list says")
  void seesLate() throws Exception {
    claim(ledger());
    Path entry = folder.resolve("attempt-00000001");
    Path aside = Files.move(entry, folder.resolve("aside"));
    RefusedException e =
        assertThrows(RefusedException.class, () -> ledger().requireVisible(1, "host"));
    assertTrue(message(e).contains("must see the same store"), message(e));
    AtomicInteger reads = new AtomicInteger();
    LateStore store = new LateStore(folder, reads, () -> Files.move(aside, entry));
    new Ledger(store, "job", Duration.ofSeconds(15)).requireVisible(1, "host");
    assertEquals(2, reads.get());
  }

  @Test
  @DisplayName("the next claim deletes what dead attempts have left, but no driver's mark")
  void cleansUp() throws Exception {
    Ledger ledger = ledger();
    claim(ledger);
    for (int number = 1; number <= 3; number++) {
      Files.write(file(1, number), Checkpoints.checkpoint(1, number).encode("job"));
    }
    for (String left : List.of("probe-00000001", "owner-1", "checkpoint-1.7.part", "a.8.part")) {
      Files.write(folder.resolve(left), new byte[0]);
    }
    assertEquals(2, claim(ledger));
    assertEquals(
        List.of(
            "attempt-00000002",
            "checkpoint-00000001-00000002",
            "checkpoint-00000001-00000003",
            "owner-1"),
        files());
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  @Test
  @DisplayName("what cannot be deleted ends no driver, and goes with a later claim")
  void cannotCleanUp() throws Exception {
    InterferingStore store = new InterferingStore(folder);
    Ledger ledger = new Ledger(store, "job");
    assertEquals(1, claim(ledger));
    store.before(
        "sweep",
        () -> {
          throw new IOException("Stale file handle");
        });
    assertEquals(2, claim(ledger));
    store.before(
        "sweep",
        () -> {
          throw new UncheckedIOException(new IOException("Stale file handle"));
        });
    assertEquals(3, claim(ledger));
    store.before(
        "delete attempt-",
        () -> {
          throw new IOException("Stale file handle");
        });
    assertEquals(4, claim(ledger));
    assertEquals(List.of("attempt-00000003", "attempt-00000004"), files());
    assertEquals(5, claim(ledger));
    assertEquals(List.of("attempt-00000005"), files());
  }

  @Test
  @DisplayName("a claim that is behind a later one sweeps nothing that the later one writes")
  void lateClaimSweepsNothing() throws Exception {
    Ledger ledger = ledger();
    claim(ledger);
    claim(ledger);
    Path part = Files.write(folder.resolve("checkpoint-00000002-00000001.1.part"), new byte[1]);
    assertFalse(ledger.claim(1, new byte[0]), "its entry was deleted, but the number is gone");
    assertTrue(Files.exists(part));
  }

  @Test
  @DisplayName("a creation whose half-written file is swept away begins again")
  void sweptAway() {
    InterferingStore store = new InterferingStore(folder);
    Ledger ledger = new Ledger(store, "job");
    claim(ledger);
    store.before(
        "create checkpoint-",
        () -> {
          throw new IOException("cannot be written to", new NoSuchFileException("c.1.part"));
        });
    ledger.commit(Checkpoints.checkpoint(1, 1));
    assertEquals(Optional.of(new CheckpointName(1, 1)), ledger.newest());
    CheckpointStore always =
        new InterferingStore(folder) {
          private static final long serialVersionUID = 1;

          @Override
          public boolean create(String name, byte[] content) throws IOException {
            throw new NoSuchFileException("always");
          }
        };
    RefusedException e =
        assertThrows(RefusedException.class, () -> claim(new Ledger(always, "job")));
    assertTrue(message(e).endsWith("the checkpoint store failed: always"), message(e));
  }

  @Test
  @DisplayName("a checkpoint whose answer was lost is this attempt's own, and another one is not")
  void lostAnswer() throws Exception {
    for (LossyStore.Kind kind : LossyStore.Kind.values()) {
      Ledger ledger = new Ledger(new LossyStore(folder, kind), "job");
      int attempt = claim(ledger);
      ledger.commit(Checkpoints.checkpoint(attempt, 1));
      assertEquals(Optional.of(new CheckpointName(attempt, 1)), ledger.newest());
      Files.write(file(attempt, 2), Checkpoints.checkpoint(attempt, 1).encode("job"));
      RefusedException e =
          assertThrows(
              RefusedException.class, () -> ledger.commit(Checkpoints.checkpoint(attempt, 2)));
      assertTrue(message(e).contains("that this job has not written"), message(e));
      Files.delete(file(attempt, 2));
    }
  }

  @Test
  @DisplayName("what a stream of a folder throws half-way is an error of the store like others")
  void failsHalfWay() {
    UncheckedIOException stale =
        new UncheckedIOException(new FileSystemException("/run", null, "Stale file handle"));
    FileSystemException thrown =
        assertThrows(
            FileSystemException.class,
            () ->
                FolderStore.collected(
                    Stream.of(folder)
                        .map(
                            file -> {
                              throw stale;
                            })));
    assertEquals("Stale file handle", thrown.getReason());
    InterferingStore store = new InterferingStore(folder);
    Ledger ledger = new Ledger(store, "job");
    for (String call : List.of("list", "read ", "create ")) {
      store.before(
          call,
          () -> {
            throw stale;
          });
      RefusedException e =
          assertThrows(
              RefusedException.class, () -> Ownership.take(ledger, "driver", true).close());
      assertTrue(message(e).contains("Stale file handle"), message(e));
      assertSame(stale.getCause(), e.getCause());
      Ownership.take(ledger, "driver", true).close(); // there is a claim to read then
    }
  }

  @Test
  @DisplayName("where no hard link can be made, the message says so, why, and what to do")
  void noHardLinks() throws Exception {
    // What Linux says of a file system without hard links it also says of a link to a folder.
    Path part = Files.createDirectory(folder.resolve("a.1.part"));
    IOException e =
        assertThrows(IOException.class, () -> FolderStore.link(folder.resolve("a"), part));
    assertEquals(
        "no hard link could be made there (Operation not permitted); if the file system has none,"
            + " take a folder on another one",
        message(e));
    try (FileSystem zip =
        FileSystems.newFileSystem(folder.resolve("files.zip"), Map.of("create", "true"))) {
      Path inside = Files.write(zip.getPath("/a.1.part"), new byte[0]);
      IOException other =
          assertThrows(IOException.class, () -> FolderStore.link(zip.getPath("/a"), inside));
      assertTrue(message(other).contains("(not supported)"), message(other));
    }
  }

  @Test
  @DisplayName("a position of another version is not said to be a damaged checkpoint")
  void otherPosition() {
    byte[] bytes = Checkpoints.checkpoint(1, 1).encode("job");
    byte[] position = Checkpoints.position().toString().getBytes(StandardCharsets.US_ASCII);
    int at = bytes.length - Long.BYTES - 2 - Integer.BYTES - position.length; // a state of 2 bytes
    assertArrayEquals(position, Arrays.copyOfRange(bytes, at, at + position.length));
    bytes[at] = '?';
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, bytes.length - Long.BYTES);
    ByteBuffer.wrap(bytes).putLong(bytes.length - Long.BYTES, crc.getValue());
    RefusedException e =
        assertThrows(
            RefusedException.class,
            () -> Checkpoint.decode(bytes, new CheckpointName(1, 1), "job", "it"));
    assertTrue(message(e).startsWith("it is whole, but cannot be read: "), message(e));
    assertInstanceOf(IllegalArgumentException.class, e.getCause());
  }

  @Test
  @DisplayName("an error of the file system without a message is told by its name")
  void noMessage() {
    assertEquals(
        ClosedByInterruptException.class.getName(),
        FolderStore.reason(new ClosedByInterruptException()));
    assertEquals("Stale file handle", FolderStore.reason(new IOException("Stale file handle")));
  }

  @Test
  @DisplayName("a state has at most 2^30 bytes, and its entry fits an array")
  void limits() {
    Checkpoint.requireSize(1 << 30);
    RefusedException e =
        assertThrows(RefusedException.class, () -> Checkpoint.requireSize((1 << 30) + 1));
    assertTrue(message(e).contains("1073741825 bytes"), message(e));
    int empty = new Checkpoint(1, 1, Checkpoints.position(), new byte[0]).encode("job").length;
    assertTrue((1L << 30) + empty < Integer.MAX_VALUE - 8);
    assertEquals(empty + 2, Checkpoints.checkpoint(1, 1).encode("job").length);
  }

  @Test
  @DisplayName("attempts and checkpoints go on beyond eight digits")
  void manyAttempts() throws Exception {
    new FolderStore(folder).create("attempt-99999999", new byte[0]);
    Ledger ledger = ledger();
    assertEquals(100_000_000, claim(ledger));
    assertEquals(100_000_000, ledger.last());
    ledger.commit(Checkpoints.checkpoint(100_000_000, 99_999_999));
    ledger.commit(Checkpoints.checkpoint(100_000_000, 100_000_000));
    assertEquals(Optional.of(new CheckpointName(100_000_000, 100_000_000)), ledger.newest());
    assertEquals(100_000_001, claim(ledger));
  }

  @Test
  @DisplayName("a folder may be a link to one")
  void linkedFolder() throws Exception {
    Path target = Files.createDirectory(folder.resolve("target"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), target);
    assertTrue(new FolderStore(link).create("a", new byte[] {1}));
    assertArrayEquals(new byte[] {1}, new FolderStore(target).read("a"));
  }

  @Test
  @DisplayName("a task whose attempt was deleted by a later one is told so at once")
  void laterAttempt() {
    claim(ledger());
    claim(ledger());
    Ledger patient = new Ledger(new FolderStore(folder), "job", Duration.ofSeconds(2));
    RefusedException e =
        assertThrows(RefusedException.class, () -> patient.requireVisible(1, "host"));
    assertTrue(message(e).contains("a later attempt has begun than attempt 1"), message(e));
  }

  /** Shows an entry at the second read, and never in a list. */
  private static final class LateStore extends InterferingStore {
    private static final long serialVersionUID = 1;
    private final AtomicInteger reads;
    private final transient Callable<Path> appear;

    LateStore(Path folder, AtomicInteger reads, Callable<Path> appear) {
      super(folder);
      this.reads = reads;
      this.appear = appear;
    }

    @Override
    public byte[] read(String name) throws IOException {
      if (reads.incrementAndGet() == 2) {
        try {
          appear.call();
        } catch (Exception e) {
          throw new AssertionError(e);
        }
      }
      return super.read(name);
    }

    @Override
    public List<String> list() {
      return List.of();
    }
  }

  @Test
  @DisplayName("a place where nothing can be written gives one error that names it")
  void unwritable() throws Exception {
    Path file = Files.write(folder.resolve("file"), new byte[0]);
    RefusedException e =
        assertThrows(RefusedException.class, () -> claim(new Ledger(new FolderStore(file), "job")));
    assertTrue(message(e).contains(file + " is a file, but must be a folder"), message(e));
    RefusedException readOnly =
        assertThrows(
            RefusedException.class,
            () ->
                Ownership.take(
                    new Ledger(new FolderStore(Path.of("/proc/pentrough")), "job"), "me", false));
    assertTrue(message(readOnly).contains("/proc/pentrough"), message(readOnly));
  }

  @Test
  @DisplayName("file systems that may replace what another creates are refused by name")
  void others() {
    for (String other : List.of("s3a://bucket/run", "file:///tmp/run", "/on/the/default")) {
      RefusedException e =
          assertThrows(RefusedException.class, () -> new HadoopStore(other, new Configuration()));
      assertTrue(message(e).startsWith(other + " is on the file system "), message(e));
    }
    Configuration configuration = new Configuration();
    configuration.set("fs.defaultFS", "hdfs://name:9000");
    assertEquals(
        "the folder hdfs://name:9000/run", new HadoopStore("/run", configuration).toString());
  }

  /**
   * Attempts that overlap, step by step in a random order: nobody stops when its time is over, but
   * each step of a claim, a choice or a commit may come late.
   */
  @Test
  @DisplayName("whatever overlaps, the checkpoint that an attempt chose is there when it reads it")
  void chosenCheckpointsStay() {
    for (int seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      SteppedStore store = new SteppedStore(random);
      List<Actor> actors =
          Stream.generate(() -> new Actor(new Ledger(store, "job"), random)).limit(4).toList();
      store.play(actors);
      for (Actor actor : actors) {
        if (actor.failure != null) {
          throw new AssertionError("seed " + seed, actor.failure);
        }
      }
    }
  }

  /** An attempt: claims, chooses, reads, commits, until it is refused. */
  private static final class Actor extends Thread {
    private final Ledger ledger;
    private final int commits;
    volatile @Nullable Throwable failure;

    Actor(Ledger ledger, Random random) {
      this.ledger = ledger;
      commits = 1 + random.nextInt(5);
      setDaemon(true);
    }

    @Override
    public void run() {
      try {
        int attempt = claim(ledger);
        if (attempt == 0) {
          return;
        }
        Optional<CheckpointName> from = ledger.newest();
        int number = from.map(name -> ledger.read(name, attempt).number).orElse(0);
        for (int i = 1; i <= commits; i++) {
          ledger.commit(Checkpoints.checkpoint(attempt, number + i));
        }
      } catch (RefusedException e) {
        if (!message(e).contains("a later attempt has begun")) {
          failure = e;
        }
      } catch (Throwable t) {
        failure = t;
      }
    }
  }
}
