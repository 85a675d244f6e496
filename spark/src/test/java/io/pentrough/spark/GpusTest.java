package io.pentrough.spark;

import static io.pentrough.spark.Thrown.message;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.DeviceException;
import io.pentrough.device.host.HostDevice;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(20)
class GpusTest {

  private static final Map<String, String> BY_BUS = Map.of("CUDA_DEVICE_ORDER", "PCI_BUS_ID");

  @Test
  @DisplayName("an address is CUDA's number if CUDA counts by the bus, or there is one GPU only")
  void ordinals() {
    assertEquals(3, Gpus.ordinal("3", 4, BY_BUS));
    assertEquals(0, Gpus.ordinal("0", 1, Map.of()));
    assertRefused("CUDA_DEVICE_ORDER=PCI_BUS_ID", "1", 2, Map.of());
    assertRefused(
        "CUDA_DEVICE_ORDER=PCI_BUS_ID", "1", 2, Map.of("CUDA_DEVICE_ORDER", "FASTEST_FIRST"));
    assertRefused("CUDA knows 2", "2", 2, BY_BUS);
    assertRefused("the discovery script calls a GPU left", "left", 2, BY_BUS);
  }

  @Test
  @DisplayName("CUDA_VISIBLE_DEVICES renumbers the GPUs")
  void visible() {
    Map<String, String> some =
        Map.of("CUDA_VISIBLE_DEVICES", "2, 3", "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    assertEquals(1, Gpus.ordinal("3", 2, some));
    assertRefused("CUDA_VISIBLE_DEVICES is 2, 3", "1", 2, some);
    assertRefused("CUDA_DEVICE_ORDER=PCI_BUS_ID", "3", 2, Map.of("CUDA_VISIBLE_DEVICES", "2,3"));
    assertRefused("CUDA_DEVICE_ORDER=PCI_BUS_ID", "3", 1, Map.of("CUDA_VISIBLE_DEVICES", "3"));
  }

  private static void assertRefused(
      String words, String address, int devices, Map<String, String> environment) {
    RefusedException e =
        assertThrows(RefusedException.class, () -> Gpus.ordinal(address, devices, environment));
    assertTrue(message(e).contains(words), message(e));
  }

  @Test
  @DisplayName("a GPU that may be one that cannot be opened is not said to be unknown to CUDA")
  void cannotBeOpened() {
    UUID own = UUID.randomUUID();
    UUID other = UUID.randomUUID();
    assertEquals(Optional.empty(), Gpus.find(own, List.of(0), GpusTest::open, device -> other));
    DeviceException e =
        assertThrows(
            DeviceException.class,
            () -> Gpus.find(own, List.of(8, 0, 9), GpusTest::open, device -> other));
    assertTrue(
        message(e).contains(own + ", which is none of those that can be opened"), message(e));
    assertTrue(message(e).endsWith("device 8 is in use"), message(e));
    assertEquals("device 9 is in use", message(e.getSuppressed()[0]));
    try (HostDevice found =
        Gpus.find(own, List.of(8, 0), GpusTest::open, device -> own).orElseThrow()) {
      found.allocate(1).close(); // it is open
    }
  }

  private static HostDevice open(int ordinal) {
    if (ordinal > 7) {
      throw new DeviceException("device " + ordinal + " is in use");
    }
    return HostDevice.open();
  }

  @Test
  @DisplayName("the discovery script says what Spark can read")
  void discovery(@TempDir Path folder) throws Exception {
    Path tool = folder.resolve("nvidia-smi");
    Files.writeString(tool, "#!/bin/sh\necho 0\necho 1\necho 11\n");
    assertTrue(tool.toFile().setExecutable(true));
    ProcessBuilder builder = new ProcessBuilder(Path.of("gpus.sh").toAbsolutePath().toString());
    builder.environment().put("PATH", folder.toString() + ":" + System.getenv("PATH"));
    Process script = builder.redirectErrorStream(true).start();
    String said = new String(script.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(script.waitFor(10, TimeUnit.SECONDS));
    ResourceInformation gpus = ResourceInformation.parseJson(said);
    assertEquals("gpu", gpus.name());
    assertArrayEquals(new String[] {"0", "1", "11"}, gpus.addresses());
  }
}
