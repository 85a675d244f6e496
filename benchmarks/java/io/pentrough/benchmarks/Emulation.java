package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.time.Duration;

/**
 * A loader whose target, copy and consumer only let time pass: parked, as two cores cannot play
 * more than two of them by burning. The kernel wakes a parked thread some 60 us late; so what each
 * of them really took is written down, and a model can be given that.
 */
final class Emulation {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final BatchSpec SPEC = BatchSpec.builder().array("number", DType.INT64, 1).build();

  private Emulation() {}

  /** Runs it to its end, and returns what happened when. */
  static Timeline run(Ring ring, Durations drawn) throws Exception {
    int batches = drawn.batches();
    Timeline line = new Timeline(batches);
    try (Device device = new EmulatedDevice(HostDevice.open(), drawn.copy(), line);
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    SPEC,
                    (out, context) -> {
                      long began = System.nanoTime();
                      int number = (int) context.index();
                      out.array(0).setLong(0, number);
                      line.worker[number] = context.worker();
                      line.claimed[number] = began;
                      line.filled[number] = Latencies.sleepUntil(began + drawn.fill()[number]);
                    })
                .workers(ring.workers())
                .hostSlots(ring.hostSlots())
                .deviceSlots(ring.deviceSlots())
                .batchesPerEpoch(batches)
                .epochs(1)
                .start()) {
      for (int number = 0; number < batches; number++) {
        try (DeviceBatch batch = loader.get(PATIENCE)) {
          long got = System.nanoTime();
          long delivered = HostDevice.bytes(batch.array(0).buffer()).getLong(0);
          if (delivered != number) {
            throw new IllegalStateException(
                "batch " + delivered + " was delivered instead of " + number);
          }
          line.got[number] = got;
          line.closed[number] = Latencies.sleepUntil(got + drawn.compute()[number]);
        }
      }
    }
    return line;
  }
}
