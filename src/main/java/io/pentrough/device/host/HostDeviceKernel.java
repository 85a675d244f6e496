package io.pentrough.device.host;

import io.pentrough.device.AbstractKernel;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.HostKernel;
import io.pentrough.device.KernelParameter;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A kernel of the host device: its implementation in Java, and the arguments of its launches. */
final class HostDeviceKernel extends AbstractKernel {

  private final HostKernel implementation;
  private final HostModule module;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** The memory of the buffers at this launch, looked up before the stream's lock is taken. */
  private final @Nullable HostMemory[] memories;

  HostDeviceKernel(
      HostModule module, String name, List<KernelParameter> types, HostKernel implementation) {
    super(name, types);
    this.module = module;
    this.implementation = implementation;
    memories = new @Nullable HostMemory[types.size()];
  }

  @Override
  protected void requireOwn(DeviceBuffer buffer) {
    module.device.own(buffer, "buffer");
  }

  @Override
  public void launch(DeviceStream stream) {
    HostStream on = module.device.own(stream);
    if (closed.get()) {
      throw new IllegalStateException(
          "this kernel " + name() + " is closed: look it up again in its module");
    }
    requireLaunchable();
    module.checkOpen();
    for (int i = 0; i < memories.length; i++) {
      HostBuffer buffer = (HostBuffer) buffer(i);
      memories[i] = buffer == null ? null : buffer.memory();
    }
    on.launch(this);
  }

  /** Writes down the present arguments and grid. Called under the stream's lock. */
  void snapshot(HostLaunch launch) {
    launch.begin(name(), implementation, types());
    for (int i = 0; i < memories.length; i++) {
      HostBuffer buffer = (HostBuffer) buffer(i);
      HostMemory memory = memories[i];
      if (buffer == null || memory == null) {
        launch.number(i, bits(i));
      } else {
        launch.buffer(i, memory, buffer.start(), (int) buffer.bytes());
      }
    }
    for (int axis = 0; axis < 3; axis++) {
      launch.axis(axis, gridAlong(axis), blockAlong(axis));
    }
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      forgetArguments();
      module.device.moduleGoes();
    }
  }
}
