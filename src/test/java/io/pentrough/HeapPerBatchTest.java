package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.pentrough.TestStages.Expand;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.LastBatch;
import io.pentrough.data.Padding;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.device.cuda.CudaRuns;
import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.Threads;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Iterator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * I6: in steady state no Java heap per batch but the lease, on any thread of the library or the
 * consumer.
 */
@OnEveryDevice(everySchedule = false) // it takes very many batches
class HeapPerBatchTest {

  private static final int WARM_UP = 1_500;
  private static final int BATCHES = Exhaustive.count(2_500, TestDevice.IS_CUDA ? 5_000 : 20_000);

  private static final int LEASE_BYTES = 128;
  private static final int ARRAY_BYTES = 64;

  /**
   * What all library threads may allocate together in a whole run, which is twice as many batches:
   * the smallest object has 16 bytes, so one made for every fortieth batch would show. What the JVM
   * itself does once, such as resolving a call site, may take more: the best of three rounds
   * counts.
   */
  private static final long LIBRARY_BYTES = BATCHES * 16L / 20;

  /** For what is not the library's, as above. */
  private static final long CONSUMER_SLACK = LIBRARY_BYTES;

  private static final long LEASES = (long) BATCHES * LEASE_BYTES + CONSUMER_SLACK;
  private static final long LEASES_AND_ARRAYS = LEASES + BATCHES * 2L * ARRAY_BYTES;

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.UINT8, 4, 8, 8)
          .variableArray("label", DType.INT32, 4)
          .build();

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final Device device = TestDevice.open();

  @AfterEach
  void close() {
    elsewhere.close();
    result.close();
    cached.close();
  }

  private enum Mode {
    ORDERED,
    UNORDERED,
    ZERO_COPY,
    STAGED,
    /** Of 1,001 samples, so that every 251st batch is a partial one of another epoch. */
    DATASET,
    /** Likewise, from a cache, in which an epoch's last few samples are not. */
    CACHED,
    /** Likewise, but the last batch is filled up, and nothing is copied. */
    DATASET_ZERO_COPY,
    /** Rows are as long as the batch's longest sample. */
    SEQUENCES
  }

  /** Of the same sizes as {@link #SPEC}. */
  private static final BatchSpec SEQUENCES =
      BatchSpec.builder()
          .array("label", DType.INT32, 4)
          .variableArray("image", DType.UINT8, 4, 8, 8)
          .build();

  private static final Dataset SAMPLES_OF_ANY_LENGTH =
      new Dataset() {
        @Override
        public long size() {
          return 1001;
        }

        @Override
        public int length(long index, String array) {
          return (int) (index % 9);
        }

        @Override
        public void read(long index, Sample out) {
          HostArray image = out.array("image", length(index, "image"));
          for (int i = 0; i < image.elements(); i++) {
            image.setByte(i, (byte) i);
          }
        }
      };

  private static final Dataset SAMPLES =
      new Dataset() {
        @Override
        public long size() {
          return 1001;
        }

        @Override
        public void read(long index, Sample out) {
          HostArray image = out.array("image");
          for (int i = 0; i < 8; i++) {
            image.setByte(i, (byte) out.random().nextInt(256));
          }
          image.unsafeBuffer().put(9, (byte) 1);
          out.array("label").setInt(0, (int) index);
        }
      };

  private static final Dataset SAME_EACH_EPOCH =
      new Dataset() {
        @Override
        public long size() {
          return 1001;
        }

        @Override
        public void read(long index, Sample out) {
          out.array("image").fillZero();
          out.array("label").setInt(0, (int) index);
        }
      };

  private final CachedDataset cached = SAME_EACH_EPOCH.cached(8 * 1001 + 80 * 990);

  private static void fill(HostBatch out, BatchContext context) {
    HostArray image = out.array("image");
    for (int i = 0; i < 8; i++) {
      image.setByte(i, (byte) context.random().nextInt(256));
    }
    out.array("label").setInt(0, (int) context.index());
  }

  private static void kernel() {}

  private final DeviceBuffer elsewhere = device.allocate(8);
  private final PinnedBuffer result = device.allocatePinned(8);

  /** What fills the batches knows no device: a usual run on CUDA takes one fill in each mode. */
  private static Stream<Mode> modes() {
    Stream<Mode> all = Stream.of(Mode.values());
    return TestDevice.IS_CUDA && !CudaRuns.REAL && !Exhaustive.ON
        ? Stream.of(Mode.ORDERED, Mode.UNORDERED, Mode.ZERO_COPY, Mode.STAGED)
        : all;
  }

  @ParameterizedTest
  @MethodSource("modes")
  @DisplayName("I6: at most 128 bytes a lease and 64 an array asked for, and nothing else")
  void nothingButTheLease(Mode mode) throws Exception {
    try (DeviceStream stream = device.newStream()) {
      BatchTarget target =
          switch (mode) {
            case DATASET -> Batches.of(SAMPLES, 4).shuffled();
            case CACHED -> Batches.of(cached, 4).shuffled();
            case DATASET_ZERO_COPY -> Batches.of(SAMPLES, 4).shuffled().lastBatch(LastBatch.PAD);
            case SEQUENCES ->
                Batches.of(SAMPLES_OF_ANY_LENGTH, 4)
                    .shuffled()
                    .pad("image", Padding.toLongest())
                    .lengths("image", "label");
            default -> HeapPerBatchTest::fill;
          };
      imagesVary = mode == Mode.SEQUENCES;
      BatchSpec spec = imagesVary ? SEQUENCES : SPEC;
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, spec, target).workers(2).consumerStream(stream);
      switch (mode) {
        case ORDERED, DATASET, CACHED, SEQUENCES -> {}
        case UNORDERED -> builder.ordered(false);
        case ZERO_COPY, DATASET_ZERO_COPY -> builder.zeroCopy(true);
        case STAGED -> builder.stage(new Expand());
      }
      try (BackgroundLoader loader = builder.start()) {
        consume(loader, stream, WARM_UP, false);
        consume(loader, stream, WARM_UP, true);
        long[] library = libraryThreads();
        int atLeast = TestDevice.IS_CUDA ? 3 : 4;
        assertTrue(library.length >= atLeast, "workers, copy thread, host's stream");

        long leases = Long.MAX_VALUE;
        long leasesAndArrays = Long.MAX_VALUE;
        long libraryBytes = Long.MAX_VALUE;
        // What the JVM does once on a thread may come late. What a batch costs comes each time.
        for (int round = 0;
            round < 3
                && (libraryBytes > LIBRARY_BYTES
                    || leases > LEASES
                    || leasesAndArrays > LEASES_AND_ARRAYS);
            round++) {
          long libraryBefore = allocated(library);
          leases = Math.min(leases, consume(loader, stream, BATCHES, false));
          leasesAndArrays = Math.min(leasesAndArrays, consume(loader, stream, BATCHES, true));
          libraryBytes = Math.min(libraryBytes, allocated(library) - libraryBefore);
        }

        assertAtMost(LEASES, leases, "leases");
        assertAtMost(LEASES_AND_ARRAYS, leasesAndArrays, "leases, two arrays and their buffers");
        assertAtMost(LIBRARY_BYTES, libraryBytes, "all library threads, both times");
      }
    }
  }

  @Test
  @DisplayName("I6: a loop over batches() allocates its leases, and nothing else")
  void loop() throws Exception {
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, HeapPerBatchTest::fill).workers(2).start()) {
      Iterator<DeviceBatch> loop = loader.batches().iterator();
      walk(loop, WARM_UP);
      long leases = Long.MAX_VALUE;
      for (int round = 0; round < 3 && leases > LEASES; round++) { // as above
        leases = Math.min(leases, walk(loop, BATCHES));
      }
      assertAtMost(LEASES, leases, "leases of a loop");
    }
  }

  /** As a loop does; returns what that allocated on this thread. */
  private long walk(Iterator<DeviceBatch> loop, int batches) {
    long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
    for (int i = 0; i < batches && loop.hasNext(); i++) {
      loop.next();
    }
    return threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
  }

  /** Whether images take less than their array has room for. */
  private boolean imagesVary;

  private static void assertAtMost(long limit, long bytes, String what) {
    assertTrue(
        bytes <= limit,
        () -> what + ": " + bytes + " bytes in " + BATCHES + " batches, at most " + limit);
  }

  /** Consumes so many batches on this thread; returns what that allocated on it. */
  private long consume(BackgroundLoader loader, DeviceStream stream, int batches, boolean arrays)
      throws Exception {
    long bytes = 0;
    long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
    for (int i = 0; i < batches; i++) {
      try (DeviceBatch batch = loader.get(patience())) {
        if (arrays) {
          bytes +=
              batch.array("image").buffer().bytes() / batch.spec().array("image").dtype().bytes();
          bytes += batch.array("label").buffer().bytes();
        }
        if (TestDevice.IS_CUDA) { // where a launch is JCuda's, and allocates
          stream.copyToHost(elsewhere, 0, result, 0, result.bytes());
        } else {
          TestDevice.launch(stream, HeapPerBatchTest::kernel);
        }
      }
    }
    long after = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
    long whole = arrays ? batches * (4L * 8 * 8 + 4 * Integer.BYTES) : 0;
    assertTrue(
        bytes == whole || (imagesVary && bytes > 0 && bytes < whole), () -> "bytes " + whole);
    return after - before;
  }

  private long[] libraryThreads() {
    return Threads.of("").stream().mapToLong(Thread::getId).toArray();
  }

  private long allocated(long[] ids) {
    long[] bytes = threads.getThreadAllocatedBytes(ids);
    assertTrue(Arrays.stream(bytes).allMatch(b -> b >= 0), "a thread has ended");
    return Arrays.stream(bytes).sum();
  }
}
