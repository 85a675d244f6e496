package io.pentrough.device.cuda;

import static io.pentrough.testkit.Patience.patience;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.TestStages.Relay;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestKernels;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A loader's life as an application sees it: start, some batches through both doors, a reset, some
 * more, close. What each batch holds is looked at by work queued on the consumer's stream, copies
 * and kernels: too early, and it is another batch; too late, and it is overwritten.
 */
final class Session {

  /** Before the reset, and after it. */
  static final int BATCHES = 12;

  /** What looks at the batches. */
  enum Eye {
    COPY,
    KERNEL,
    BOTH
  }

  private static final int NUMBERS = 700;

  static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("number", DType.INT64, NUMBERS)
          .array("also", DType.INT32, NUMBERS)
          .build();

  private Session() {}

  private static void fill(HostBatch out, BatchContext context) {
    HostArray number = out.array("number");
    HostArray also = out.array("also");
    for (int i = 0; i < NUMBERS; i++) {
      number.setLong(i, context.index());
      also.setInt(i, (int) context.index());
    }
  }

  /** A copy of a batch, queued like a kernel. */
  private record Look(long index, PinnedBuffer seen) {

    void check() {
      ByteBuffer bytes = seen.unsafeBuffer();
      for (int i = 0; i < NUMBERS; i++) {
        long number = bytes.getLong(i * Long.BYTES);
        int also = bytes.getInt((int) SPEC.array("also").offset() + i * Integer.BYTES);
        if (number != index || also != (int) index) {
          throw new WrongBatch(
              "batch %d: element %d is of batch %d and %d".formatted(index, i, number, also));
        }
      }
    }
  }

  /** A kernel that counts, for each batch, the elements that are not of it. */
  private static final class Counter {

    private final DeviceBuffer found;
    private final PinnedBuffer seen;
    private final DeviceKernel kernel;

    Counter(Device device, Handles handles) {
      long bytes = 2L * BATCHES * Integer.BYTES;
      seen = handles.keep(device.allocatePinned(bytes));
      found = handles.keep(device.allocate(bytes));
      DeviceModule module = handles.keep(device.load(TestKernels.SOURCE));
      kernel = handles.keep(module.kernel("foreign"));
      kernel.setInt(2, NUMBERS).cover(NUMBERS, 256);
      seen.unsafeBuffer().put(new byte[(int) bytes]);
      try (DeviceStream stream = device.newStream()) {
        stream.copyToDevice(seen, 0, found, 0, bytes);
        stream.synchronize();
      }
    }

    void look(DeviceStream stream, DeviceBatch batch, int index) {
      long at = (long) index * Integer.BYTES;
      kernel
          .set(0, batch.array("number").buffer())
          .set(1, batch.array("also").buffer())
          .setLong(3, index)
          .set(4, found.slice(at, Integer.BYTES, () -> {}))
          .launch(stream);
    }

    void check(DeviceStream stream, int first) {
      stream.copyToHost(found, 0, seen, 0, seen.bytes());
      stream.synchronize();
      for (int i = first; i < first + BATCHES; i++) {
        int wrong = seen.unsafeBuffer().getInt(i * Integer.BYTES);
        if (wrong != 0) {
          throw new WrongBatch("batch %d: a kernel saw %d foreign elements".formatted(i, wrong));
        }
      }
    }
  }

  /** A kernel saw something else than the batch it was given. */
  static final class WrongBatch extends AssertionError {
    private static final long serialVersionUID = 1L;

    WrongBatch(String message) {
      super(message);
    }
  }

  static BackgroundLoader.Builder loader(Device device) {
    return BackgroundLoader.builder(device, SPEC, Session::fill)
        .name("session")
        .workers(2)
        .hostSlots(3)
        .deviceSlots(2)
        .closeTimeout(patience());
  }

  /** Throws what the library throws, or {@link WrongBatch}. */
  static void run(Device device) throws Exception {
    try (DeviceStream stream = device.newStream()) {
      run(device, stream, Eye.BOTH, false, 1);
    }
  }

  /** The same with stages: the batches pass through a kernel on their way. */
  static void runStaged(Device device) throws Exception {
    try (DeviceStream stream = device.newStream()) {
      run(device, stream, Eye.BOTH, true, 1);
    }
  }

  /**
   * On a stream of the caller's, idle before and after.
   *
   * @param queued how many of three batches are got as soon as their copy is queued
   */
  static void run(Device device, DeviceStream stream, Eye eye, boolean staged, int queued)
      throws Exception {
    try (Handles handles = new Handles()) {
      Counter counter = eye == Eye.COPY ? null : new Counter(device, handles);
      boolean copies = eye != Eye.KERNEL;
      BackgroundLoader.Builder builder = loader(device).consumerStream(stream);
      if (staged) {
        builder.stage(new Relay());
      }
      try (BackgroundLoader loader = builder.start()) {
        take(device, stream, loader, 0, queued, handles, counter, copies);
        loader.reset();
        take(device, stream, loader, BATCHES, queued, handles, counter, copies);
      } finally {
        stream.synchronize(); // what was queued may use the buffers
      }
    }
  }

  /** Closes all of them, the latest first, whatever happens to one. */
  private static final class Handles implements AutoCloseable {
    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    <T extends AutoCloseable> T keep(T one) {
      open.push(one);
      return one;
    }

    @Override
    public void close() {
      @Nullable RuntimeException failure = null;
      for (AutoCloseable one : open) {
        try {
          one.close();
        } catch (RuntimeException e) {
          failure = e;
        } catch (Exception e) {
          throw new AssertionError(e); // none of the interfaces throws it
        }
      }
      if (failure != null) {
        throw failure;
      }
    }
  }

  private static void take(
      Device device,
      DeviceStream stream,
      BackgroundLoader loader,
      int first,
      int queued,
      Handles handles,
      @Nullable Counter counter,
      boolean copies)
      throws Exception {
    List<Look> looks = new ArrayList<>();
    for (int i = first; i < first + BATCHES; i++) {
      @Nullable PinnedBuffer seen =
          copies ? handles.keep(device.allocatePinned(SPEC.slotBytes())) : null;
      try (DeviceBatch batch =
          i % 3 >= 3 - queued ? loader.getQueued(stream, patience()) : loader.get(patience())) {
        if (batch.index() != i) {
          throw new WrongBatch("batch " + batch.index() + " comes when " + i + " is due");
        }
        if (counter != null) {
          counter.look(stream, batch, i);
        }
        if (seen != null) {
          copy(stream, batch, seen);
          looks.add(new Look(i, seen));
        }
      }
    }
    stream.synchronize();
    looks.forEach(Look::check);
    if (counter != null) {
      counter.check(stream, first);
    }
  }

  private static void copy(DeviceStream stream, DeviceBatch batch, PinnedBuffer seen) {
    for (int array = 0; array < SPEC.arrays().size(); array++) {
      stream.copyToHost(
          batch.array(array).buffer(),
          0,
          seen,
          SPEC.array(array).offset(),
          SPEC.array(array).bytes());
    }
  }

  /** What the whole batch holds, read on its stream. */
  static long numberOf(DeviceBatch batch) {
    ByteBuffer bytes =
        ByteBuffer.allocate((int) SPEC.array("number").bytes()).order(ByteOrder.nativeOrder());
    batch.array("number").copyTo(bytes);
    long first = bytes.getLong(0);
    for (int i = 0; i < NUMBERS; i++) {
      if (bytes.getLong(i * Long.BYTES) != first) {
        throw new WrongBatch("a batch of two numbers");
      }
    }
    return first;
  }
}
