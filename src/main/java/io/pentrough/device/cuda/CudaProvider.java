package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceProvider;
import java.util.Objects;
import java.util.Optional;

/**
 * Announces CUDA to {@link Device#best()}.
 *
 * <p>Asking it loads native code where there is some, and never leaves a class behind whose
 * initialiser has failed. Classes that mention JCuda are touched only where JCuda is.
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
    return CudaDevice.open(0); // without asking again, which would make a context twice
  }
}
