package io.pentrough.device.cuda;

import io.pentrough.device.DeviceException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import jcuda.Pointer;

/**
 * The pinned memory through which {@link CudaStream#read} brings bytes over, from the device's
 * start to its end. A driver may let an allocation or a free of pinned memory wait for all work of
 * the context, so no read makes any.
 *
 * <p>It is cut into parts. A read waits for its stream first, then takes a part, and gives it back
 * behind its last copy; if all are taken, it waits for one. So it waits for another read only as
 * long as that one copies, or as long as other threads queue work on that one's stream between.
 *
 * <p><b>Threads.</b> Any.
 */
final class CudaStaging {

  /** How many reads may copy at a time. */
  static final int PARTS = 4;

  /** How much a read brings over at once. */
  static final int PART_BYTES = 256 << 10;

  /** Where a read's bytes arrive. */
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

  /** Allocates; with the context current. */
  static CudaStaging allocate(String device, boolean allowPageable) {
    return new CudaStaging(
        device, CudaPinned.Memory.allocate(device, PARTS * PART_BYTES, allowPageable));
  }

  /** Waits for a part that is free. Not interruptible; keeps the flag. */
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

  /** Nobody knows whether a copy into it may still come: it is not used again. */
  synchronized void lose() {
    lost++;
    notifyAll();
  }

  /** Frees it; with the context current, when nobody reads any more. */
  void free() {
    memory.free(device);
  }
}
