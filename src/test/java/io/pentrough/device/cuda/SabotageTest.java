package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.SabotagedDevice.Missing;
import io.pentrough.testkit.Exhaustive;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A missing fence is found, not hoped for: the session that passes on a whole device fails on one
 * that drops a fence, within the seeds of a usual run. Prints how many were needed.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SabotageTest {

  /** As many as a usual run takes. */
  private static final int SEEDS = 3;

  static Stream<Arguments> sabotages() {
    List<Arguments> all = new ArrayList<>();
    for (Missing missing : Missing.values()) {
      // Work queued right behind its own copy is late by chance only: a seed has to arrange it.
      List<Schedule> schedules =
          missing == Missing.QUEUED_RELEASE_RECORD
              ? List.of(Schedule.SEEDED)
              : List.of(Schedule.SEEDED, Schedule.LAG, Schedule.RACE);
      for (Schedule schedule : schedules) {
        all.add(Arguments.of(missing, schedule, Session.Eye.COPY));
        all.add(Arguments.of(missing, schedule, Session.Eye.KERNEL));
      }
    }
    return all.stream();
  }

  @ParameterizedTest(name = "without {0}, {1}, by {2}")
  @MethodSource("sabotages")
  @DisplayName("a device without a fence is found out")
  void aMissingFenceIsFound(Missing missing, Schedule schedule, Session.Eye eye) throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      String found = run(missing, schedule, eye, seed);
      if (!found.isEmpty()) {
        System.out.printf(
            "without %s, %s, by %s: seed %d: %s%n", missing, schedule, eye, seed, found);
        return;
      }
    }
    throw new AssertionError("nobody noticed within " + SEEDS + " seeds");
  }

  /** Several sessions a seed: the suite has more of them than one. */
  private static String run(Missing missing, Schedule schedule, Session.Eye eye, int seed)
      throws Exception {
    CudaSim.reset();
    CudaSim.configure(schedule, seed);
    for (int session = 0; session < 5; session++) {
      try (SabotagedDevice device = new SabotagedDevice(CudaDevice.open(0), missing);
          DeviceStream stream = device.consumerStream()) {
        boolean staged =
            missing == Missing.STAGE_WAIT || missing == Missing.STAGE_RECORD || session % 2 == 1;
        int queued = missing == Missing.QUEUED_RELEASE_RECORD ? 3 : 1;
        Session.run(device, stream, eye, staged, queued);
      } catch (Session.WrongBatch e) {
        return String.valueOf(e.getMessage());
      }
      List<String> violations = CudaSim.violations();
      if (!violations.isEmpty()) {
        return violations.get(0);
      }
    }
    return "";
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("schedules")
  @DisplayName("and the same sessions on a whole device find nothing")
  void aWholeDeviceIsNotAccused(Schedule schedule) throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      CudaSim.reset();
      CudaSim.configure(schedule, seed);
      for (int session = 0; session < Exhaustive.count(2, 5); session++) {
        try (Device device = CudaDevice.open(0)) {
          Session.run(device);
          Session.runStaged(device);
        }
      }
      assertEquals(List.of(), CudaSim.violations());
      assertEquals(List.of(), CudaSim.leaks());
      assertTrue(CudaSim.calls().containsKey("cuMemcpyHtoDAsync_v2"));
      assertTrue(CudaSim.calls().containsKey("cuLaunchKernel"));
    }
  }

  static Stream<Schedule> schedules() {
    return Stream.of(Schedule.values());
  }
}
