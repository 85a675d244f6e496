package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceContract;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestDevice.Gate;

/** The contract on the scripted device whose streams run what they can in the call. */
class ScriptedDeviceTest extends DeviceContract {

  @Override
  protected Device openDevice() {
    return new ScriptedDevice();
  }

  @Override
  protected final Gate queueGate(DeviceStream stream) {
    return scripted(stream.device()).gate(stream);
  }

  @Override
  protected final void increment(DeviceStream stream, DeviceBuffer buffer) {
    scripted(stream.device())
        .launch(
            stream,
            buffer,
            bytes -> {
              for (int i = 0; i < bytes.limit(); i++) {
                bytes.put(i, (byte) (bytes.get(i) + 1));
              }
            });
  }

  /** A stream that nobody steps has run what it can when the call that queued it returned. */
  @Override
  protected void settle(DeviceStream stream) {}

  @Override
  protected final boolean nothingLive(Device device) {
    return scripted(device).live().isEmpty();
  }

  static ScriptedDevice scripted(Device device) {
    return (ScriptedDevice) device;
  }
}
