package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.cuda.CudaProvider;
import io.pentrough.device.host.HostDevice;
import io.pentrough.device.host.HostDeviceProvider;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProvidersTest {

  /** A provider that has no device, or one that fails to open, or opens the host. */
  private record Fake(String kind, int priority, String unavailable, String failure)
      implements DeviceProvider {

    @Override
    public Optional<String> whyUnavailable() {
      return unavailable.isEmpty() ? Optional.empty() : Optional.of(unavailable);
    }

    @Override
    public Device open(String whyNoBetter) {
      if (!failure.isEmpty()) {
        throw new DeviceException(failure);
      }
      return new HostDeviceProvider().open(kind + " after: " + whyNoBetter);
    }
  }

  private static String best(DeviceProvider... providers) {
    try (Device device = Providers.best(List.of(providers))) {
      return device.description();
    }
  }

  @Test
  void theHighestPriorityWinsWhateverTheOrder() {
    DeviceProvider slow = new Fake("slow", 0, "", "");
    DeviceProvider fast = new Fake("fast", 7, "", "");
    assertEquals("host (fast after: )", best(slow, fast));
    assertEquals("host (fast after: )", best(fast, slow));
  }

  @Test
  void rejectedProvidersAreNamedWithTheReason() {
    DeviceProvider slow = new Fake("slow", 0, "", "");
    DeviceProvider absent = new Fake("absent", 9, "not in this machine", "");
    DeviceProvider broken = new Fake("broken", 5, "", "it smokes");
    assertEquals(
        "host (slow after: no ABSENT: not in this machine; no BROKEN: it smokes)",
        best(slow, broken, absent));
  }

  @Test
  void ifNoneIsLeftTheExceptionHasEveryReason() {
    DeviceProvider absent = new Fake("absent", 9, "not in this machine", "");
    DeviceProvider broken = new Fake("broken", 5, "", "it smokes");
    DeviceException e = assertThrows(DeviceException.class, () -> best(broken, absent));
    assertEquals("no ABSENT: not in this machine; no BROKEN: it smokes", e.getMessage());
    assertEquals("it smokes", e.getSuppressed()[0].getMessage());
    assertEquals(
        "no device provider was found; where jars are merged into one, keep"
            + " META-INF/services/io.pentrough.device.DeviceProvider",
        assertThrows(DeviceException.class, () -> best()).getMessage());
  }

  @Test
  void jarsThatDoNotGoTogetherAreARefusalToo() {
    DeviceProvider slow = new Fake("slow", 0, "", "");
    DeviceProvider mixed =
        new DeviceProvider() {
          @Override
          public String kind() {
            return "mixed";
          }

          @Override
          public int priority() {
            return 5;
          }

          @Override
          public Optional<String> whyUnavailable() {
            return Optional.empty();
          }

          @Override
          public Device open(String whyNoBetter) {
            throw new NoSuchMethodError("of an older version");
          }
        };
    assertEquals(
        "host (slow after: no MIXED: java.lang.NoSuchMethodError: of an older version)",
        best(slow, mixed));
  }

  @Test
  void bestSaysWhatItOpenedAndWhyEachTime() {
    Optional<String> why = new CudaProvider().whyUnavailable();
    for (int i = 0; i < 2; i++) {
      try (Device device = Device.best()) {
        if (why.isPresent()) {
          assertEquals(HostDevice.class, device.getClass());
          assertEquals("host (no CUDA: " + why.get() + ")", device.description());
        } else {
          assertEquals("cuda:0", device.name());
        }
      }
    }
  }
}
