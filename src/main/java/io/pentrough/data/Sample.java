package io.pentrough.data;

import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.util.Arrays;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Where a {@link Dataset} writes one sample: a row of each array of the batch. There is no copy.
 *
 * <p>One object for each worker, which is turned to one sample after the other. So it is valid
 * until the {@code read} that it was given to returns, and so are its arrays and random numbers.
 * Ask for them in each {@code read}.
 *
 * <p><b>Threads.</b> For the thread of that {@code read} only.
 */
public final class Sample {

  private @Nullable HostBatch batch;
  private @Nullable BatchContext context;
  private int row;
  private long position;
  private boolean[] asked = {};
  private @Nullable RandomGenerator random;

  Sample() {}

  /**
   * Turns to another sample. Allocates nothing.
   *
   * @param row where it stands in the batch
   * @param position where it stands in the epoch's order
   */
  void turnTo(HostBatch batch, BatchContext context, int row, long position) {
    this.batch = batch;
    this.context = context;
    this.row = row;
    this.position = position;
    random = null;
    int arrays = batch.spec().arrays().size();
    if (asked.length != arrays) {
      asked = new boolean[arrays];
    }
    Arrays.fill(asked, false);
  }

  /** The fill is over. */
  void end() {
    batch = null;
    context = null;
    random = null;
  }

  /**
   * This sample's row of an array, with the shape of the array but for the first dimension.
   *
   * @param name a name of the loader's specification
   * @return always the same object for an array, turned to this sample's row; flat indexes begin at
   *     0
   * @throws IllegalArgumentException if there is none of that name; the message lists the names
   * @throws IllegalStateException if called from another thread than that of {@code read}, or after
   *     the batch was made
   */
  public HostArray array(String name) {
    Objects.requireNonNull(name, "name");
    HostBatch of = batch();
    int i = of.spec().indexOf(name);
    HostArray array = of.array(i).row(row);
    asked[i] = true;
    return array;
  }

  /**
   * Random numbers for this sample: a function of the loader's seed, the epoch and the sample's
   * position in the epoch's order. They depend neither on the batch size nor on other samples. A
   * sample that an epoch has several times gets other numbers each time.
   *
   * @return the same object until {@code read} returns, which goes on where it is
   * @throws IllegalStateException if called from another thread than that of {@code read}, or after
   *     the batch was made
   */
  public RandomGenerator random() {
    RandomGenerator own = random;
    if (own == null) {
      own = context().random("samples", position);
      random = own;
    }
    return own;
  }

  /** Refuses a sample that the dataset cannot have written. */
  void requireWritten() {
    for (int i = 0; i < asked.length; i++) {
      if (!asked[i]) {
        BatchSpec spec = batch().spec();
        throw new IllegalStateException(
            "read(...) has returned without asking for array '"
                + spec.array(i).name()
                + "', so its row holds another sample: write every array of "
                + spec);
      }
    }
  }

  private HostBatch batch() {
    if (batch == null) {
      throw over();
    }
    return batch;
  }

  private BatchContext context() {
    if (context == null) {
      throw over();
    }
    return context;
  }

  private static IllegalStateException over() {
    return new IllegalStateException(
        "a sample is used after the read(...) that it was given to: write it before you return");
  }
}
