package io.pentrough.spark;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.cuda.CudaDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/**
 * Finds the GPU that Spark gave a task.
 *
 * <p>Spark knows GPUs by what a discovery script prints: numbers of nvidia-smi, which counts in the
 * order of the PCI bus, or ids such as GPU-12345678-.... CUDA counts the fastest first, unless
 * CUDA_DEVICE_ORDER says otherwise, and only those in CUDA_VISIBLE_DEVICES.
 */
final class Gpus {

  private static final String ORDER = "CUDA_DEVICE_ORDER";
  private static final String VISIBLE = "CUDA_VISIBLE_DEVICES";

  private Gpus() {}

  /**
   * Opens a task's GPU, or the best device if it has none and needs none.
   *
   * @throws RefusedException if that is not possible for a reason of configuration
   */
  static Device open(TaskContext task, boolean needed) {
    ResourceInformation gpu = task.resourcesJMap().get("gpu");
    List<String> addresses = gpu == null ? List.of() : List.of(gpu.addresses());
    if (addresses.isEmpty()) {
      if (needed) {
        throw new RefusedException(
            ("task " + task.partitionId() + " has no GPU, but the job asks for one; submit it")
                + " with --conf spark.executor.resource.gpu.amount=1"
                + " --conf spark.executor.resource.gpu.discoveryScript=..."
                + " --conf spark.task.resource.gpu.amount=1");
      }
      return Device.best();
    }
    if (addresses.size() > 1) {
      throw new RefusedException(
          ("task " + task.partitionId() + " has " + addresses.size() + " GPUs, but uses one; ")
              + "set spark.task.resource.gpu.amount=1");
    }
    String address = addresses.get(0);
    List<CudaDevice.Info> devices = CudaDevice.list();
    if (address.matches("(GPU-)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")) {
      return open(UUID.fromString(address.replaceFirst("^GPU-", "")), devices);
    }
    return CudaDevice.open(ordinal(address, devices.size(), System.getenv()));
  }

  private static Device open(UUID wanted, List<CudaDevice.Info> devices) {
    List<Integer> ordinals = devices.stream().map(CudaDevice.Info::ordinal).toList();
    return find(wanted, ordinals, CudaDevice::open, CudaDevice::uuid)
        .orElseThrow(
            () ->
                new RefusedException(
                    "Spark gave this task the GPU " + wanted + ", but CUDA knows " + devices));
  }

  /**
   * Opens one after the other, because only an open one has a UUID to ask for.
   *
   * @return empty if it is none of them
   * @throws DeviceException if it may be one that cannot be opened; another attempt may find it
   *     free
   */
  static <D extends Device> Optional<D> find(
      UUID wanted, List<Integer> ordinals, IntFunction<D> open, Function<D, UUID> uuid) {
    List<DeviceException> failures = new ArrayList<>();
    for (int ordinal : ordinals) {
      D device;
      try {
        device = open.apply(ordinal);
      } catch (DeviceException e) {
        failures.add(e); // another process may have it for itself
        continue;
      }
      if (uuid.apply(device).equals(wanted)) {
        return Optional.of(device);
      }
      device.close();
    }
    if (failures.isEmpty()) {
      return Optional.empty();
    }
    DeviceException failure =
        new DeviceException(
            ("Spark gave this task the GPU " + wanted + ", which is none of those that can be")
                + (" opened; of another one CUDA says: " + failures.get(0).getMessage()),
            failures.get(0));
    failures.stream().skip(1).forEach(failure::addSuppressed);
    throw failure;
  }

  /**
   * CUDA's number of a GPU.
   *
   * @param address as nvidia-smi counts
   * @param devices how many CUDA knows
   * @param environment of this process
   * @throws RefusedException if the number is unknown
   */
  static int ordinal(String address, int devices, Map<String, String> environment) {
    String visible = environment.get(VISIBLE);
    String order = environment.getOrDefault(ORDER, "").toUpperCase(Locale.ROOT);
    boolean isNumber = address.matches("\\d{1,9}");
    // The numbers in CUDA_VISIBLE_DEVICES are CUDA's too, so one visible GPU is no exception.
    if (isNumber && (devices > 1 || visible != null) && !order.equals("PCI_BUS_ID")) {
      throw new RefusedException(
          "Spark counts the GPUs of this machine by their bus, CUDA by their speed; submit the job"
              + (" with --conf spark.executorEnv." + ORDER + "=PCI_BUS_ID"));
    }
    if (visible != null) {
      int at = List.of(visible.replace(" ", "").split(",")).indexOf(address);
      if (at >= 0 && at < devices) {
        return at;
      }
      throw new RefusedException(
          "Spark gave this task the GPU " + address + ", but " + VISIBLE + " is " + visible);
    }
    if (!isNumber) {
      throw new RefusedException(
          ("the discovery script calls a GPU " + address + ", but should give a number or an id")
              + " as nvidia-smi does");
    }
    int number = Integer.parseInt(address);
    if (number >= devices) {
      throw new RefusedException(
          "Spark gave this task the GPU " + number + ", but CUDA knows " + devices);
    }
    return number;
  }
}
