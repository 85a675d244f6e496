package io.pentrough.device.cuda;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A loader's life as an application sees it: start, some batches through both doors, a reset, some
 * more, close. What each batch holds is looked at by work queued on the consumer's stream, so it is
 * what a kernel would see: too early, and it is another batch; too late, and it is overwritten.
 */
final class Session {

  /** Before the reset, and after it. */
  static final int BATCHES = 12;

  private static final Duration PATIENCE = Duration.ofSeconds(20);
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
        .closeTimeout(PATIENCE);
  }

  /** Throws what the library throws, or {@link WrongBatch}. */
  static void run(Device device) throws Exception {
    try (DeviceStream stream = device.newStream()) {
      run(device, stream);
    }
  }

  /** On a stream of the caller's, idle before and after. */
  static void run(Device device, DeviceStream stream) throws Exception {
    try (Buffers buffers = new Buffers()) {
      try (BackgroundLoader loader = loader(device).consumerStream(stream).start()) {
        take(device, stream, loader, 0, buffers);
        loader.reset();
        take(device, stream, loader, BATCHES, buffers);
      } finally {
        stream.synchronize(); // what was queued may use the buffers
      }
    }
  }

  /** Closes all of them, whatever happens to one. */
  private static final class Buffers implements AutoCloseable {
    private final List<PinnedBuffer> open = new ArrayList<>();

    @Override
    public void close() {
      @Nullable RuntimeException failure = null;
      for (PinnedBuffer buffer : open) {
        try {
          buffer.close();
        } catch (RuntimeException e) {
          failure = e;
        }
      }
      if (failure != null) {
        throw failure;
      }
    }
  }

  private static void take(
      Device device, DeviceStream stream, BackgroundLoader loader, int first, Buffers buffers)
      throws Exception {
    List<Look> looks = new ArrayList<>();
    for (int i = first; i < first + BATCHES; i++) {
      PinnedBuffer seen = device.allocatePinned(SPEC.slotBytes());
      buffers.open.add(seen);
      try (DeviceBatch batch =
          i % 3 == 2 ? loader.getQueued(stream, PATIENCE) : loader.get(PATIENCE)) {
        if (batch.index() != i) {
          throw new WrongBatch("batch " + batch.index() + " comes when " + i + " is due");
        }
        for (int array = 0; array < SPEC.size(); array++) {
          stream.copyToHost(
              batch.array(array).buffer(),
              0,
              seen,
              SPEC.array(array).offset(),
              SPEC.array(array).bytes());
        }
        looks.add(new Look(i, seen));
      }
    }
    stream.synchronize();
    looks.forEach(Look::check);
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
