package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceHeapContract;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestDevice.Gate;
import io.pentrough.testkit.Patience;

/** The contract on CUDA. */
@OnCuda
class CudaDeviceContractTest extends DeviceHeapContract {

  @Override
  protected Device openDevice() {
    CudaWork.prepareGates();
    return CudaDevice.open(0);
  }

  @Override
  protected Gate queueGate(DeviceStream stream) {
    return TestDevice.gate(stream);
  }

  @Override
  protected void increment(DeviceStream stream, DeviceBuffer buffer) {
    CudaWork.change(stream, buffer, b -> (byte) (b + 1));
  }

  @Override
  protected void settle(DeviceStream stream) {
    CudaWork.settle(stream);
  }

  @Override
  protected void awaitHeldUp(Thread thread) {
    Patience.until("it is in the driver", () -> CudaWork.areWaiting(thread));
  }

  @Override
  protected boolean mayLookTooEarly() {
    return false;
  }

  @Override
  protected int effort(int usual) {
    return TestDevice.effort(usual);
  }

  @Override
  protected boolean nothingLive(Device device) {
    return TestDevice.nothingLive(device);
  }
}
