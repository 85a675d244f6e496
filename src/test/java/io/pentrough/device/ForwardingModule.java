package io.pentrough.device;

/**
 * A module of a {@link ForwardingDevice}: its kernels are the real ones, launched on the stream
 * behind the {@link ForwardingStream} they are given.
 */
final class ForwardingModule implements DeviceModule {

  private final DeviceModule inner;
  private final ForwardingDevice device;

  ForwardingModule(DeviceModule inner, ForwardingDevice device) {
    this.inner = inner;
    this.device = device;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public DeviceKernel kernel(String name) {
    return new Kernel(inner.kernel(name), device);
  }

  @Override
  public void close() {
    inner.close();
  }

  private static final class Kernel implements DeviceKernel {

    private final DeviceKernel inner;
    private final ForwardingDevice device;

    Kernel(DeviceKernel inner, ForwardingDevice device) {
      this.inner = inner;
      this.device = device;
    }

    @Override
    public String name() {
      return inner.name();
    }

    @Override
    public DeviceKernel set(int parameter, DeviceBuffer buffer) {
      inner.set(parameter, buffer);
      return this;
    }

    @Override
    public DeviceKernel setInt(int parameter, int value) {
      inner.setInt(parameter, value);
      return this;
    }

    @Override
    public DeviceKernel setLong(int parameter, long value) {
      inner.setLong(parameter, value);
      return this;
    }

    @Override
    public DeviceKernel setFloat(int parameter, float value) {
      inner.setFloat(parameter, value);
      return this;
    }

    @Override
    public DeviceKernel setDouble(int parameter, double value) {
      inner.setDouble(parameter, value);
      return this;
    }

    @Override
    public DeviceKernel grid(int x, int y, int z) {
      inner.grid(x, y, z);
      return this;
    }

    @Override
    public DeviceKernel block(int x, int y, int z) {
      inner.block(x, y, z);
      return this;
    }

    @Override
    public DeviceKernel sharedBytes(int bytes) {
      inner.sharedBytes(bytes);
      return this;
    }

    @Override
    public void launch(DeviceStream stream) {
      device.launching();
      inner.launch(stream instanceof ForwardingStream wrapper ? wrapper.inner : stream);
    }

    @Override
    public void close() {
      inner.close();
    }
  }
}
