package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.device.host.HostDevice;
import java.lang.management.ManagementFactory;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the JVM cannot give is refused before it has given half of it. */
class DirectMemoryTest {

  private static final int MIB = 1 << 20;

  private static long limit() {
    String set =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
            .getVMOption("MaxDirectMemorySize")
            .getValue();
    return set.equals("0") ? Runtime.getRuntime().maxMemory() : Long.parseLong(set);
  }

  @Test
  @DisplayName("a loader that needs more than the JVM allows allocates nothing, and says how much")
  void aLoaderThatNeedsTooMuch() {
    BatchSpec spec = BatchSpec.builder().array("x", DType.FLOAT32, 500_000_000 / 4).build();
    try (HostDevice host = HostDevice.open()) {
      Device device =
          new ForwardingDevice(host) {
            @Override
            public PinnedBuffer allocatePinned(long bytes) {
              throw new AssertionError("allocates " + bytes);
            }

            @Override
            public DeviceBuffer allocate(long bytes) {
              throw new AssertionError("allocates " + bytes);
            }
          };
      String message =
          String.valueOf(
              assertThrows(
                      DeviceException.class,
                      () ->
                          BackgroundLoader.builder(device, spec, (out, context) -> {})
                              .workers(1000)
                              .start())
                  .getMessage());
      assertTrue(message.startsWith("the loader needs 468 GiB, and the JVM allows "), message);
      assertTrue(message.contains("lower workers, hostSlots, deviceSlots"), message);
      assertTrue(message.contains("-XX:MaxDirectMemorySize"), message);
      assertEquals(HostDevice.Usage.NONE, host.liveResources());
    }
  }

  @Test
  @DisplayName("what is in use counts, and what can be collected does not")
  void whatIsInUse() {
    assertEquals(Optional.empty(), DirectMemory.whyNot(1));
    ByteBuffer held = ByteBuffer.allocateDirect(128 * MIB);
    long tooMuch = limit() - 64 * MIB;
    try {
      String why = DirectMemory.whyNot(tooMuch).orElseThrow();
      assertTrue(why.matches("the JVM allows .* of direct memory, of which .* are in use"), why);
    } finally {
      Reference.reachabilityFence(held);
    }
    held = null;
    assertEquals(Optional.empty(), DirectMemory.whyNot(tooMuch));
  }
}
