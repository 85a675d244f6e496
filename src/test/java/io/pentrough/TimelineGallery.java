package io.pentrough;

import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes the page that docs/reading-the-stats.md shows a picture of: a loader with one slow fill, a
 * retry and a batch that fails.
 *
 * <p>{@code mvn -q test-compile exec:java -Dexec.mainClass=io.pentrough.TimelineGallery}
 */
public final class TimelineGallery {

  private static final int BATCHES = 60;

  private TimelineGallery() {}

  /**
   * Takes about a second.
   *
   * @param args the page to write; {@code timeline.html} by default
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 4, 1 << 20).build();
    AtomicBoolean hasFailed = new AtomicBoolean();
    BatchTarget target =
        (out, context) -> {
          Random random = new Random(context.index());
          out.array(0).fillZero();
          pass((context.index() == 33 ? 110 : 12) + random.nextInt(10));
          if (context.index() == 12 && !hasFailed.getAndSet(true)) {
            throw new IOException("try again");
          }
          if (context.index() == 50) {
            throw new IllegalArgumentException("not a volume");
          }
        };
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, target)
                .name("train")
                .workers(3)
                .onFailure(FailurePolicy.retry(1))
                .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch = loader.get()) {
          pass(batch.index() == 20 ? 60 : 7);
        } catch (TargetException e) {
          pass(1); // the next get goes on with the next batch
        }
      }
      Trace.writeHtml(
          Path.of(args.length == 0 ? "timeline.html" : args[0]), List.of(loader.trace()));
    }
  }

  private static void pass(int millis) {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the loader is being closed
    }
  }
}
