package io.pentrough.device;

import java.util.Optional;

/**
 * Announces an implementation of {@link Device} to {@link Device#best()}, through {@link
 * java.util.ServiceLoader}.
 *
 * <p>Loading a provider must not load native code. No method may leave a class behind whose
 * initialiser has failed.
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
   * The provider's priority. {@link Device#best()} opens the available provider with the highest
   * one.
   *
   * @return 0 for the host, more for anything faster
   */
  int priority();

  /**
   * Why this machine has no such device, in plain words that complete the sentence "no CUDA: ...".
   * Never throws.
   *
   * @return empty if it has one
   */
  Optional<String> whyUnavailable();

  /**
   * Opens the first device of this kind.
   *
   * @param whyNoBetter why the providers of higher priority are not available, for the device's
   *     description; may be empty
   * @return an open device
   * @throws DeviceException if it cannot be opened
   */
  Device open(String whyNoBetter);
}
