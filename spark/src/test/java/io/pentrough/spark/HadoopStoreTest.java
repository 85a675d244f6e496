package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Remainder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** On a real HDFS, with a name node and a data node in this process. */
@Timeout(60)
@Tag("processes")
class HadoopStoreTest {

  @TempDir static Path folder;

  @SuppressWarnings("NullAway.Init")
  private static MiniDFSCluster hdfs;

  @BeforeAll
  static void start() throws Exception {
    Configuration configuration = new Configuration();
    configuration.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, folder.toString());
    hdfs = new MiniDFSCluster.Builder(configuration).numDataNodes(1).build();
    hdfs.waitActive();
  }

  @AfterAll
  static void stop() {
    hdfs.shutdown();
  }

  private static HadoopStore store(String name) {
    return new HadoopStore(hdfs.getURI() + "/stores/" + name, new Configuration());
  }

  @Test
  @DisplayName("an entry is there whole or not at all, once, and what was cut short is swept up")
  void entries() throws Exception {
    HadoopStore store = sent(store("entries"));
    assertEquals(List.of(), store.list());
    assertThrows(FileNotFoundException.class, () -> store.read("a"));
    assertTrue(store.create("a", new byte[] {1}));
    assertFalse(store.create("a", new byte[] {2}));
    assertArrayEquals(new byte[] {1}, store.read("a"));
    hdfs.getFileSystem().create(new org.apache.hadoop.fs.Path("/stores/entries/b.1.part")).close();
    assertEquals(List.of("a"), store.list());
    store.sweep();
    assertEquals(
        1,
        hdfs.getFileSystem().listStatus(new org.apache.hadoop.fs.Path("/stores/entries")).length);
    store.delete("a");
    store.delete("a");
    assertEquals(List.of(), store.list());
  }

  /** As Spark sends it to an executor. */
  private static HadoopStore sent(HadoopStore store) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(store);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return (HadoopStore) in.readObject();
    }
  }

  @Test
  @DisplayName("of many that create the same entry, one succeeds")
  void oneWins() throws Exception {
    HadoopStore store = store("race");
    for (int round = 0; round < 20; round++) {
      String name = "entry-" + round;
      AtomicInteger won = new AtomicInteger();
      CountDownLatch together = new CountDownLatch(4);
      List<Thread> threads =
          Stream.generate(
                  () ->
                      new Thread(
                          () -> {
                            together.countDown();
                            try {
                              together.await();
                              if (store.create(name, new byte[100])) {
                                won.incrementAndGet();
                              }
                            } catch (Exception e) {
                              throw new AssertionError(e);
                            }
                          }))
              .limit(4)
              .toList();
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(1, won.get());
    }
  }

  @Test
  @DisplayName("a job keeps its checkpoints there")
  void job() throws Exception {
    CountingTask task = new CountingTask(4, 1, 2, Remainder.DROP, (context, number) -> {});
    HadoopStore store = store("job");
    ElasticJob.builder(LocalSpark.get(), store, task).tasks(room -> 2).run();
    Ledger ledger = new Ledger(store, "training");
    assertEquals(
        task.expected(),
        CountingTask.committed(
            ledger.read(ledger.newest().orElseThrow(), Integer.MAX_VALUE).state));
  }
}
