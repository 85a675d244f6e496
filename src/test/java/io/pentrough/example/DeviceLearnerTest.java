package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.TroubledDriver;
import io.pentrough.example.DeviceNetwork.Shape;
import io.pentrough.testkit.Patience;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Learning on the device is in order behind the loader and with cuBLAS, whatever the schedule. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DeviceLearnerTest {

  private static final int STEPS = 12;
  private static final int SEEDS = 3;
  private static final long LAG_MICROS = 300;

  private static void configure(Schedule schedule, long seed) {
    CudaSim.reset();
    CudaSim.configure(schedule, seed);
    CudaSim.lag(LAG_MICROS);
  }

  private static DeviceTraining.Result whole() throws Exception {
    configure(Schedule.THREADS, 0);
    try (CudaDevice device = CudaDevice.open(0)) {
      return DeviceTraining.run(device, STEPS);
    }
  }

  @Test
  @DisplayName("the same run has the same losses and weights bit for bit, in every schedule")
  void bitForBit() throws Exception {
    DeviceTraining.Result first = whole();
    assertEquals(STEPS, first.losses().size());
    assertNotEquals(first.losses().get(0), first.losses().get(STEPS - 1));
    for (Schedule schedule : Schedule.values()) {
      for (int seed = 0; seed < (schedule == Schedule.SEEDED ? 2 * SEEDS : 1); seed++) {
        configure(schedule, seed);
        try (CudaDevice device = CudaDevice.open(0)) {
          DeviceTraining.Result again = DeviceTraining.run(device, STEPS);
          assertEquals(first.losses(), again.losses(), CudaSim::configuration);
          assertTrue(first.equalTo(again), CudaSim::configuration);
          assertEquals(CudaDevice.Usage.NONE, device.liveResources());
        }
        assertEquals(List.of(), CudaSim.violations(), CudaSim::configuration);
        assertEquals(List.of(), CudaSim.leaks(), CudaSim::configuration);
        assertEquals(0, CudaSim.pageableAsyncCopies());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"THREADS", "STRICT"})
  @DisplayName("batches got for another stream than the network's are found out")
  void batchesForAnotherStream(Schedule schedule) throws Exception {
    DeviceTraining.Result whole = whole();
    found(
        schedule,
        () -> {
          try (CudaDevice device = CudaDevice.open(0);
              DeviceStream other = device.newStream()) {
            DeviceTraining.Result result =
                DeviceTraining.run(device, STEPS, network -> other, () -> {});
            return whole.equalTo(result) ? "" : "other losses";
          }
        });
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"THREADS", "STRICT"})
  @DisplayName("cuBLAS left on another stream than the kernels is found out")
  void cublasOnAnotherStream(Schedule schedule) throws Exception {
    configure(Schedule.THREADS, 0);
    List<Float> whole = losses(false);
    configure(schedule, 0);
    assertEquals(whole, losses(false), "in order, and yet");
    found(schedule, () -> whole.equals(losses(true)) ? "" : "other losses");
  }

  private static List<Float> losses(boolean blasElsewhere) {
    List<Float> losses = new ArrayList<>();
    try (CudaDevice device = CudaDevice.open(0);
        DeviceNetwork network =
            new DeviceNetwork(device, new Shape(33, 27, 17, 3), 1, blasElsewhere)) {
      for (int step = 0; step < 5; step++) {
        network.nextBatch();
        network.train(1e-2f);
        losses.add(network.loss());
      }
    }
    return losses;
  }

  /** Tries the seeds until one finds something, and says which. */
  private static void found(Schedule schedule, Callable<String> attempt) throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      configure(schedule, seed);
      String found = attempt.call();
      List<String> violations = CudaSim.violations();
      if (!violations.isEmpty()) {
        found = violations.get(0);
      }
      if (!found.isEmpty()) {
        System.out.printf("%s: %s%n", CudaSim.configuration(), found);
        return;
      }
    }
    throw new AssertionError("nobody noticed within " + SEEDS + " seeds of " + schedule);
  }
}
