package io.pentrough.device.host;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.HostKernel;
import io.pentrough.device.KernelParameter;
import io.pentrough.device.KernelSource;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/** Kernels loaded on the host: their implementations in Java. */
final class HostModule implements DeviceModule {

  final HostDevice device;
  private final KernelSource source;
  private final AtomicBoolean closed = new AtomicBoolean();

  HostModule(HostDevice device, KernelSource source) {
    this.device = device;
    this.source = source;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public DeviceKernel kernel(String name) {
    List<KernelParameter> types = source.parameters(Objects.requireNonNull(name, "name"));
    checkOpen();
    HostKernel implementation =
        source
            .hostKernel(name)
            .orElseThrow(
                () ->
                    new UnsupportedOperationException(
                        "kernel %s of %s has no host implementation, and the host runs only Java: give it one with KernelSource.hostKernel(\"%s\", ...)"
                            .formatted(name, source.name(), name)));
    device.moduleComes();
    return new HostDeviceKernel(this, name, types, implementation);
  }

  void checkOpen() {
    if (closed.get()) {
      throw new IllegalStateException("this module " + source.name() + " is closed: load it again");
    }
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      device.moduleGoes();
    }
  }
}
