package io.pentrough.device.cuda;

import jcuda.driver.CUdeviceptr;

/** Device memory of JCuda's whose address can be read: a kernel's argument is that number. */
final class DeviceAddress extends CUdeviceptr {

  long value() {
    return getNativePointer();
  }
}
