package io.pentrough;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Walks through a loader's batches. Several threads may share one iterator: each of them gets other
 * batches, and closes the batch it got before when it asks for its next.
 */
final class BatchIterator implements Iterator<DeviceBatch> {

  private final AbstractLoader loader;

  /** Behind it there is nothing to walk through. */
  private final int lastEpoch;

  /** What {@code hasNext} has fetched, for whoever comes next; guarded by the turns. */
  private final Deque<DeviceBatch> fetched = new ArrayDeque<>(1);

  /** One for each thread that has called; guarded by itself. */
  private final List<Turn> turns = new ArrayList<>(1);

  private volatile boolean ended;

  /** What one thread was given. Its own; or, when it has ended, of whoever finds that. */
  private static final class Turn {
    private final Thread thread = Thread.currentThread();
    private @Nullable DeviceBatch lent;

    void closeLent() {
      if (lent != null) {
        lent.closeInLoop();
        lent = null;
      }
    }
  }

  BatchIterator(AbstractLoader loader, int lastEpoch) {
    this.loader = loader;
    this.lastEpoch = lastEpoch;
  }

  @Override
  public boolean hasNext() {
    synchronized (turns) {
      if (!fetched.isEmpty()) {
        return true;
      }
    }
    DeviceBatch batch = fetch(turn());
    if (batch == null) {
      return false;
    }
    synchronized (turns) {
      fetched.add(batch);
    }
    return true;
  }

  @Override
  public DeviceBatch next() {
    Turn turn = turn();
    DeviceBatch batch;
    synchronized (turns) {
      batch = fetched.poll();
    }
    if (batch == null) {
      batch = fetch(turn);
      if (batch == null) {
        throw new NoSuchElementException("no more batches: ask hasNext() first");
      }
    }
    batch.passToCaller(); // another thread may have fetched it
    turn.closeLent();
    turn.lent = batch;
    return batch;
  }

  /** Waits for a batch, having closed the caller's last one; null at the end. */
  private @Nullable DeviceBatch fetch(Turn turn) {
    turn.closeLent();
    if (ended) {
      return null;
    }
    try {
      return loader.getInLoop(lastEpoch);
    } catch (NoSuchElementException e) {
      ended = true;
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while waiting for the next batch");
    }
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
          turn.closeLent();
          turns.remove(i);
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
