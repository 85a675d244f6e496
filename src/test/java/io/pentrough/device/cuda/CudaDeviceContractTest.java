package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceContract;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestDevice;
import jcuda.Pointer;

/** The contract on CUDA. */
@OnCuda
class CudaDeviceContractTest extends DeviceContract {

  @Override
  protected Device openDevice() {
    return CudaDevice.open(0);
  }

  @Override
  protected Gate queueGate(DeviceStream stream) {
    TestDevice.Gate gate = TestDevice.gate(stream);
    atTheEnd(gate::close);
    return gate::open;
  }

  @Override
  protected void increment(DeviceStream stream, DeviceBuffer buffer) {
    Pointer scratch = CudaWork.change(stream, buffer, b -> (byte) (b + 1));
    CudaDevice own = (CudaDevice) stream.device();
    atTheEnd(() -> CudaWork.free(own, scratch));
  }

  @Override
  protected void settle(DeviceStream stream) {
    CudaWork.settle(stream);
  }

  @Override
  protected void awaitHeldUp(Thread thread) {
    while (!CudaWork.isInSynchronize(thread.getStackTrace())) {
      Thread.onSpinWait();
    }
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
