package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.testkit.Patience;

/** The contract on the scripted device whose streams wait for steps; a thread steps them all. */
class SteppedDeviceTest extends ScriptedDeviceTest {

  @Override
  protected Device openDevice() {
    ScriptedDevice opened = new ScriptedDevice().holdNewStreams();
    atTheEnd(opened.stepper());
    return opened;
  }

  @Override
  protected void settle(DeviceStream stream) {
    Patience.until("no step is left", () -> !scripted(stream.device()).canStep(stream));
  }
}
