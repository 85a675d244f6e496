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
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What threads that share a {@link BatchIterator} do to each other. */
class BatchIteratorTest {

  private final AtomicInteger next = new AtomicInteger();
  private final List<Integer> closed = new CopyOnWriteArrayList<>();

  private int get() {
    if (next.get() == 5) {
      throw new NoSuchElementException();
    }
    return next.getAndIncrement();
  }

  private static int takenByAThreadThatEnds(BatchIterator<Integer> iterator) throws Exception {
    Caller<Integer> caller = Caller.start(iterator::next);
    int taken = caller.result();
    Patience.join(caller.thread);
    return taken;
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
    assertEquals(0, takenByAThreadThatEnds(iterator));
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
    List<RuntimeException> refusals =
        new ArrayList<>(List.of(new IllegalStateException("not now")));
    BatchIterator<Integer> iterator =
        new BatchIterator<>(
            this::get,
            batch -> {},
            batch -> {
              if (!refusals.isEmpty()) {
                throw refusals.remove(0);
              }
              closed.add(batch);
            });
    assertEquals(0, takenByAThreadThatEnds(iterator));
    assertThrows(IllegalStateException.class, iterator::next);
    assertEquals(1, iterator.next());
    assertEquals(List.of(0), closed);
    assertEquals(2, iterator.next());
    assertEquals(List.of(0, 1), closed);
  }

  private BatchIterator<Integer> iterator() {
    return new BatchIterator<>(this::get, batch -> {}, closed::add);
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
    CountDownLatch told = new CountDownLatch(1);
    CountDownLatch mayTake = new CountDownLatch(1);
    Caller<Integer> other =
        Caller.start(
            () -> {
              assertTrue(iterator.hasNext());
              told.countDown();
              Patience.await(mayTake);
              return iterator.next();
            });
    Patience.await(told);
    assertTrue(iterator.hasNext());
    assertEquals(4, iterator.next());
    assertFalse(iterator.hasNext());
    mayTake.countDown();
    assertEquals(3, other.result());
  }

  @Test
  @DisplayName("what a thread was told of and has not taken is the others' when it has ended")
  void promisedToAThreadThatEnds() throws Exception {
    next.set(4);
    BatchIterator<Integer> iterator = iterator();
    Caller<Boolean> ends = Caller.start(iterator::hasNext);
    assertTrue(ends.result());
    Patience.join(ends.thread);
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
    CountDownLatch told = new CountDownLatch(1);
    CountDownLatch mayEnd = new CountDownLatch(1);
    Caller<Boolean> asks =
        Caller.start(
            () -> {
              assertTrue(iterator.hasNext());
              told.countDown();
              Patience.await(mayEnd);
              return iterator.hasNext();
            });
    Patience.await(told);
    assertEquals(0, iterator.next());
    for (int i = 1; i < 5; i++) {
      assertTrue(iterator.hasNext());
      assertTrue(iterator.hasNext());
      assertEquals(i, iterator.next());
    }
    mayEnd.countDown();
    assertFalse(asks.result());
    assertFalse(iterator.hasNext());
  }

  @Test
  @DisplayName("if the caller's last batch cannot be closed now, none is taken")
  void takesNothingIfItCannotClose() throws Exception {
    List<RuntimeException> refusals =
        new ArrayList<>(List.of(new IllegalStateException("not now")));
    BatchIterator<Integer> iterator =
        new BatchIterator<>(
            this::get,
            batch -> {},
            batch -> {
              if (!refusals.isEmpty()) {
                throw refusals.remove(0);
              }
              closed.add(batch);
            });
    assertEquals(0, iterator.next());
    Caller<Boolean> ends = Caller.start(iterator::hasNext);
    assertTrue(ends.result());
    Patience.join(ends.thread);
    assertThrows(IllegalStateException.class, iterator::next);
    assertEquals(1, iterator.next());
    assertEquals(List.of(0), closed);
  }
}
