package io.pentrough.spark;

import static io.pentrough.spark.Thrown.message;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.Position;
import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(20)
class LedgerTest {

  @SuppressWarnings("NullAway.Init")
  private static Position position;

  @TempDir Path folder;

  @BeforeAll
  static void makePosition() {
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT32, 1).build();
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, (out, context) -> out.array("x").setInt(0, 1))
                .batchesPerEpoch(10)
                .start()) {
      position = loader.position();
    }
  }

  private static Checkpoint checkpoint(int attempt, int number) {
    return new Checkpoint(attempt, number, position, new byte[] {(byte) attempt, (byte) number});
  }

  private Ledger ledger() {
    return new Ledger(new FolderStore(folder), "job");
  }

  private Path file(int attempt, int number) {
    return folder.resolve(new CheckpointName(attempt, number).toString());
  }

  @Test
  @DisplayName("what is committed is read again, and two checkpoints remain")
  void commits() throws Exception {
    Ledger ledger = ledger();
    assertEquals(1, ledger.claim());
    assertEquals(Optional.empty(), ledger.newest());
    for (int number = 1; number <= 5; number++) {
      ledger.commit(checkpoint(1, number));
    }
    Checkpoint read = ledger.read(ledger.newest().orElseThrow(), 1);
    assertEquals(new CheckpointName(1, 5), read.name());
    assertEquals(position, read.position);
    assertArrayEquals(new byte[] {1, 5}, read.state);
    assertEquals(
        List.of("attempt-00000001", "checkpoint-00000001-00000004", "checkpoint-00000001-00000005"),
        new FolderStore(folder).list().stream().sorted().toList());
  }

  @Test
  @DisplayName("an attempt that is over cannot commit, and what it wrote meanwhile is not newest")
  void fences() throws Exception {
    Ledger ledger = ledger();
    ledger.claim();
    ledger.commit(checkpoint(1, 1));
    assertEquals(2, ledger.claim());
    RefusedException e =
        assertThrows(RefusedException.class, () -> ledger.commit(checkpoint(1, 2)));
    assertTrue(message(e).contains("a later attempt has begun"), message(e));
    ledger.commit(checkpoint(2, 2));
    // It had looked for later attempts before there was one.
    Files.write(file(1, 9), checkpoint(1, 9).encode("job"));
    assertEquals(Optional.of(new CheckpointName(2, 2)), ledger.newest());
  }

  @Test
  @DisplayName("what is no whole checkpoint of this job is refused by name, with what to do")
  void badCheckpoints() throws Exception {
    Ledger ledger = ledger();
    ledger.claim();
    byte[] good = checkpoint(1, 1).encode("job");
    assertRefused("is damaged", Arrays.copyOf(good, good.length - 1));
    assertRefused("is damaged", Arrays.copyOf(good, 9));
    byte[] flipped = good.clone();
    flipped[good.length / 2] ^= 1;
    assertRefused("is damaged", flipped);
    assertRefused("is no checkpoint of Pentrough", new byte[0]);
    assertRefused("is no checkpoint of Pentrough", "hello, world".getBytes(StandardCharsets.UTF_8));
    assertRefused("is of the job 'other', but this is 'job'", checkpoint(1, 1).encode("other"));
    assertRefused("was renamed", checkpoint(1, 2).encode("job"));
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
    ledger().claim();
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
  @DisplayName("a driver that gives up its mark while another one takes over leaves that one's")
  void givesUpItsOwnMark() {
    InterferingStore store = new InterferingStore(folder);
    Ownership first = Ownership.take(store, "first", false);
    AtomicReference<Ownership> second = new AtomicReference<>();
    store.afterRead = () -> second.set(Ownership.take(store.store, "second", true));
    first.close();
    Ownership taken = Objects.requireNonNull(second.get());
    taken.require();
    RefusedException e =
        assertThrows(RefusedException.class, () -> Ownership.take(store, "third", false));
    assertTrue(message(e).contains("is in use by second"), message(e));
    taken.close();
    Ownership.take(store, "fourth", false).close();
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

  /** Something else happens once, between a read and what follows it. */
  private static class InterferingStore implements CheckpointStore {
    private static final long serialVersionUID = 1;
    private final FolderStore store;
    private transient @Nullable Runnable afterRead;

    InterferingStore(Path folder) {
      store = new FolderStore(folder);
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      return store.create(name, content);
    }

    @Override
    public byte[] read(String name) throws IOException {
      byte[] content = store.read(name);
      Runnable once = afterRead;
      afterRead = null;
      if (once != null) {
        once.run();
      }
      return content;
    }

    @Override
    public List<String> list() throws IOException {
      return store.list();
    }

    @Override
    public void delete(String name) throws IOException {
      store.delete(name);
    }
  }

  @Test
  @DisplayName("a place where nothing can be written gives one error that names it")
  void unwritable() throws Exception {
    Path file = Files.write(folder.resolve("file"), new byte[0]);
    RefusedException e =
        assertThrows(
            RefusedException.class, () -> new Ledger(new FolderStore(file), "job").claim());
    assertTrue(message(e).contains(file + " is a file, but must be a folder"), message(e));
    RefusedException readOnly =
        assertThrows(
            RefusedException.class,
            () -> Ownership.take(new FolderStore(Path.of("/proc/pentrough")), "me", false));
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
      SteppedStore store = new SteppedStore();
      List<Actor> actors =
          Stream.generate(() -> new Actor(new Ledger(store, "job"), random)).limit(4).toList();
      for (Actor actor : actors) {
        actor.start();
      }
      store.play(actors, random);
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
        int attempt = ledger.claim();
        Optional<CheckpointName> from = ledger.newest();
        int number = from.map(name -> ledger.read(name, attempt).number).orElse(0);
        for (int i = 1; i <= commits; i++) {
          ledger.commit(checkpoint(attempt, number + i));
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

  /** A store in memory; each call waits for its turn, which a random order gives. */
  private static final class SteppedStore implements CheckpointStore {
    private static final long serialVersionUID = 1;
    private final transient Map<String, byte[]> entries = new HashMap<>();
    private final transient Map<Thread, Boolean> turns = new HashMap<>();

    /** Lets one waiting actor after the other make one call. */
    synchronized void play(List<Actor> actors, Random random) {
      Actor next = actors.get(0);
      try {
        while (true) {
          List<Actor> alive = actors.stream().filter(Thread::isAlive).toList();
          if (alive.isEmpty()) {
            return;
          }
          if (turns.keySet().containsAll(alive)) { // all wait
            if (!next.isAlive() || random.nextInt(6) == 0) { // else one could hardly be far ahead
              next = alive.get(random.nextInt(alive.size()));
            }
            turns.put(next, true);
            notifyAll();
            while (turns.containsKey(next) && Boolean.TRUE.equals(turns.get(next))) {
              wait(1); // an actor that ends tells nobody
            }
          } else {
            wait(1);
          }
        }
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    private synchronized void turn() {
      Thread self = Thread.currentThread();
      turns.put(self, false);
      notifyAll();
      try {
        while (!Boolean.TRUE.equals(turns.get(self))) {
          wait();
        }
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      turns.remove(self);
      notifyAll();
    }

    @Override
    public boolean create(String name, byte[] content) {
      turn();
      synchronized (this) {
        return entries.putIfAbsent(name, content) == null;
      }
    }

    @Override
    public byte[] read(String name) throws IOException {
      turn();
      synchronized (this) {
        byte[] content = entries.get(name);
        if (content == null) {
          throw new IOException("no entry " + name);
        }
        return content;
      }
    }

    @Override
    public List<String> list() {
      turn();
      synchronized (this) {
        return List.copyOf(entries.keySet());
      }
    }

    @Override
    public void delete(String name) {
      turn();
      synchronized (this) {
        entries.remove(name);
      }
    }
  }
}
