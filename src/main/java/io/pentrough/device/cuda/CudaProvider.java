package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceProvider;
import java.util.Objects;
import java.util.Optional;

/**
 * Announces CUDA to {@link Device#best()}.
 *
 * <p>Its methods load native code if the machine has it. They never leave a class behind whose
 * initialiser has failed. They touch classes that mention JCuda only if JCuda is on the class path.
 */
public final class CudaProvider implements DeviceProvider {

  /** For {@link java.util.ServiceLoader}. */
  public CudaProvider() {}

  @Override
  public String kind() {
    return "cuda";
  }

  @Override
  public int priority() {
    return 10;
  }

  @Override
  public Optional<String> whyUnavailable() {
    Optional<String> impossible = CudaProbe.ofThisMachine().whyImpossible();
    return impossible.isPresent() ? impossible : CudaDevice.whyUnavailable();
  }

  /**
   * Opens device 0, see {@link CudaDevice#open(int)}.
   *
   * @throws DeviceException if CUDA cannot be used here
   */
  @Override
  public Device open(String whyNoBetter) {
    Objects.requireNonNull(whyNoBetter, "whyNoBetter");
    Optional<String> impossible = CudaProbe.ofThisMachine().whyImpossible();
    if (impossible.isPresent()) {
      throw new DeviceException("no CUDA: " + impossible.get());
    }
    return CudaDevice.open(0); // does not ask again, as that would make a second context
  }
}
