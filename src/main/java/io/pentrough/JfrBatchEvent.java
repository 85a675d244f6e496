package io.pentrough;

import io.pentrough.Trace.Step;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** What happened to a batch. An instant that carries the times of its {@link TraceEntry}. */
@Name("pentrough.Batch")
@Label("Batch")
@Description(
    "A batch is over. A time of N/A means that the batch did not get there, or was taken before.")
@Category(JfrEvents.CATEGORY)
@StackTrace(false)
final class JfrBatchEvent extends Event {

  @Label("Loader")
  @Nullable String loader;

  @Label("Epoch")
  int epoch;

  @Label("Index")
  @Description("In its epoch; the number of the job, if the loader is a queue")
  long index;

  @Label("Result")
  @Nullable String result;

  @Label("Cause")
  @Description("What made the batch fail")
  @Nullable Class<?> cause;

  @Label("Consumer")
  @Description("The thread that called get")
  @Nullable String consumer;

  @Label("Worker")
  int worker;

  @Label("Host Slot")
  int hostSlot;

  @Label("Device Slot")
  @Description("-1 if the batch did not get one")
  int deviceSlot;

  @Label("Attempts")
  @Description("How often the target was called")
  int attempts;

  @Label("Begin")
  @Description("When the worker began to wait for a slot, since the start of the loader")
  @Timespan(Timespan.NANOSECONDS)
  long begin;

  @Label("Wait for Host Slot")
  @Description("The worker waited for a host slot, or for a job")
  @Timespan(Timespan.NANOSECONDS)
  long slotWait;

  @Label("Fill")
  @Timespan(Timespan.NANOSECONDS)
  long fill;

  @Label("Wait for Device Slot")
  @Timespan(Timespan.NANOSECONDS)
  long deviceSlotWait;

  @Label("Wait for Copy")
  @Description("The copy waited for its turn, or for work of the loop")
  @Timespan(Timespan.NANOSECONDS)
  long copyWait;

  @Label("Copy")
  @Description("Until the loader saw its end, so at most")
  @Timespan(Timespan.NANOSECONDS)
  long copy;

  @Label("Stages")
  @Timespan(Timespan.NANOSECONDS)
  long stages;

  @Label("Ready")
  @Description("The batch was ready and waited for the loop")
  @Timespan(Timespan.NANOSECONDS)
  long ready;

  @Label("Use")
  @Description("From get to close")
  @Timespan(Timespan.NANOSECONDS)
  long use;

  @Label("Still in Use")
  @Description("From close until the slot was free: work of the loop still ran")
  @Timespan(Timespan.NANOSECONDS)
  long stillInUse;

  @Label("Total")
  @Description("From Begin until the last slot was free")
  @Timespan(Timespan.NANOSECONDS)
  long total;

  @Label("Get")
  @Description("How long the get that was given this batch waited")
  @Timespan(Timespan.NANOSECONDS)
  long get;

  /**
   * Commits the event of a batch.
   *
   * @param startedAt when its loader started
   */
  static void emit(String loader, long startedAt, TraceEntry over) {
    JfrBatchEvent event = new JfrBatchEvent();
    event.loader = loader;
    event.epoch = over.epoch;
    event.index = over.index;
    event.result = over.result.name();
    event.cause = over.cause;
    event.consumer = over.consumer;
    event.worker = over.worker;
    event.hostSlot = over.hostSlot;
    event.deviceSlot = over.deviceSlot;
    event.attempts = over.attempts;
    event.begin = over.at(Step.REQUESTED) - startedAt;
    event.slotWait = over.between(Step.REQUESTED, Step.CLAIMED);
    event.fill = over.between(Step.FILL_STARTED, Step.FILLED);
    event.deviceSlotWait = over.between(Step.FILLED, Step.RESERVED);
    event.copyWait = over.between(Step.RESERVED, Step.COPY_STARTED);
    event.copy = over.between(Step.COPY_STARTED, Step.COPIED);
    event.stages = over.between(Step.COPIED, Step.READY);
    event.ready = over.between(Step.READY, Step.TAKEN);
    event.use = over.between(Step.TAKEN, Step.CLOSED);
    event.stillInUse = over.between(Step.CLOSED, Step.FREED);
    event.total = over.between(Step.REQUESTED, Step.FREED);
    event.get = over.between(Step.ASKED, Step.TAKEN);
    event.commit();
  }
}
