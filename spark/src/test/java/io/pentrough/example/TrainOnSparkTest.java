package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.spark.ElasticJob;
import io.pentrough.spark.ElasticJobException;
import io.pentrough.spark.ElasticTask;
import io.pentrough.spark.FolderStore;
import io.pentrough.spark.LocalSpark;
import io.pentrough.spark.PeerLostException;
import io.pentrough.spark.RefusedException;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.spark.TaskKilledException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class TrainOnSparkTest {

  private static final int STEPS = 40;

  /**
   * How far the losses of a step may lie apart, whatever the number of tasks, relative to the loss.
   * Sums of gradients are rounded to float once, so a difference needs a sum that a double cannot
   * hold and that lies next to the middle of two floats.
   */
  private static final float BOUND = 1e-5f;

  @TempDir Path folder;

  private DataParallelTask.Result train(
      String name, DataParallelTask.AfterStep afterStep, Integer... tasks) throws Exception {
    List<Integer> left = new ArrayList<>(List.of(tasks));
    List<DataParallelTask.Result> results =
        ElasticJob.builder(
                LocalSpark.get(),
                new FolderStore(folder.resolve(name)),
                new DataParallelTask(STEPS, 15, afterStep))
            .name(name)
            .tasks(room -> left.remove(0))
            .onProgress(now -> {})
            .run();
    for (DataParallelTask.Result result : results) {
      assertArrayEquals(results.get(0).network, result.network, "all tasks have the same");
      assertArrayEquals(results.get(0).losses, result.losses);
    }
    assertEquals(tasks[tasks.length - 1], results.size());
    return results.get(0);
  }

  @Test
  @DisplayName("one, two and four tasks train the same, also if tasks are lost on the way")
  void sameOnAnyNumberOfTasks() throws Exception {
    DataParallelTask.AfterStep nothing = (context, step) -> {};
    DataParallelTask.Result one = train("one", nothing, 1);
    float before = one.losses[0];
    float behind = one.losses[STEPS - 1];
    assertTrue(behind < 0.9f * before, before + " -> " + behind);
    assertSame("two", one, train("two", nothing, 2));
    assertSame("four", one, train("four", nothing, 4));
    DataParallelTask.AfterStep loses =
        (context, step) -> {
          if (context.attempt() == 1 && context.rank() == 1 && step == 20) {
            throw new IOException("lost");
          }
          if (context.attempt() == 2 && context.rank() == 0 && step == 33) {
            throw new IOException("lost again");
          }
        };
    assertSame("lost", one, train("lost", loses, 2, 4, 1));
  }

  private static void assertSame(
      String what, DataParallelTask.Result expected, DataParallelTask.Result actual)
      throws IOException {
    float most = 0;
    for (int i = 0; i < STEPS; i++) {
      float loss = expected.losses[i];
      most = Math.max(most, Math.abs(actual.losses[i] - loss) / loss);
    }
    System.out.printf(
        "%s: losses differ by %.1e at most; balanced accuracy %.4f and %.4f%n",
        what, most, TrainOnSpark.balancedAccuracy(expected), TrainOnSpark.balancedAccuracy(actual));
    assertTrue(most <= BOUND, what + ": " + most);
  }

  /** The sums of 0 to 40 numbers, which have parts of no number at all, and of many. */
  @Test
  @DisplayName("the ring adds up, and gives all tasks the same bits")
  void ring() throws Exception {
    ElasticTask<int[]> task =
        context -> {
          int[] hashes = new int[lengths().size()];
          try (TcpRing ring = TcpRing.connect(context, InetAddress.getLoopbackAddress())) {
            for (int i = 0; i < hashes.length; i++) {
              double[] expected = new double[lengths().get(i)];
              for (int rank = 0; rank < context.tasks(); rank++) {
                double[] values = numbers(expected.length, rank);
                Arrays.setAll(expected, k -> expected[k] + values[k]);
              }
              double[] sums = numbers(expected.length, context.rank());
              ring.sum(sums);
              assertArrayEquals(expected, sums, 1e-12);
              hashes[i] = Arrays.hashCode(sums);
            }
          }
          return hashes;
        };
    for (int tasks = 1; tasks <= 4; tasks++) {
      int count = tasks;
      List<int[]> hashes =
          ElasticJob.builder(LocalSpark.get(), new FolderStore(folder.resolve("ring")), task)
              .tasks(room -> count)
              .fruitlessAttempts(1)
              .onProgress(now -> {})
              .run();
      for (int[] other : hashes) {
        assertArrayEquals(hashes.get(0), other);
      }
    }
  }

  @Test
  @DisplayName("a task that has lost its neighbour leaves it to that one to say why")
  void lostNeighbour() {
    RefusedException cause = loseTask0(20_000, true);
    assertEquals(0, cause.getSuppressed().length, "task 1 was ended before it could fail");
  }

  @Test
  @DisplayName("so it is if the neighbour closes for longer than a task waits")
  void slowNeighbour() {
    RefusedException cause = loseTask0(0, false);
    assertInstanceOf(PeerLostException.class, cause.getSuppressed()[0]);
  }

  /**
   * Task 0 closes its ring and has a reason. It tells that at once, or when Spark ends it because
   * task 1 has failed.
   */
  private RefusedException loseTask0(int lostMillis, boolean atOnce) {
    ElasticTask<Integer> task =
        context -> {
          try (TcpRing ring =
              TcpRing.connect(context, InetAddress.getLoopbackAddress(), lostMillis)) {
            if (context.rank() == 1) {
              ring.sum(new double[2]);
            }
          }
          for (boolean ended = atOnce; !ended; Thread.onSpinWait()) {
            try {
              context.requireAlive();
            } catch (TaskKilledException e) {
              ended = true;
            }
          }
          throw new RefusedException("the disk is full");
        };
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () ->
                ElasticJob.builder(LocalSpark.get(), new FolderStore(folder), task)
                    .tasks(room -> 2)
                    .onProgress(now -> {})
                    .run());
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains("attempt 1 on 2 tasks failed in task 0"), message);
    assertTrue(message.endsWith(": the disk is full"), message);
    return assertInstanceOf(RefusedException.class, e.getCause());
  }

  private static List<Integer> lengths() {
    List<Integer> lengths = new ArrayList<>();
    for (int length = 0; length <= 40; length++) {
      lengths.add(length);
    }
    lengths.add(3_000_000); // more than the connections hold
    return lengths;
  }

  private static double[] numbers(int length, int rank) {
    SplittableRandom random = new SplittableRandom(length * 10L + rank);
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = random.nextDouble(-1, 1);
    }
    return values;
  }
}
