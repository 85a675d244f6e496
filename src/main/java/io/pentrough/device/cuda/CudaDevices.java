package io.pentrough.device.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.JCudaDriver.cuCtxGetDevice;
import static jcuda.driver.JCudaDriver.cuCtxPopCurrent;
import static jcuda.driver.JCudaDriver.cuCtxPushCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDeviceGetPCIBusId;
import static jcuda.driver.JCudaDriver.cuDeviceGetUuid;
import static jcuda.driver.JCudaDriver.cuDeviceTotalMem;

import io.pentrough.device.DeviceException;
import io.pentrough.device.cuda.CudaDevice.Info;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUuuid;

/** The CUDA devices of this machine. For use after {@link CudaNatives#start}. */
final class CudaDevices {

  /** More than the 13 characters, with the zero behind them, that CUDA's documents ask for. */
  private static final int MAX_PCI_BUS_ID = 32;

  private CudaDevices() {}

  static String nameOf(int ordinal) {
    return "cuda:" + ordinal;
  }

  static List<Info> list() {
    List<Info> devices = new ArrayList<>();
    for (int i = 0; i < CudaNatives.deviceCount(); i++) {
      devices.add(info(i));
    }
    return List.copyOf(devices);
  }

  static Info info(int ordinal) {
    CUdevice device = device(ordinal);
    String where = nameOf(ordinal);
    byte[] name = new byte[256];
    CudaDriver.call(
        where, "cuDeviceGetName", (n, d) -> cuDeviceGetName(n, n.length, d), name, device);
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    long[] bytes = {0};
    CudaDriver.call(where, "cuDeviceTotalMem", (b, d) -> cuDeviceTotalMem(b, d), bytes, device);
    return new Info(
        ordinal,
        new String(name, 0, length, StandardCharsets.UTF_8),
        bytes[0],
        attribute(where, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
        attribute(where, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device));
  }

  private static int attribute(String where, int attribute, CUdevice device) {
    int[] value = {0};
    CudaDriver.call(
        where,
        "cuDeviceGetAttribute",
        (v, d) -> cuDeviceGetAttribute(v, attribute, d),
        value,
        device);
    return value[0];
  }

  static String pciBusId(int ordinal) {
    String[] id = {""};
    CudaDriver.call(
        nameOf(ordinal),
        "cuDeviceGetPCIBusId",
        (i, d) -> cuDeviceGetPCIBusId(i, MAX_PCI_BUS_ID, d),
        id,
        device(ordinal));
    return id[0];
  }

  static UUID uuid(int ordinal) {
    CUuuid uuid = new CUuuid();
    CudaDriver.call(
        nameOf(ordinal), "cuDeviceGetUuid", (u, d) -> cuDeviceGetUuid(u, d), uuid, device(ordinal));
    ByteBuffer bytes = ByteBuffer.wrap(uuid.bytes); // in the order of the text
    return new UUID(bytes.getLong(), bytes.getLong());
  }

  /**
   * The driver's handle of a device.
   *
   * @throws IllegalArgumentException if this machine has no device with this number
   */
  static CUdevice device(int ordinal) {
    int count = CudaNatives.deviceCount();
    if (ordinal < 0 || ordinal >= count) {
      throw new IllegalArgumentException(
          "there is no CUDA device "
              + ordinal
              + ": this machine has "
              + (count == 1 ? "one, number 0" : count + ", numbers 0 to " + (count - 1)));
    }
    CUdevice device = new CUdevice();
    CudaDriver.call(nameOf(ordinal), "cuDeviceGet", (d, i) -> cuDeviceGet(d, i), device, ordinal);
    return device;
  }

  /**
   * The device of a context. The driver gives it as a handle only, so this looks through the list.
   */
  static Info of(CUcontext context) {
    CUdevice device = new CUdevice();
    CudaDriver.call("cuda", "cuCtxPushCurrent", c -> cuCtxPushCurrent(c), context);
    try {
      CudaDriver.call("cuda", "cuCtxGetDevice", d -> cuCtxGetDevice(d), device);
    } finally {
      CudaDriver.call("cuda", "cuCtxPopCurrent", c -> cuCtxPopCurrent(c), new CUcontext());
    }
    for (int i = 0; i < CudaNatives.deviceCount(); i++) {
      if (device(i).equals(device)) {
        return info(i);
      }
    }
    throw new DeviceException(
        "cuda: the context belongs to a device that is not listed; attach to one of the devices of"
            + " CudaDevice.list()");
  }
}
