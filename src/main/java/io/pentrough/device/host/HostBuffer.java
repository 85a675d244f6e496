package io.pentrough.device.host;

import io.pentrough.device.DeviceBuffer;
import java.util.Objects;

/** Device memory on the host: a whole allocation, or a slice. */
abstract sealed class HostBuffer implements DeviceBuffer permits HostBlock, HostSlice {

  /** The allocation, for a use that begins now: throws if closed or if a guard refuses. */
  abstract HostMemory memory();

  /** Where this buffer begins in its allocation. */
  abstract int start();

  @Override
  public abstract HostDevice device();

  @Override
  public final DeviceBuffer slice(long offset, long bytes, Runnable guard) {
    Objects.requireNonNull(guard, "guard");
    HostMemory.checkRange("slice", offset, bytes, bytes());
    memory();
    return new HostSlice(this, start() + (int) offset, (int) bytes, guard);
  }
}
