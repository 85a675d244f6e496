package io.pentrough;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Walks through a loader's batches, or through the steps of several devices. Several threads may
 * share one iterator: each of them gets other batches, and closes the batch it got before when it
 * asks for its next.
 *
 * @param <T> a batch, or a step
 */
final class BatchIterator<T> implements Iterator<T> {

  /** Waits for the next batch. */
  @FunctionalInterface
  interface Source<T> {
    /**
     * The next one.
     *
     * @throws NoSuchElementException after the last one
     */
    T get() throws InterruptedException;
  }

  private final Source<T> source;
  private final Consumer<T> passToCaller;
  private final Consumer<T> close;

  /** What {@code hasNext} has fetched for threads that have ended; guarded by the turns. */
  private final Deque<T> orphans = new ArrayDeque<>(1);

  /** One for each thread that has called; guarded by itself. */
  private final List<Turn> turns = new ArrayList<>(1);

  private volatile boolean ended;

  /** What one thread was given. Its own; or, when it has ended, of the thread that finds that. */
  private final class Turn {
    private final Thread thread = Thread.currentThread();
    private @Nullable T held;

    /** What {@code hasNext} has told it of; guarded by the turns. */
    private @Nullable T fetched;

    boolean isTold() {
      synchronized (turns) {
        return fetched != null;
      }
    }

    @Nullable T take() {
      synchronized (turns) {
        T batch = fetched;
        fetched = null;
        return batch;
      }
    }

    void closeHeld() {
      if (held != null) {
        close.accept(held);
        held = null;
      }
    }
  }

  /**
   * At the beginning.
   *
   * @param passToCaller makes a batch that another thread may have fetched the calling thread's
   */
  BatchIterator(Source<T> source, Consumer<T> passToCaller, Consumer<T> close) {
    this.source = source;
    this.passToCaller = passToCaller;
    this.close = close;
  }

  @Override
  public boolean hasNext() {
    Turn turn = turn();
    if (turn.isTold()) {
      return true;
    }
    turn.closeHeld();
    closeEnded();
    if (adopt(turn)) {
      return true;
    }
    T batch = fetch();
    if (batch == null) {
      closeEnded();
      return adopt(turn); // another thread may have ended meanwhile
    }
    synchronized (turns) {
      turn.fetched = batch;
    }
    return true;
  }

  /** Takes over what a thread was told of that has ended, if there is such a batch. */
  private boolean adopt(Turn turn) {
    T orphan;
    synchronized (turns) {
      orphan = orphans.poll();
      turn.fetched = orphan;
    }
    if (orphan == null) {
      return false;
    }
    passToCaller.accept(orphan);
    return true;
  }

  @Override
  public T next() {
    Turn turn = turn();
    turn.closeHeld();
    T batch = turn.take();
    if (batch == null) {
      closeEnded();
      batch = takeFromAnother();
    }
    if (batch == null) {
      batch = fetch();
    }
    if (batch == null) {
      throw new NoSuchElementException("no more batches: ask hasNext() first");
    }
    turn.held = batch;
    passToCaller.accept(batch);
    return batch;
  }

  /** What a thread was told of that has ended; or one that lives, as the caller has not asked. */
  private @Nullable T takeFromAnother() {
    synchronized (turns) {
      T batch = orphans.poll();
      for (int i = 0; i < turns.size() && batch == null; i++) {
        batch = turns.get(i).take();
      }
      return batch;
    }
  }

  /** Waits for a batch; null at the end. */
  private @Nullable T fetch() {
    if (ended) {
      return null;
    }
    try {
      return source.get();
    } catch (NoSuchElementException e) {
      ended = true;
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while waiting for the next batch");
    }
  }

  /** The caller's. */
  private Turn turn() {
    synchronized (turns) {
      for (int i = 0; i < turns.size(); i++) { // an iterator would be heap for each batch (I6)
        if (turns.get(i).thread == Thread.currentThread()) {
          return turns.get(i);
        }
      }
      Turn mine = new Turn();
      turns.add(mine);
      return mine;
    }
  }

  /** Closes what threads hold that have ended. */
  private void closeEnded() {
    for (Turn over = takeEnded(); over != null; over = takeEnded()) {
      close(over);
    }
  }

  private @Nullable Turn takeEnded() {
    synchronized (turns) {
      for (int i = 0; i < turns.size(); i++) {
        if (!turns.get(i).thread.isAlive()) {
          Turn over = turns.remove(i);
          T batch = over.take();
          if (batch != null) {
            orphans.add(batch);
          }
          return over;
        }
      }
      return null;
    }
  }

  /** Without the lock, as it calls the device. What cannot be closed now is tried again. */
  private void close(Turn over) {
    try {
      over.closeHeld();
    } finally {
      if (over.held != null) {
        synchronized (turns) {
          turns.add(over);
        }
      }
    }
  }
}
