package io.pentrough.augment;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.StageException;
import io.pentrough.TargetException;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.cuda.CudaRuns;
import io.pentrough.device.cuda.CudaSim;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A kernel of a stage that cannot be launched. */
@OnEveryDevice(everySchedule = false)
class LaunchFailureTest {

  private static final int TOO_MANY_RESOURCES = 701; // an error that the context survives

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.FLOAT32, 2, 1, 6, 6)
          .array("label", DType.UINT8, 2, 6, 6)
          .build();

  /** Each stage with how often it launches for a batch, and each of these launches. */
  static Stream<Arguments> launches() {
    Augmentation.Builder crop =
        Augmentation.builder(SPEC.array("image"), Layout.NCYX).label(SPEC.array("label"));
    Augmentation.Builder warp =
        Augmentation.builder(SPEC.array("image"), Layout.NCYX)
            .label(SPEC.array("label"))
            .warp(Warp.builder().rotation(180).build());
    return Stream.of(
        Arguments.of(crop.build(), 2, 1, "augmentCrop"),
        Arguments.of(crop.build(), 2, 2, "labelCrop"),
        Arguments.of(warp.build(), 2, 1, "augmentWarp"),
        Arguments.of(warp.build(), 2, 2, "labelWarp"),
        Arguments.of(Blur.builder("image").sigma(0.5, 1).build(), 2, 1, "blurAcross"),
        Arguments.of(Blur.builder("image").sigma(0.5, 1).build(), 2, 2, "blurAlong"),
        Arguments.of(OneHot.of("label", "classes", 4, DType.UINT8), 1, 1, "oneHot"));
  }

  @ParameterizedTest(name = "launch {2} of {1}: {3}")
  @MethodSource("launches")
  @DisplayName("I5: is told at its batch, with the stage's name; the batches beside it come")
  void namesTheStage(BatchStage stage, int perBatch, int which, String kernel) throws Exception {
    int failing = 2; // the index of the batch
    int nth = perBatch * failing + which;
    boolean driverFails = TestDevice.IS_CUDA && !CudaRuns.REAL;
    AtomicInteger launches = new AtomicInteger();
    try (Device opened = TestDevice.open()) {
      Device device =
          new ForwardingDevice(opened) {
            private final DeviceStream defaultStream =
                new ForwardingStream(inner.defaultStream(), this) {};

            @Override
            public DeviceStream newStream() {
              return new ForwardingStream(inner.newStream(), this) {};
            }

            @Override
            public DeviceStream defaultStream() {
              return defaultStream;
            }

            @Override
            protected void launching() {
              if (launches.incrementAndGet() == nth && !driverFails) {
                throw new DeviceException(kernel + " cannot be launched: made up");
              }
            }
          };
      if (driverFails) {
        CudaSim.fault("cuLaunchKernel", nth, TOO_MANY_RESOURCES);
      }
      try (BackgroundLoader loader =
          BackgroundLoader.builder(
                  device,
                  SPEC,
                  (out, context) -> {
                    out.array("image").fillZero();
                    out.array("label").fillZero();
                  })
              .stage(stage)
              .seed(3)
              .start()) {
        for (int i = 0; i < 5; i++) {
          if (i == failing) {
            TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
            assertEquals(failing, e.index());
            StageException cause = assertInstanceOf(StageException.class, e.getCause());
            String message = String.valueOf(cause.getMessage());
            assertTrue(message.contains("stage '" + stage.name() + "' failed"), message);
            assertTrue(message.contains(kernel), message);
            assertInstanceOf(DeviceException.class, cause.getCause());
          } else {
            try (DeviceBatch batch = loader.get(patience())) {
              assertEquals(i, batch.index());
            }
          }
        }
      }
      assertTrue(launches.get() >= 5 * perBatch - perBatch, "launches " + launches);
      TestDevice.assertNothingLive(opened);
    }
  }
}
