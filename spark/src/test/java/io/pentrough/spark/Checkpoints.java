package io.pentrough.spark;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.Position;
import io.pentrough.device.host.HostDevice;

/** Checkpoints for tests of the store. */
final class Checkpoints {

  private Checkpoints() {}

  /** Apart, as a loader's workers cannot enter a class that is being initialised. */
  private static final class Held {
    static final Position POSITION = make();
  }

  /** Of a loader that has delivered nothing. */
  static Position position() {
    return Held.POSITION;
  }

  private static Position make() {
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT32, 1).build();
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, (out, context) -> out.array("x").setInt(0, 1))
                .batchesPerEpoch(10)
                .start()) {
      return loader.position();
    }
  }

  /** One whose state tells which it is. */
  static Checkpoint checkpoint(int attempt, int number) {
    return new Checkpoint(attempt, number, position(), new byte[] {(byte) attempt, (byte) number});
  }
}
