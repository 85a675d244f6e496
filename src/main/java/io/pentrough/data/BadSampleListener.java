package io.pentrough.data;

import io.pentrough.BadSample;

/** Called for each sample that is left out, see {@link Batches#skipBadSamples}. */
@FunctionalInterface
public interface BadSampleListener {

  /**
   * A sample is left out. Called once, by the {@code get} that delivers its batch or steps over it:
   * on that thread, before that call returns, throws or goes on waiting, and outside any lock. What
   * this throws is logged and otherwise ignored.
   *
   * @param epoch the batch's epoch
   * @param batch the batch's index
   * @param sample which sample, and what the dataset threw
   */
  void badSample(int epoch, long batch, BadSample sample);
}
