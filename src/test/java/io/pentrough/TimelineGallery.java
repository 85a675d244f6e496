package io.pentrough;

import static io.pentrough.StatsGallery.pass;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongUnaryOperator;

/**
 * Writes the pages that docs/reading-the-stats.md shows pictures of: a loader with one slow fill, a
 * retry and a batch that fails; and typical cases of a loop that waits.
 *
 * <p>{@code mvn -q test-compile exec:java -Dexec.mainClass=io.pentrough.TimelineGallery}
 */
public final class TimelineGallery {

  private static final BatchSpec SPEC =
      BatchSpec.builder().array("image", DType.UINT8, 4, 1 << 20).build();
  private static final int BATCHES = 60;
  private static final long MILLI = 1_000_000;

  /**
   * A loop that waits.
   *
   * @param fill how long the target takes for a batch of this index, in milliseconds
   * @param copy how long a copy takes
   * @param stage how long a stage takes; 0 for none
   * @param step how long the loop works on a batch
   * @param held how many batches the loop keeps open behind that
   */
  private record Case(
      String name, int workers, LongUnaryOperator fill, int copy, int stage, int step, int held) {}

  private static final List<Case> CASES =
      List.of(
          new Case("starved", 1, index -> 20, 1, 0, 8, 0),
          new Case("slow-fill", 2, index -> index % 15 == 8 ? 90 : 8, 1, 0, 8, 0),
          new Case("slow-stage", 2, index -> 8, 1, 20, 8, 0),
          new Case("held", 2, index -> 6, 6, 0, 8, 2));

  private TimelineGallery() {}

  /** The names of the cases, each of which is a page. */
  public static List<String> cases() {
    return CASES.stream().map(Case::name).toList();
  }

  /**
   * Takes some five seconds.
   *
   * @param args the folder to write into; {@code target/timelines} by default
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    Path folder = Path.of(args.length == 0 ? "target/timelines" : args[0]);
    Files.createDirectories(folder);
    withFailures().writeHtml(folder.resolve("timeline.html"));
    for (Case each : CASES) {
      write(folder, each);
    }
  }

  private static Trace withFailures() throws InterruptedException {
    AtomicBoolean hasFailed = new AtomicBoolean();
    BatchTarget target =
        (out, context) -> {
          Random random = new Random(context.index());
          out.array(0).fillZero();
          pass(((context.index() == 33 ? 110 : 12) + random.nextInt(10)) * MILLI);
          if (context.index() == 12 && !hasFailed.getAndSet(true)) {
            throw new IOException("try again");
          }
          if (context.index() == 50) {
            throw new IllegalArgumentException("not a volume");
          }
        };
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, SPEC, target)
                .name("train")
                .workers(3)
                .onFailure(FailurePolicy.retry(1))
                .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch = loader.get()) {
          pass((batch.index() == 20 ? 60 : 7) * MILLI);
        } catch (TargetException e) {
          pass(MILLI); // the next get goes on with the next batch
        }
      }
      return loader.trace();
    }
  }

  private static void write(Path folder, Case of) throws IOException, InterruptedException {
    try (HostDevice host = HostDevice.open();
        Device device = StatsGallery.behindSlowLink(host, of.copy * MILLI);
        DeviceStream work = host.newStream()) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(
                  device,
                  SPEC,
                  (out, context) -> {
                    out.array(0).fillZero();
                    pass(of.fill.applyAsLong(context.index()) * MILLI);
                  })
              .name(of.name)
              .workers(of.workers)
              .consumerStream(StatsGallery.slowStream(work, device, 0));
      if (of.stage > 0) {
        builder.stage(StatsGallery.stage(of.stage * MILLI));
      }
      Deque<DeviceBatch> held = new ArrayDeque<>();
      try (BackgroundLoader loader = builder.start()) {
        for (int i = 0; i < BATCHES; i++) {
          held.add(loader.get());
          pass(of.step * MILLI);
          if (held.size() > of.held) {
            held.remove().close();
          }
        }
        loader.trace().writeHtml(folder.resolve(of.name + ".html"));
        held.forEach(DeviceBatch::close);
      }
    }
  }
}
