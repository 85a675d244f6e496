package io.pentrough;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/** Walks through a loader's batches, closing each before it asks for the next. */
final class BatchIterator implements Iterator<DeviceBatch> {

  private final BackgroundLoader loader;
  private @Nullable DeviceBatch lent;
  private @Nullable DeviceBatch next;
  private boolean ended;

  BatchIterator(BackgroundLoader loader) {
    this.loader = loader;
  }

  @Override
  public boolean hasNext() {
    if (next == null && !ended) {
      closeLent();
      try {
        next = loader.get();
      } catch (NoSuchElementException e) {
        ended = true;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancellationException("interrupted while waiting for the next batch");
      }
    }
    return next != null;
  }

  @Override
  public DeviceBatch next() {
    DeviceBatch batch = hasNext() ? next : null;
    if (batch == null) {
      throw new NoSuchElementException("no more batches");
    }
    lent = batch;
    next = null;
    return batch;
  }

  private void closeLent() {
    if (lent != null) {
      lent.close();
      lent = null;
    }
  }
}
