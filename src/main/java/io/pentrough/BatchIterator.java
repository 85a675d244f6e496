package io.pentrough;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Walks through a loader's batches. Several threads may share one iterator: each of them gets other
 * batches, and closes the batch it got before when it asks for its next.
 */
final class BatchIterator implements Iterator<DeviceBatch> {

  private final BackgroundLoader loader;

  /** One for each thread that has called; guarded by itself. */
  private final List<Turn> turns = new ArrayList<>(1);

  private volatile boolean ended;

  /** What one thread has got. Its own; or, when it has ended, of whoever finds that. */
  private static final class Turn {
    private final Thread thread = Thread.currentThread();
    private @Nullable DeviceBatch lent;
    private @Nullable DeviceBatch next;

    void closeLent() {
      if (lent != null) {
        lent.close();
        lent = null;
      }
    }
  }

  BatchIterator(BackgroundLoader loader) {
    this.loader = loader;
  }

  @Override
  public boolean hasNext() {
    Turn turn = turn();
    if (turn.next == null) {
      turn.closeLent();
      if (ended) {
        return false;
      }
      try {
        turn.next = loader.getInLoop();
      } catch (NoSuchElementException e) {
        ended = true;
        return false;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancellationException("interrupted while waiting for the next batch");
      }
    }
    return true;
  }

  @Override
  public DeviceBatch next() {
    if (!hasNext()) {
      throw new NoSuchElementException("no more batches: ask hasNext() first");
    }
    Turn turn = turn();
    DeviceBatch batch = Objects.requireNonNull(turn.next);
    turn.lent = batch;
    turn.next = null;
    return batch;
  }

  /** The caller's; what threads that have ended still hold is closed on the way. */
  private Turn turn() {
    synchronized (turns) {
      Turn mine = null;
      for (int i = turns.size() - 1; i >= 0; i--) {
        Turn turn = turns.get(i);
        if (turn.thread == Thread.currentThread()) {
          mine = turn;
        } else if (!turn.thread.isAlive()) {
          turns.remove(i);
          turn.closeLent();
          turn.lent = turn.next;
          turn.closeLent();
        }
      }
      if (mine == null) {
        mine = new Turn();
        turns.add(mine);
      }
      return mine;
    }
  }
}
