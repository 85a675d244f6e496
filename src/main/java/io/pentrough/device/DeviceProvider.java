package io.pentrough.device;

import java.util.Optional;

/**
 * Announces an implementation of {@link Device} to {@link Device#best()}, through {@link
 * java.util.ServiceLoader}.
 *
 * <p>A provider is asked only when somebody looks for a device: loading it must not load native
 * code, and no answer may leave a class behind whose initialiser has failed.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface DeviceProvider {

  /**
   * The kind of device, in lower case.
   *
   * @return for example {@code "cuda"} or {@code "host"}
   */
  String kind();

  /**
   * Where this provider stands among others: the highest available one wins.
   *
   * @return 0 for the host, more for anything faster
   */
  int priority();

  /**
   * Why there is no such device here, in plain words that complete the sentence "no CUDA: ...".
   * Never throws.
   *
   * @return empty if there is one
   */
  Optional<String> whyUnavailable();

  /**
   * Opens the first device of this kind.
   *
   * @param whyNoBetter why the providers of higher priority were passed over, for the device's
   *     description; may be empty
   * @return an open device
   * @throws DeviceException if it cannot be opened
   */
  Device open(String whyNoBetter);
}
