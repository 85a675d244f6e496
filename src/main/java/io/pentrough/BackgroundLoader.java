package io.pentrough;

import io.pentrough.device.Device;
import java.lang.ref.Reference;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a ring of finished batches on a device, filled by background threads.
 *
 * <pre>{@code
 * BatchSpec spec =
 *     BatchSpec.builder()
 *         .array("image", DType.UINT8, 32, 3, 224, 224)
 *         .array("label", DType.INT32, 32)
 *         .build();
 * try (Device device = Device.best(); // a GPU, or else the host
 *     BackgroundLoader loader =
 *         BackgroundLoader.builder(device, spec, target).workers(4).seed(42).start()) {
 *   for (int step = 0; step < steps; step++) {
 *     try (DeviceBatch batch = loader.get()) {
 *       train(batch.array("image"), batch.array("label")); // queues kernels
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Workers run the {@linkplain BatchTarget target}, which writes into pinned host memory. A copy
 * stream carries each batch to the device. {@link #get} returns a {@linkplain DeviceBatch lease} of
 * a batch that is ready there. Batches come in the order of their index, except with {@link
 * Builder#ordered ordered(false)}. Each is a function of (seed, epoch, index) if the target is one:
 * it does not depend on the number of workers.
 *
 * <p>All memory is allocated by {@link Builder#start()}. After that, the only heap allocation is
 * one small lease object per batch, and a view for each array that you ask it for.
 *
 * <p><b>Failures.</b> What a target throws is thrown once, as a {@link TargetException}, by the
 * {@code get} that would have delivered the batch; the next {@code get} continues with the next
 * batch. A failure of the device or of the library ends the loader: every later {@code get} throws
 * a {@link io.pentrough.device.DeviceException} with the same cause.
 *
 * <p><b>Forgotten loaders.</b> A loader that is collected unclosed is closed, and the log says so.
 * With {@code -Dpentrough.leakDetection=true} the report says where it was started, and leases are
 * watched in the same way. A loader whose target refers to it, or to an object that does, is never
 * collected while its workers run.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Several threads may wait in {@code
 * get} at once.
 */
public final class BackgroundLoader extends AbstractLoader {

  BackgroundLoader(Engine engine, LoaderOptions options) {
    super(engine, options);
  }

  /**
   * The remaining batches of one epoch, so that something else fits in between two epochs:
   *
   * <pre>{@code
   * for (int epoch = 0; epoch < epochs; epoch++) {
   *   for (DeviceBatch batch : loader.epoch()) {
   *     train(batch);
   *   }
   *   validate();
   * }
   * }</pre>
   *
   * <p>Each iterator is for the epoch of the first batch that has not been delivered when the
   * iterator is made. It ends after the last batch of that epoch, and takes nothing of the next
   * one. So after a loop that ran to its end, the next call continues with the next epoch. After a
   * loop that was left early, it continues with the rest of that epoch. When all epochs are over,
   * there is nothing to iterate. Workers make batches of the next epoch meanwhile.
   *
   * <p>If only the target knows where an epoch ends ({@link BatchContext#endOfEpoch}), a loop
   * continues the epoch of the last delivered batch until a loop has reached the end of that epoch.
   * So each epoch gets a loop, even one without a batch. If the length of epochs is declared, and
   * the target still ends an epoch before its first batch, that epoch may get no loop.
   *
   * <p>In everything else this is {@link #batches()}: how it waits, what it throws, when it closes
   * a batch, and that threads may share an iterator.
   *
   * @return an iterable; its iterators throw what {@link #get()} throws
   * @throws IllegalStateException if this loader has {@link Builder#ordered ordered(false)}, so
   *     that batches of two epochs may come mixed
   */
  public Iterable<DeviceBatch> epoch() {
    if (!options.ordered()) {
      throw new IllegalStateException(
          name()
              + " delivers unordered, so batches of two epochs may come mixed: leave ordered(false)"
              + " out to loop over one epoch, or loop over batches() and look at batch.epoch()");
    }
    return () -> iterator(nextEpoch());
  }

  private int nextEpoch() {
    try {
      return engine.nextEpoch();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Where this loader is now. The position covers every batch that was delivered, on whatever
   * thread, and nothing else. A batch that a {@link FailurePolicy} left out and a failure that was
   * thrown count as delivered. It exists before the first batch, too, and after {@link #close()}.
   * If several threads get batches, {@link DeviceBatch#position()} is the position of one batch.
   * Does not wait.
   *
   * @return where {@link Builder#startAt} continues
   */
  public Position position() {
    try {
      return engine.position();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Starts the description of a loader.
   *
   * @param device where the batches go; must stay open as long as the loader
   * @param spec the arrays of a batch
   * @param target fills a batch; called from all workers at once, so it must be thread-safe if
   *     there are several
   * @return a builder with the defaults given at its methods
   */
  public static Builder builder(Device device, BatchSpec spec, BatchTarget target) {
    Job job =
        new Job(Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(target, "target"));
    return new Builder(device, job);
  }

  /**
   * Starts the description of a loader whose batches are ordinary Java arrays. The first batch
   * determines the arrays. {@link InferBuilder#start()} makes it on the calling thread, and it is
   * delivered like any other. From then on shapes and types are strict.
   *
   * @param device where the batches go; must stay open as long as the loader
   * @param source makes the arrays of a batch; called from all workers at once
   * @return a builder with the defaults given at its methods
   */
  public static InferBuilder infer(Device device, ArraySource source) {
    return new InferBuilder(device, Objects.requireNonNull(source, "source"));
  }

  /**
   * Describes a loader. Each {@link #start()} makes a new one.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder extends SequenceBuilder<Builder> {

    private final Job job;

    private Builder(Device device, Job job) {
      super(device);
      this.job = job;
    }

    @Override
    Job job(InferredTarget.Start first) {
      return job;
    }

    @Override
    @Nullable EpochTarget epochTarget() {
      return job.epochTarget();
    }

    /**
     * What {@link #start()} would allocate. Allocates nothing.
     *
     * @return the plan, whatever the budget
     * @throws IllegalArgumentException if a stage does not fit the arrays or {@code zeroCopy}
     */
    public MemoryPlan plan() {
      return plan(job.spec());
    }
  }

  /**
   * Describes a loader whose arrays are inferred from its first batch. Each {@link #start()} makes
   * a new one. There is no {@code plan()}, because sizes are not known before {@link #start()}.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class InferBuilder extends SequenceBuilder<InferBuilder> {

    private final ArraySource source;
    private List<String> names = List.of();
    private final Map<String, DType> dtypes = new HashMap<>();

    private InferBuilder(Device device, ArraySource source) {
      super(device);
      this.source = source;
    }

    /**
     * Names the arrays, in the source's order. Default: {@code "0"}, {@code "1"}, ...
     *
     * @param names one for each array
     * @return this
     */
    public InferBuilder names(String... names) {
      for (String name : Objects.requireNonNull(names, "names")) {
        Objects.requireNonNull(name, "names: an element is null");
      }
      this.names = List.of(names);
      return this;
    }

    /**
     * Says what an array really holds. Default: signed integers, and floats.
     *
     * @param name the array
     * @param dtype a type of the same size and kind, such as {@code UINT8} for a {@code byte} array
     * @return this
     */
    public InferBuilder dtype(String name, DType dtype) {
      dtypes.put(Objects.requireNonNull(name, "name"), Objects.requireNonNull(dtype, "dtype"));
      return this;
    }

    @Override
    @Nullable EpochTarget epochTarget() {
      return null;
    }

    @Override
    Job job(InferredTarget.Start first) {
      BatchContext context = new BatchContext(0, seed());
      InferredTarget target = InferredTarget.infer(source, context, first, names, dtypes);
      return new Job(target.spec(), target);
    }
  }
}
