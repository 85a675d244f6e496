package io.pentrough.device;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;

/** The search behind {@link Device#best()}. */
final class Providers {

  private Providers() {}

  static Device best() {
    return best(load());
  }

  /**
   * Opens the available provider with the highest priority. The reasons why better ones are not
   * available become part of the device's description.
   */
  static Device best(List<DeviceProvider> providers) {
    List<DeviceProvider> inOrder = new ArrayList<>(providers);
    inOrder.sort(Comparator.comparingInt(DeviceProvider::priority).reversed());
    List<String> refusals = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    for (DeviceProvider provider : inOrder) {
      String label = "no " + provider.kind().toUpperCase(Locale.ROOT) + ": ";
      try {
        Optional<String> why = provider.whyUnavailable();
        if (why.isEmpty()) {
          return provider.open(String.join("; ", refusals));
        }
        refusals.add(label + why.get());
      } catch (DeviceException e) {
        refusals.add(label + e.getMessage());
        failures.add(e);
      } catch (LinkageError e) { // incompatible jars
        refusals.add(label + e);
        failures.add(e);
      }
    }
    DeviceException none =
        new DeviceException(
            refusals.isEmpty()
                ? "no device provider was found; where jars are merged into one, keep"
                    + " META-INF/services/"
                    + DeviceProvider.class.getName()
                : String.join("; ", refusals));
    failures.forEach(none::addSuppressed);
    throw none;
  }

  /**
   * Uses the interface's own class loader, as the thread's context loader may not find this
   * library.
   */
  private static List<DeviceProvider> load() {
    List<DeviceProvider> providers = new ArrayList<>();
    try {
      ServiceLoader.load(DeviceProvider.class, DeviceProvider.class.getClassLoader())
          .forEach(providers::add);
    } catch (ServiceConfigurationError e) {
      throw new DeviceException(
          "a device provider on the class path is broken: " + e.getMessage(), e);
    }
    return providers;
  }
}
