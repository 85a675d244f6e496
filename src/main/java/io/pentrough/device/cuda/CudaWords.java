package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuMemHostGetDevicePointer;
import static jcuda.driver.JCudaDriver.cuStreamWriteValue32;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;

/**
 * Words of pinned memory in which a stream writes that it has reached an event. So a host thread
 * can read the state without a call of the driver. Only with {@code -Dpentrough.cuda.words=true},
 * to measure whether that is worth two more calls for each batch. The event itself stays
 * authoritative.
 *
 * <p>Each recording has its own number. An old write may overwrite a word that is used again after
 * its event was closed, but the word never holds a number that was not reached.
 *
 * <p><b>Threads.</b> May be used from any thread.
 */
final class CudaWords {

  /** A cache line for each word. */
  private static final int BYTES_EACH = 64;

  private static final int WORDS = 1_024;

  private static final VarHandle INT =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());

  private final String device;
  private final CudaPinned.Memory memory;
  private final AtomicInteger numbers = new AtomicInteger();
  private final ConcurrentLinkedQueue<Word> free = new ConcurrentLinkedQueue<>();

  private CudaWords(String device, CudaPinned.Memory memory) {
    this.device = device;
    this.memory = memory;
    ByteBuffer bytes = memory.bytes();
    for (int i = 0; i < bytes.capacity(); i++) {
      bytes.put(i, (byte) 0); // old data might equal a later number
    }
    CUdeviceptr base = new CUdeviceptr();
    CudaDriver.call(
        device,
        "cuMemHostGetDevicePointer",
        (d, p) -> cuMemHostGetDevicePointer(d, p, 0),
        base,
        memory.pointer());
    for (int i = 0; i < WORDS; i++) {
      free.add(new Word(i * BYTES_EACH, base.withByteOffset((long) i * BYTES_EACH)));
    }
  }

  /** Allocates if the property asks for it. The context must be current. */
  static @Nullable CudaWords allocateIfAsked(String device) {
    return areAsked()
        ? new CudaWords(device, CudaPinned.Memory.allocate(device, WORDS * BYTES_EACH, false))
        : null;
  }

  private static boolean areAsked() {
    return Boolean.getBoolean("pentrough.cuda.words");
  }

  /** A word for an event; null if all are taken or the memory is freed. */
  @Nullable Word take() {
    return areAsked() ? free.poll() : null;
  }

  /** Frees the memory. The context must be current, and no stream may write any more. */
  void free() {
    memory.free(device);
  }

  /** One event's word. */
  final class Word {
    private final int offset;
    private final CUdeviceptr address;

    /** The word's value once the stream has reached the latest recording. */
    private volatile int awaited;

    private Word(int offset, CUdeviceptr address) {
      this.offset = offset;
      this.address = address;
    }

    /** Queues a write behind the recording. The context must be current. */
    void write(CUstream stream) {
      int number = numbers.incrementAndGet();
      CudaDriver.call(
          device,
          "cuStreamWriteValue32",
          (s, n) -> cuStreamWriteValue32(s, address, n, 0),
          stream,
          number);
      awaited = number;
    }

    /** Whether the latest recording was reached. If so, memory written before it is visible. */
    boolean isWritten() {
      ByteBuffer bytes = memory.bytes();
      return (int) INT.getAcquire(bytes, offset) == awaited;
    }

    void giveBack() {
      free.add(this);
    }
  }
}
