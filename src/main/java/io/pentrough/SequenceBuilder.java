package io.pentrough;

import io.pentrough.device.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The options of a {@link BackgroundLoader}, whether its arrays are given or inferred: which
 * batches there are, in which order, and what happens to them on the device.
 *
 * @param <B> the builder itself, which each option returns
 */
abstract class SequenceBuilder<B extends SequenceBuilder<B>> extends LoaderBuilder<B> {

  private boolean ordered = true;
  private long batchesPerEpoch = Schedule.ENDLESS;
  private int epochs;
  private long shardFirst;
  private long shardStride = 1;
  private Remainder shardRemainder = Remainder.UNEVEN;
  private @Nullable Position startAt;
  private final List<BatchStage> stages = new ArrayList<>();

  SequenceBuilder(Device device) {
    super(device, "loader");
  }

  /**
   * What a worker has to do for each batch. May run the target once to find out.
   *
   * @param first the first batch that will be delivered
   */
  abstract Job job(InferredTarget.Start first);

  /**
   * The target, if it knows its epochs; null if it does not.
   *
   * @throws IllegalArgumentException if it cannot fill the arrays
   */
  abstract @Nullable EpochTarget epochTarget();

  /**
   * Whether batches are delivered in the order of their index. Default true. If false, they are
   * delivered as they get ready. Each is still delivered once, and is the same as in order. At most
   * 4096 others overtake an index that takes long.
   *
   * @param ordered false to give up the order
   * @return this
   */
  public final B ordered(boolean ordered) {
    this.ordered = ordered;
    return self();
  }

  /**
   * How many indexes an epoch has, over all shards. Default: as many as an {@link EpochTarget}
   * says. For other targets, as many as the target makes before it calls {@link
   * BatchContext#endOfEpoch}, so an endless first epoch if it never does. {@link #start()} refuses
   * another number than that of an {@link EpochTarget}.
   *
   * @param batches at least 1
   * @return this
   * @throws IllegalArgumentException if less than 1
   */
  public final B batchesPerEpoch(long batches) {
    if (batches < 1) {
      throw new IllegalArgumentException(
          "batchesPerEpoch must be at least 1, not "
              + batches
              + ": leave it out if only the target knows");
    }
    this.batchesPerEpoch = batches;
    return self();
  }

  /**
   * How many epochs there are; they follow each other without a pause. Default: endlessly many if
   * {@code batchesPerEpoch} is given or an {@link EpochTarget} says it, else 1. After the last
   * batch {@code get} throws {@link java.util.NoSuchElementException}.
   *
   * @param epochs at least 1
   * @return this
   * @throws IllegalArgumentException if less than 1
   */
  public final B epochs(int epochs) {
    if (epochs < 1) {
      throw new IllegalArgumentException("epochs must be at least 1, not " + epochs);
    }
    this.epochs = epochs;
    return self();
  }

  /**
   * Takes a share of each epoch, as {@code shard(first, stride, Remainder.UNEVEN)}: shards get
   * different numbers of batches, and drift into different epochs, unless the number of batches per
   * epoch is a multiple of the number of shards.
   *
   * <p>For example, 10 batches over 4 shards are 3, 3, 2 and 2. If all shards take one step at a
   * time together, then at the third step two of them already take batches of the next epoch. Where
   * that matters, choose another {@link Remainder}, or a {@code batchesPerEpoch} that the shards
   * divide.
   *
   * @param first 0 to stride - 1
   * @param stride how many shards there are, at most 2,147,483,647
   * @return this
   * @throws IllegalArgumentException if out of range
   */
  public final B shard(long first, long stride) {
    return shard(first, stride, Remainder.UNEVEN);
  }

  /**
   * Takes a share of each epoch. The share is the indexes first, first + stride, first + 2 stride,
   * ... With the same seed, stride loaders with first = 0 .. stride - 1 make together exactly the
   * batches of one, but for what the remainder says.
   *
   * <p>If the loaders start at a position of the whole ({@link Position#merge}), they share what is
   * left of an epoch in the same way: each takes every stride-th of the batches that have not been
   * delivered. So all must start at the same position.
   *
   * @param first 0 to stride - 1
   * @param stride how many shards there are, at most 2,147,483,647, and at most as many as an epoch
   *     has batches
   * @param remainder what to do if the shards don't divide the number of batches per epoch; all
   *     shards must say the same
   * @return this
   * @throws IllegalArgumentException if out of range
   */
  public final B shard(long first, long stride, Remainder remainder) {
    Objects.requireNonNull(remainder, "remainder");
    if (first < 0 || first >= stride || stride > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a shard needs 0 <= first < stride <= "
              + Integer.MAX_VALUE
              + ", not first "
              + first
              + " and stride "
              + stride
              + ": first is this shard's number, stride how many there are");
    }
    this.shardFirst = first;
    this.shardStride = stride;
    this.shardRemainder = stride == 1 ? Remainder.UNEVEN : remainder; // there is none
    return self();
  }

  /**
   * Continues where another loader of the same arrays, stages, data, seed, batches per epoch and
   * shard was. Workers, slots, device, order and failure policy may differ. Checked by {@link
   * #start()}, whose refusal says what differs.
   *
   * <p>A position of the whole, that is of a loader without shards or of {@link Position#merge}, is
   * for any number of shards, if {@code batchesPerEpoch} was declared.
   *
   * @param position what {@link DeviceBatch#position()}, {@link BackgroundLoader#position()} or
   *     {@link Position#merge} returned
   * @return this
   */
  public final B startAt(Position position) {
    this.startAt = Objects.requireNonNull(position, "position");
    return self();
  }

  /**
   * Adds work on the device between a batch's copy and its delivery. Stages run in the order in
   * which they were added, and batches are delivered as the last one leaves them.
   *
   * @param stage the work; each object may be added only once
   * @return this
   * @throws IllegalArgumentException if it has been added before
   */
  public final B stage(BatchStage stage) {
    Objects.requireNonNull(stage, "stage");
    if (stages.stream().anyMatch(added -> added == stage)) {
      throw new IllegalArgumentException(
          "stage '" + stage.name() + "' has been added before; make another object of it");
    }
    stages.add(stage);
    return self();
  }

  /** What the stages make of these arrays; null if there are none. */
  private @Nullable StagePlan stagePlan(BatchSpec spec) {
    if (stages.isEmpty()) {
      return null;
    }
    if (isZeroCopy()) {
      throw new IllegalArgumentException(
          "zeroCopy(true) leaves no room for stages: without a copy there is no memory for what"
              + " they make; leave out one or the other");
    }
    return StagePlan.of(spec, stages);
  }

  /** What slots for these arrays would take. */
  final MemoryPlan plan(BatchSpec spec) {
    return plan(spec, stagePlan(spec));
  }

  private MemoryPlan plan(BatchSpec spec, @Nullable StagePlan stages) {
    long bytes = spec.slotBytes();
    return stages == null
        ? plan(bytes, bytes, 0)
        : plan(stages.headerBytes + bytes, stages.deviceSlotBytes, stages.sharedBytes);
  }

  /**
   * Allocates all memory and starts the threads.
   *
   * <p>An element that the target leaves unwritten holds what an earlier batch left there. In the
   * first batch of each host slot it is zero, and the loader logs a warning, once, that names it. A
   * single element of an 8-bit or 16-bit integer type is not found. {@code
   * -Dpentrough.checkFills=false} turns that check off. With {@code -Dpentrough.debug=true} the
   * check is off too, and every host slot is filled with the byte 0xFF before its target runs. Such
   * an element then shows in every batch: as NaN in any floating type, as -1 or the largest value
   * in an integer.
   *
   * @return a running loader, to be closed by the caller
   * @throws io.pentrough.device.DeviceException if the device refuses memory, a stream or an event;
   *     what had been allocated is given back
   * @throws UnsupportedOperationException if the device cannot do {@code zeroCopy}
   * @throws IllegalArgumentException if the memory is over budget, there are more shards than
   *     batches in an epoch, a {@link Remainder} needs {@code batchesPerEpoch} and it is not known,
   *     the position to start at is of another configuration, an {@link EpochTarget} cannot fill
   *     the arrays or has epochs of another length than {@code batchesPerEpoch}, a stage does not
   *     fit the arrays or {@code zeroCopy}, or the arrays of an {@link ArraySource} cannot be a
   *     batch or do not fit the names and types given for them
   * @throws IllegalStateException if the consumer stream is closed
   * @throws StageException if a stage cannot be prepared; what had been allocated is given back
   * @throws TargetException if the {@link ArraySource} fails at the first batch; an interrupt is
   *     kept as the thread's flag
   */
  public final BackgroundLoader start() {
    EpochTarget target = epochTarget();
    long batchesPerEpoch = target == null ? this.batchesPerEpoch : epochLength(target);
    Share share = share(batchesPerEpoch);
    int lastEpoch = lastEpoch(batchesPerEpoch);
    Position from = startAt == null ? Position.first(share) : startAt.on(share);
    Job job = job(firstBatch(share, from, lastEpoch));
    StagePlan stagePlan = stagePlan(job.spec());
    String data =
        target == null
            ? ""
            : Objects.requireNonNull(target.description(), "the target's description()");
    Fingerprint fingerprint = Fingerprint.of(job.spec(), stagePlan, data, seed(), share);
    if (startAt != null) {
      startAt.requireSame(fingerprint);
    }
    Schedule schedule = new Schedule(job, fingerprint, share, lastEpoch, from);
    MemoryPlan plan = withinBudget(plan(job.spec(), stagePlan));
    LoaderOptions options = options(ordered, stagePlan);
    return new BackgroundLoader(Engine.start(device, schedule, plan, options), options);
  }

  private Share share(long batchesPerEpoch) {
    if (shardStride > batchesPerEpoch) {
      throw new IllegalArgumentException(
          "an epoch has "
              + batchesPerEpoch
              + " batches, too few for "
              + shardStride
              + " shards, of which this is shard "
              + shardFirst
              + ": use at most "
              + batchesPerEpoch
              + " shards");
    }
    if (shardRemainder != Remainder.UNEVEN && batchesPerEpoch == Schedule.ENDLESS) {
      throw new IllegalArgumentException(
          "Remainder."
              + shardRemainder
              + " needs to know how many batches an epoch has: declare batchesPerEpoch, or shard"
              + " with Remainder.UNEVEN");
    }
    Whole base = startAt == null ? null : startAt.baseOf(shardStride, batchesPerEpoch);
    return new Share(batchesPerEpoch, shardFirst, shardStride, shardRemainder, base);
  }

  /** The first batch from a position on, as far as that is known before the target is asked. */
  private static InferredTarget.Start firstBatch(Share share, Position from, int lastEpoch) {
    int epoch = from.epoch();
    long step = share.step(epoch, from.index());
    while (epoch < lastEpoch && step >= share.steps(epoch)) {
      epoch++;
      step = 0;
    }
    return new InferredTarget.Start(epoch, share.index(epoch, step), share.first(), lastEpoch);
  }

  /** What the target says, unless the builder was told something else. */
  private long epochLength(EpochTarget target) {
    long batches = target.batchesPerEpoch();
    if (batches < 1 || batches == Schedule.ENDLESS) {
      throw new IllegalArgumentException(
          "the target says that an epoch has "
              + batches
              + " batches; it must have at least 1, and an end: "
              + target.description());
    }
    if (target.maxBadSamples() < 0) {
      throw new IllegalArgumentException(
          "the target allows "
              + target.maxBadSamples()
              + " bad samples; it must be 0 or more (Long.MAX_VALUE for no bound): "
              + target.description());
    }
    if (batchesPerEpoch != Schedule.ENDLESS && batchesPerEpoch != batches) {
      throw new IllegalArgumentException(
          "batchesPerEpoch is "
              + batchesPerEpoch
              + ", but the target says that an epoch has "
              + batches
              + " batches ("
              + target.description()
              + "): leave batchesPerEpoch out");
    }
    return batches;
  }

  /** How many epochs there are; the largest integer if they never end. */
  private int lastEpoch(long batchesPerEpoch) {
    if (epochs > 0) {
      return epochs;
    }
    return batchesPerEpoch == Schedule.ENDLESS ? 1 : Schedule.FOR_EVER;
  }
}
