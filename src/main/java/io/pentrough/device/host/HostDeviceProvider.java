package io.pentrough.device.host;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceProvider;
import java.util.Objects;
import java.util.Optional;

/** Announces the host to {@link Device#best()}. Always available, with the lowest priority. */
public final class HostDeviceProvider implements DeviceProvider {

  /** For {@link java.util.ServiceLoader}. To open the host, call {@link HostDevice#open()}. */
  public HostDeviceProvider() {}

  @Override
  public String kind() {
    return "host";
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public Optional<String> whyUnavailable() {
    return Optional.empty();
  }

  @Override
  public Device open(String whyNoBetter) {
    return HostDevice.open(Objects.requireNonNull(whyNoBetter, "whyNoBetter"));
  }
}
