package io.pentrough.device.cuda;

import io.pentrough.device.DeviceException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import jcuda.Pointer;

/**
 * Pinned memory for {@link CudaStream#read}, allocated when the device opens and freed at its end.
 * A driver may let an allocation or a free of pinned memory wait for all work of the context, so a
 * read does neither.
 *
 * <p>The memory has several parts. A read waits for its stream, then takes a part, and returns it
 * after its last copy. If all parts are taken, it waits for one. So it waits for another read only
 * while that one copies, or while other threads queue work on that one's stream.
 *
 * <p><b>Threads.</b> May be used from any thread.
 */
final class CudaStaging {

  /** How many reads may copy at the same time. */
  static final int PARTS = 4;

  /** How many bytes a read copies at once. */
  static final int PART_BYTES = 256 << 10;

  /** Receives the bytes of a read. */
  record Part(Pointer address, ByteBuffer bytes) {}

  private final String device;
  private final CudaPinned.Memory memory;

  // Guarded by this.
  private final Deque<Part> free = new ArrayDeque<>();
  private int lost;

  private CudaStaging(String device, CudaPinned.Memory memory) {
    this.device = device;
    this.memory = memory;
    for (int i = 0; i < PARTS; i++) {
      int start = i * PART_BYTES;
      free.add(
          new Part(
              memory.pointer().withByteOffset(start), memory.bytes().slice(start, PART_BYTES)));
    }
  }

  /** Allocates. The context must be current. */
  static CudaStaging allocate(String device, boolean allowPageable) {
    return new CudaStaging(
        device, CudaPinned.Memory.allocate(device, PARTS * PART_BYTES, allowPageable));
  }

  /** Waits for a free part. Not interruptible, but keeps the interrupt flag. */
  synchronized Part take() {
    boolean interrupted = false;
    while (free.isEmpty() && lost < PARTS) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (free.isEmpty()) {
      throw new DeviceException(
          device
              + ": "
              + PARTS
              + " reads have failed in such a way that their copies may still come, and there is no"
              + " memory left to read through: close this device, and open it again");
    }
    return free.pop();
  }

  synchronized void giveBack(Part part) {
    free.push(part);
    notify();
  }

  /** A copy into this part may still run, so it is never used again. */
  synchronized void lose() {
    lost++;
    notifyAll();
  }

  /** Frees the memory. The context must be current, and no read may run. */
  void free() {
    memory.free(device);
  }
}
