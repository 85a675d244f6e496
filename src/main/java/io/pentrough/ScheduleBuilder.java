package io.pentrough;

import io.pentrough.device.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The options of a {@link BackgroundLoader}, or of each loader of a {@link ParallelLoader}: which
 * batches there are, in which order, and what happens to them on the device.
 *
 * @param <B> the builder itself, which each option returns
 */
abstract class ScheduleBuilder<B extends ScheduleBuilder<B>> extends LoaderBuilder<B> {

  private boolean ordered = true;
  private long batchesPerEpoch = Schedule.ENDLESS;
  private int epochs;
  private @Nullable Position startAt;
  private final List<BatchStage> stages = new ArrayList<>();

  ScheduleBuilder(Device device, String kind) {
    super(device, kind);
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
  public B ordered(boolean ordered) {
    this.ordered = ordered;
    return self();
  }

  /**
   * How many indexes an epoch has, over all shards. Default: an {@link EpochTarget} says it, and
   * {@code start()} refuses another number. With another target an epoch ends when the target calls
   * {@link BatchContext#endOfEpoch}. If it never does, the first epoch never ends.
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
   * How many epochs there are. They follow each other without a pause. After the last batch {@code
   * get} throws {@link java.util.NoSuchElementException}. Default: no end if {@code
   * batchesPerEpoch} is given or an {@link EpochTarget} says it, otherwise 1.
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
   * Continues where another loader of the same arrays, stages, data, seed, batches per epoch and
   * shard was. Workers, slots, device, order and failure policy may differ. Checked by {@code
   * start()}, whose refusal says what differs.
   *
   * <p>Any number of shards can start at a position of the whole if {@code batchesPerEpoch} was
   * declared. Such a position comes from a loader without shards or from {@link Position#merge}.
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
   * Allocates the memory of one loader and starts its threads; leaves nothing behind if that fails.
   * Throws what {@link SequenceBuilder#start} says.
   *
   * @param first the number of the shard
   * @param stride how many shards there are
   */
  final Engine start(Seat seat, long first, long stride, Remainder remainder) {
    EpochTarget target = epochTarget();
    long batchesPerEpoch = epochLength(target);
    Share share = share(batchesPerEpoch, first, stride, remainder);
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
    return Engine.start(seat.device(), schedule, plan, options(seat, ordered, stagePlan));
  }

  /** What {@link #start(Seat, long, long, Remainder)} takes of each epoch. */
  final Share share(long batchesPerEpoch, long first, long stride, Remainder remainder) {
    if (stride > batchesPerEpoch) {
      throw new IllegalArgumentException(
          "an epoch has "
              + batchesPerEpoch
              + " batches, too few for "
              + stride
              + " shards, of which this is shard "
              + first
              + ": use at most "
              + batchesPerEpoch
              + " shards");
    }
    if (remainder != Remainder.UNEVEN && batchesPerEpoch == Schedule.ENDLESS) {
      throw new IllegalArgumentException(
          "Remainder."
              + remainder
              + " needs to know how many batches an epoch has: declare batchesPerEpoch, or shard"
              + " with Remainder.UNEVEN");
    }
    Whole base = startAt == null ? null : startAt.baseOf(stride, batchesPerEpoch);
    return new Share(batchesPerEpoch, first, stride, remainder, base);
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

  /** How many indexes an epoch has; {@link Schedule#ENDLESS} if only the target knows. */
  final long epochLength() {
    return epochLength(epochTarget());
  }

  private long epochLength(@Nullable EpochTarget target) {
    if (target == null) {
      return batchesPerEpoch;
    }
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
