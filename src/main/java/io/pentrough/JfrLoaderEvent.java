package io.pentrough;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** What a loader did. An instant that carries figures of its {@link LoaderStats}. */
@Name("pentrough.Loader")
@Label("Loader")
@Description("What a loader did since its last event; the counts are from its start")
@Category(JfrEvents.CATEGORY)
@StackTrace(false)
@Period("1 s")
final class JfrLoaderEvent extends Event {

  @Label("Loader")
  @Nullable String loader;

  @Label("Device")
  @Nullable String device;

  @Label("Workers")
  int workers;

  @Label("Host Slots")
  int hostSlots;

  @Label("Device Slots")
  int deviceSlots;

  @Label("Batches")
  @Description("Delivered")
  long batches;

  @Label("Bytes")
  @Description("Delivered")
  @DataAmount
  long bytes;

  @Label("Failures")
  @Description("Calls of the target that threw")
  long failures;

  @Label("Skips")
  @Description("Batches that were left out")
  long skips;

  @Label("Bad Samples")
  long badSamples;

  @Label("Interval")
  @Description("The time since the last event, which what follows is of")
  @Timespan(Timespan.NANOSECONDS)
  long interval;

  @Label("Batches per Second")
  float batchesPerSecond;

  @Label("Loop Waited")
  @Description("No batch was ready")
  @Percentage
  float loopWaited;

  @Label("Workers Waited")
  @Description("For a host slot")
  @Percentage
  float workersWaited;

  @Label("Workers without Job")
  @Percentage
  float workersWithoutJob;

  @Label("Copying")
  @Percentage
  float copying;

  @Label("Copies Held Up")
  @Description("The next copy waited for work of the loop")
  @Percentage
  float copiesHeldUp;

  @Label("Stages at Work")
  @Percentage
  float stagesAtWork;

  @Label("Bottleneck")
  @Nullable String bottleneck;

  /**
   * Commits the event of a loader.
   *
   * @param all what it did since its start
   * @param since what it did since its last event
   */
  static void emit(Trace.Setup setup, LoaderStats all, LoaderStats since) {
    JfrLoaderEvent event = new JfrLoaderEvent();
    event.loader = setup.loader();
    event.device = setup.device();
    event.workers = setup.workers();
    event.hostSlots = setup.hostSlots();
    event.deviceSlots = setup.deviceSlots();
    event.batches = all.batches();
    event.bytes = all.bytes();
    event.failures = all.failures();
    event.skips = all.skips();
    event.badSamples = all.badSamples();
    event.interval = since.elapsed().toNanos();
    event.batchesPerSecond = (float) since.batchesPerSecond();
    event.loopWaited = (float) since.starvedShare();
    event.workersWaited = (float) since.workerIdleShare();
    event.workersWithoutJob = (float) since.workerStarvedShare();
    event.copying = (float) since.copyBusyShare();
    event.copiesHeldUp = (float) since.copyHeldUpShare();
    event.stagesAtWork = (float) since.stageBusyShare();
    event.bottleneck = since.bottleneck().name();
    event.commit();
  }
}
