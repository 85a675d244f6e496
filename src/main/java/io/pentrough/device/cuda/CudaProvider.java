package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceProvider;
import java.util.Optional;

/**
 * Announces CUDA to {@link Device#best()}. In this version it can only say why there is none.
 *
 * <p>It looks at file names and resources: it loads no native code and no class of JCuda.
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
    return Optional.of(CudaProbe.ofThisMachine().whyUnavailable());
  }

  /**
   * Refuses.
   *
   * @throws DeviceException always, with the reason
   */
  @Override
  public Device open(String whyNoBetter) {
    throw new DeviceException("cuda: " + CudaProbe.ofThisMachine().whyUnavailable());
  }
}
