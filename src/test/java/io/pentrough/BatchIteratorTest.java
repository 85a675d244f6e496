package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What threads that share a {@link BatchIterator} do to each other. */
class BatchIteratorTest {

  private final AtomicInteger next = new AtomicInteger();
  private final List<RuntimeException> refusals = new ArrayList<>();
  private final List<Integer> closed = new CopyOnWriteArrayList<>();
  private final CountDownLatch mayGoOn = new CountDownLatch(1);

  private int get() {
    int batch = next.getAndIncrement();
    if (batch >= 5) {
      throw new NoSuchElementException();
    }
    return batch;
  }

  private void close(int batch) {
    if (!refusals.isEmpty()) {
      throw refusals.remove(0);
    }
    closed.add(batch);
  }

  private BatchIterator<Integer> iterator() {
    return new BatchIterator<>(this::get, batch -> {}, this::close);
  }

  private static <R> R onAThreadThatEnds(Callable<R> call) throws Exception {
    Caller<R> caller = Caller.start(call);
    R result = caller.result();
    Patience.join(caller.thread);
    return result;
  }

  /** A thread that has made the first call, and makes the second when it may go on. */
  private <R> Caller<R> behind(Object expected, Callable<?> first, Callable<R> second)
      throws Exception {
    CountDownLatch made = new CountDownLatch(1);
    Caller<R> caller =
        Caller.start(
            () -> {
              assertEquals(expected, first.call());
              made.countDown();
              Patience.await(mayGoOn);
              return second.call();
            });
    Patience.await(made);
    return caller;
  }

  @Test
  @DisplayName("while one thread closes the batch of a thread that has ended, others go on")
  void closingHoldsUpNobody() throws Exception {
    CountDownLatch closing = new CountDownLatch(1);
    CountDownLatch mayClose = new CountDownLatch(1);
    BatchIterator<Integer> iterator =
        new BatchIterator<>(
            this::get,
            batch -> {},
            batch -> {
              closing.countDown();
              Patience.awaitUnchecked(mayClose);
              closed.add(batch);
            });
    assertEquals(0, onAThreadThatEnds(iterator::next));
    Caller<Integer> closer = Caller.start(iterator::next);
    Patience.await(closing);
    assertEquals(1, Caller.start(iterator::next).result());
    mayClose.countDown();
    assertEquals(2, closer.result());
    assertEquals(0, closed.get(0));
  }

  @Test
  @DisplayName("a batch that cannot be closed now is closed later, by whoever asks next")
  void closedLater() throws Exception {
    refusals.add(new IllegalStateException("not now"));
    BatchIterator<Integer> iterator = iterator();
    assertEquals(0, onAThreadThatEnds(iterator::next));
    assertThrows(IllegalStateException.class, iterator::next);
    assertEquals(1, iterator.next());
    assertEquals(List.of(0), closed);
    assertEquals(2, iterator.next());
    assertEquals(List.of(0, 1), closed);
  }

  @Test
  @DisplayName("a thread that was told of the last batch gets it, whoever asks in between")
  void promised() throws Exception {
    next.set(4);
    BatchIterator<Integer> iterator = iterator();
    assertTrue(iterator.hasNext());
    assertFalse(Caller.start(iterator::hasNext).result());
    assertTrue(iterator.hasNext());
    assertEquals(4, iterator.next());
    assertFalse(iterator.hasNext());
  }

  @Test
  @DisplayName("threads that were told of a batch each get the one they were told of")
  void promisedToTwo() throws Exception {
    next.set(3);
    BatchIterator<Integer> iterator = iterator();
    Caller<Integer> other = behind(true, iterator::hasNext, iterator::next);
    assertTrue(iterator.hasNext());
    assertEquals(4, iterator.next());
    assertFalse(iterator.hasNext());
    mayGoOn.countDown();
    assertEquals(3, other.result());
  }

  @Test
  @DisplayName("what a thread was told of and has not taken is the others' when it has ended")
  void promisedToAThreadThatEnds() throws Exception {
    next.set(4);
    BatchIterator<Integer> iterator = iterator();
    assertTrue(onAThreadThatEnds(iterator::hasNext));
    assertTrue(iterator.hasNext());
    assertEquals(4, iterator.next());
  }

  @Test
  @DisplayName("one thread may ask whether there is a batch, and another take it")
  void askedByOneTakenByAnother() throws Exception {
    BatchIterator<Integer> iterator = iterator();
    for (int i = 0; i < 5; i++) {
      assertTrue(iterator.hasNext());
      assertEquals(i, Caller.start(iterator::next).result());
    }
    assertFalse(iterator.hasNext());
  }

  @Test
  @DisplayName("a thread whose batch another has taken keeps none from it, and it may ask twice")
  void takenFromALivingThread() throws Exception {
    BatchIterator<Integer> iterator = iterator();
    Caller<Boolean> asks = behind(true, iterator::hasNext, iterator::hasNext);
    assertEquals(0, iterator.next());
    for (int i = 1; i < 5; i++) {
      assertTrue(iterator.hasNext());
      assertTrue(iterator.hasNext());
      assertEquals(i, iterator.next());
    }
    mayGoOn.countDown();
    assertFalse(asks.result());
    assertFalse(iterator.hasNext());
  }

  @Test
  @DisplayName("if the caller's last batch cannot be closed now, none is taken")
  void takesNothingIfItCannotClose() throws Exception {
    refusals.add(new IllegalStateException("not now"));
    BatchIterator<Integer> iterator = iterator();
    assertEquals(0, iterator.next());
    assertTrue(onAThreadThatEnds(iterator::hasNext));
    assertThrows(IllegalStateException.class, iterator::next);
    assertEquals(1, iterator.next());
    assertEquals(List.of(0), closed);
  }

  @Test
  @DisplayName("a thread that is told of the end looks for what threads that ended meanwhile left")
  void endedMeanwhile() throws Exception {
    List<Thread> asking = new CopyOnWriteArrayList<>();
    List<Integer> passed = new CopyOnWriteArrayList<>();
    next.set(4);
    BatchIterator<Integer> iterator =
        new BatchIterator<>(
            () -> {
              if (next.get() == 5) {
                mayGoOn.countDown();
                Patience.join(asking.get(0));
              }
              return get();
            },
            passed::add,
            closed::add);
    asking.add(behind(true, iterator::hasNext, () -> true).thread);
    assertTrue(iterator.hasNext());
    assertEquals(List.of(4), passed, "it is this thread's now");
    assertEquals(4, iterator.next());
    assertFalse(iterator.hasNext());
    assertEquals(List.of(4), closed);
  }

  @Test
  @DisplayName("what a thread was told of it gets, even if another's batch cannot be closed now")
  void toldAndAnotherCannotBeClosed() throws Exception {
    refusals.add(new IllegalStateException("not now"));
    BatchIterator<Integer> iterator = iterator();
    Caller<Boolean> ends = behind(0, iterator::next, () -> true);
    assertTrue(iterator.hasNext());
    mayGoOn.countDown();
    assertTrue(ends.result());
    Patience.join(ends.thread);
    assertEquals(1, iterator.next());
    assertThrows(IllegalStateException.class, iterator::next);
  }

  @Test
  @DisplayName("loops of several threads get each batch once, and all end well")
  void everyBatchOnce() throws Exception {
    for (int round = 0; round < 50; round++) {
      int first = round % 5;
      next.set(first);
      BatchIterator<Integer> iterator = iterator();
      List<Caller<List<Integer>>> loops = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        loops.add(
            Caller.start(
                () -> {
                  List<Integer> taken = new ArrayList<>();
                  while (iterator.hasNext()) {
                    taken.add(iterator.next());
                  }
                  return taken;
                }));
      }
      List<Integer> all = new ArrayList<>();
      for (Caller<List<Integer>> loop : loops) {
        all.addAll(loop.result());
      }
      assertEquals(IntStream.range(first, 5).boxed().toList(), all.stream().sorted().toList());
    }
  }
}
