package io.pentrough.device.host;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.Collected;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The host's memory is freed by the collector: nothing of a closed loader may keep it. */
class ClosedLoaderMemoryTest {

  private enum Kind {
    COPIED,
    ZERO_COPY,
    STAGED
  }

  /** Draws a parameter, and does nothing with it. */
  private static final class Draws implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      arrays.reads("x", DType.UINT8);
      arrays.parameters(Integer.BYTES);
    }

    @Override
    public void draw(BatchContext context, ByteBuffer parameters) {
      parameters.putInt(context.random().nextInt());
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      return run -> {};
    }
  }

  private static BackgroundLoader start(HostDevice device, Kind kind) {
    BatchSpec spec = BatchSpec.builder().array("x", DType.UINT8, 1000).build();
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(
            device, spec, (out, context) -> out.array("x").setByte(7, (byte) 7));
    if (kind == Kind.ZERO_COPY) {
      builder.zeroCopy(true);
    } else if (kind == Kind.STAGED) {
      builder.stage(new Draws());
    }
    return builder.start();
  }

  private static void use(BackgroundLoader loader) throws Exception {
    for (int i = 0; i < 20; i++) {
      try (var batch = loader.get(patience())) {
        assertEquals(7, HostDevice.bytes(batch.array("x").buffer()).get(7));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("I6: a closed loader that is kept, for its statistics, keeps no memory of the host")
  void keptLoader(Kind kind) throws Exception {
    List<WeakReference<ByteBuffer>> made = new CopyOnWriteArrayList<>();
    HostDevice device = HostDeviceTest.remembering(made);
    BackgroundLoader loader = start(device, kind);
    use(loader);
    loader.close();
    assertTrue(made.size() > 1);
    Collected.await(made);
    assertEquals(20, loader.stats().batches());
    device.close();
  }
}
