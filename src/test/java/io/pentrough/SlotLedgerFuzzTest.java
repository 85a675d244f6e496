package io.pentrough;

import static io.pentrough.Messages.message;
import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Steps the state machine on one thread, in an order drawn from a seed, beside a model of the
 * memory that plays the most hostile device there is: a copy reads its source at the last moment it
 * may, and a consumer's kernels read the batch as late as they may. Every invariant the ledger can
 * break is checked at the step that breaks it.
 *
 * <p>A failure prints the seed and the steps; the same seed takes the same steps.
 */
class SlotLedgerFuzzTest {

  private static final int STEPS = 2_000;

  static IntStream seeds() {
    return IntStream.range(0, 400);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName(
      "I1-I4: any order of steps keeps slots apart and batches whole, and ends with every slot free")
  void anyOrderOfSteps(int seed) {
    Run run = new Run(seed);
    try {
      for (int i = 0; i < STEPS; i++) {
        run.step();
        run.checkShape();
      }
      run.settleAndDeliverMore();
      run.stop();
    } catch (Throwable t) {
      throw new AssertionError("seed " + seed + ", " + run + "\n" + run.lastSteps(), t);
    }
  }

  /** What a sequence number stands for. */
  private record Place(int epoch, long index) {}

  /** What a fill wrote: no two fills write the same. */
  private record Content(long sequence, int epoch, long index, int generation, int fill) {}

  private static final class Run {
    private final Random random;
    private final boolean ordered;
    private final boolean zeroCopy;
    private final int workers;
    private final int hostDepth;
    private final int deviceDepth;
    private final boolean withEnds;
    private final Schedule schedule;
    private final SlotLedger ledger;
    private final Deque<String> steps = new ArrayDeque<>();
    private long now;

    // The model.
    private final Content[] hostMemory;
    private final Content[] deviceMemory;
    // Maps that keep their order: the same seed must take the same steps.
    private final Map<Integer, HostSlot> filling = new LinkedHashMap<>();
    private final Deque<DeviceSlot> copies = new ArrayDeque<>();
    private final Deque<DeviceSlot> arrived = new ArrayDeque<>();
    private final Map<DeviceSlot, Content> leases = new LinkedHashMap<>();

    /** Taken before the host saw the copy end, and maybe given back since. */
    private final Set<DeviceSlot> takenEarly = new HashSet<>();

    private final Map<DeviceSlot, Content> returning = new LinkedHashMap<>();
    private final Set<Long> told = new HashSet<>();
    private final Set<Place> toldPlaces = new HashSet<>();
    private final Map<Place, Long> skipped = new HashMap<>();
    private Place expected = new Place(0, 0);
    private final Map<Content, String> failures = new HashMap<>();

    /**
     * The device slots of batches that were refused, or of which a stage failed, until that is told
     * or a reset drops them.
     */
    private final Map<DeviceSlot, Content> refused = new LinkedHashMap<>();

    private int generation;
    private int fills;

    Run(int seed) {
      random = new Random(seed);
      ordered = random.nextInt(3) > 0;
      zeroCopy = random.nextInt(4) == 0;
      workers = 1 + random.nextInt(5);
      int host = 1 + random.nextInt(5);
      int device = 1 + random.nextInt(4);
      hostDepth = zeroCopy ? host + device : host;
      deviceDepth = zeroCopy ? host + device : device;
      withEnds = random.nextInt(2) == 0;
      schedule = Schedules.schedule(Schedule.ENDLESS, withEnds ? 1_000_000 : 1, 0, 1);
      ledger =
          new SlotLedger(schedule, hostDepth, deviceDepth, ordered, zeroCopy, new TraceRecorder(4));
      hostMemory = new Content[hostDepth];
      deviceMemory = zeroCopy ? hostMemory : new Content[deviceDepth];
    }

    void step() {
      now++;
      switch (random.nextInt(16)) {
        case 0, 1, 2 -> claim(random.nextInt(workers));
        case 3, 4 -> endFill(true);
        case 5 -> endFill(random.nextInt(3) > 0);
        case 6, 7, 8 -> startCopy();
        case 9, 10 -> completeCopy();
        case 11 -> arrive();
        case 12, 13 -> take();
        case 14 -> release();
        default -> rare();
      }
    }

    private void rare() {
      switch (random.nextInt(9)) {
        case 0 -> reset();
        case 1, 2, 3 -> completeReturn();
        case 4 -> failStage();
        default -> release();
      }
    }

    private void claim(int worker) {
      if (filling.containsKey(worker)) {
        return;
      }
      HostSlot slot = ledger.host.claim(worker, now);
      if (slot == null) {
        assertNull(
            ledger.host.claim(worker, now),
            "I5: whoever is told to wait is not woken for that one");
        return;
      }
      log("worker", worker, "claims host", slot.number, "for", slot.sequence);
      assertFalse(filling.containsValue(slot), "two workers in one slot");
      assertFalse(told.contains(slot.sequence), "I3: a number that was told is made again");
      // I1: the target overwrites the slot at once; a copy that has yet to read it would read this.
      hostMemory[slot.number] =
          new Content(slot.sequence, slot.epoch, slot.index, generation, ++fills);
      filling.put(worker, slot);
    }

    private void endFill(boolean succeeds) {
      if (filling.isEmpty()) {
        return;
      }
      Integer worker = pick(new ArrayList<>(filling.keySet()));
      HostSlot slot = Objects.requireNonNull(filling.remove(worker));
      Content content = hostMemory[slot.number];
      log("worker", worker, succeeds ? "publishes" : "fails", slot.sequence);
      boolean current = content.generation == generation;
      Place place = new Place(slot.epoch, slot.index);
      boolean wanted;
      if (withEnds && slot.index >= length(slot.epoch)) {
        if (current) {
          assertNull(schedule.returned(slot, true), "it is true that there is no more");
        }
        wanted = ledger.host.markEmpty(slot, now);
      } else if (succeeds) {
        if (current) {
          assertNull(schedule.returned(slot, false), "it is true that there is a batch");
        }
        wanted = ledger.host.publish(slot, now);
      } else if (random.nextInt(4) == 0) {
        wanted = ledger.host.markEmpty(slot, now);
        if (wanted) {
          skipped.put(place, slot.sequence);
        }
      } else {
        failures.put(content, "failure of fill " + content.fill);
        wanted = ledger.host.fail(slot, new IllegalStateException(failures.get(content)), now);
      }
      assertEquals(current, wanted, "I4: stale results only are dropped");
    }

    private void startCopy() {
      DeviceSlot to = ledger.startCopy(now);
      if (to == null) {
        assertNull(ledger.startCopy(now), "I5: whoever is told to wait is not woken for that one");
        return;
      }
      log("copy of", to.sequence, "from host", to.source().number, "to device", to.number);
      assertFalse(leases.containsKey(to), "I2: a leased slot is written");
      assertFalse(returning.containsKey(to), "I2: a slot the consumer still reads is written");
      assertFalse(copies.contains(to), "two copies into one slot");
      assertFalse(
          arrived.contains(to), "a copy into a slot whose last one is not known to be over");
      if (!zeroCopy) {
        copies.add(to);
        if (random.nextInt(12) == 0) {
          failStage(to); // the copier queues the stages before it says that the copy is queued
        }
        if (random.nextBoolean()) {
          ledger.device.queued(to);
        }
      }
    }

    /** Any time while the copy is not known to be over, whoever has the slot by then. */
    private void failStage() {
      List<DeviceSlot> underCopy = new ArrayList<>(copies);
      underCopy.addAll(arrived);
      if (!underCopy.isEmpty()) {
        failStage(pick(underCopy));
      }
    }

    /** Told only if nobody has taken the batch, and it is wanted. */
    private void failStage(DeviceSlot slot) {
      log("a stage of", slot.sequence, "fails on device", slot.number);
      String message = "failed stage " + ++fills;
      if (!takenEarly.contains(slot) && slot.generation == generation) {
        Content content = content(slot);
        refused.put(slot, content);
        failures.put(content, message);
      }
      ledger.device.stageFailed(slot, new IllegalStateException(message));
    }

    /** The copy reads its source now, at the last moment before the host sees it complete. */
    private void completeCopy() {
      DeviceSlot slot = copies.poll();
      if (slot == null) {
        return;
      }
      ledger.device.queued(slot);
      Content read = hostMemory[slot.source().number];
      log("copy of", slot.sequence, "has run");
      assertEquals(slot.sequence, read.sequence, "I1: the host slot was reused under its copy");
      assertEquals(slot.generation, read.generation, "I1: the host slot was reused under its copy");
      deviceMemory[slot.number] = read;
      arrived.add(slot);
      ledger.host.copied(slot.source(), now);
    }

    private void arrive() {
      DeviceSlot slot = arrived.poll();
      if (slot != null) {
        log(slot.sequence, "is ready on device", slot.number);
        boolean wanted = ledger.device.ready(slot, now);
        if (takenEarly.remove(slot)) {
          assertFalse(wanted, "it has a consumer, or had one");
        } else {
          assertEquals(slot.generation == generation, wanted, "I4: stale copies only are dropped");
        }
      }
    }

    /** True if something was told. */
    private boolean take() {
      ledger.freeEmpty(now);
      long sequence = ledger.order.lowestOpen();
      Failure failure = ledger.takeFailure(now);
      if (failure != null) {
        log("told of the failure of", failure.index());
        tell(new Place(failure.epoch(), failure.index()));
        String message = message(failure.cause());
        assertTrue(
            failures.entrySet().stream()
                .anyMatch(
                    entry ->
                        entry.getValue().equals(message)
                            && entry.getKey().index == failure.index()
                            && entry.getKey().epoch == failure.epoch()
                            && entry.getKey().generation == generation),
            "I4: the failure is of another index or generation");
        refused.forEach(
            (slot, content) ->
                assertTrue(
                    !message.equals(failures.get(content)) || !isUnderCopy(slot),
                    "a batch is told as refused before its copy has ended"));
        refused.values().removeIf(content -> message.equals(failures.get(content)));
        return true;
      }
      boolean early = random.nextInt(3) == 0;
      if (random.nextInt(6) == 0) {
        refuse(early);
      }
      DeviceSlot slot = ledger.device.nextBatch(early);
      if (slot == null) {
        return false;
      }
      for (DeviceSlot other : ledger.device.slots) {
        boolean waits = other.state == DeviceSlot.State.READY && other.failure == null;
        assertFalse(
            waits && !ordered && other.order < slot.order,
            "a batch that was filled earlier, and is ready, has to wait");
      }
      ledger.take(slot, Thread.currentThread(), now);
      assertFalse(refused.containsKey(slot), "a refused batch is delivered");
      boolean underCopy = isUnderCopy(slot);
      assertTrue(early || !underCopy, "a batch is delivered before its copy has ended");
      if (underCopy) {
        takenEarly.add(slot);
        assertTrue(slot.copyQueued, "a stream cannot wait for a copy that is not queued");
      }
      log(slot.sequence, "is taken from device", slot.number);
      assertTrue(told.add(slot.sequence), "I3: told twice");
      assertTrue(!ordered || slot.sequence == sequence, "I3: out of order");
      tell(new Place(slot.epoch, slot.index));
      Content content = content(slot);
      assertEquals(slot.sequence, content.sequence, "I4: another index");
      assertEquals(generation, content.generation, "I4: another generation");
      assertNull(leases.put(slot, content), "a slot is leased twice");
      return true;
    }

    private boolean isUnderCopy(DeviceSlot slot) {
      return copies.contains(slot) || arrived.contains(slot);
    }

    /** What a batch brings: a copy that has yet to run will bring what its source holds. */
    private Content content(DeviceSlot slot) {
      return copies.contains(slot) ? hostMemory[slot.source().number] : deviceMemory[slot.number];
    }

    /** The next batch has more bad samples than are allowed. */
    private void refuse(boolean early) {
      DeviceSlot slot = ledger.device.nextBatch(early);
      if (slot == null) {
        return;
      }
      log(slot.sequence, "is refused on device", slot.number);
      Content content = content(slot);
      assertNull(refused.put(slot, content), "a batch is refused twice");
      failures.put(content, "refused: fill " + content.fill);
      ledger.device.refuse(slot, new IllegalStateException(failures.get(content)));
      if (ordered) {
        assertNull(ledger.device.nextBatch(true), "I3: a batch behind a refused one is next");
      }
    }

    private void tell(Place place) {
      assertTrue(toldPlaces.add(place), "I3: told twice");
      assertTrue(!withEnds || place.index < length(place.epoch), "told behind the end");
      if (ordered) {
        while (skipped.containsKey(expected)
            || (withEnds && expected.index >= length(expected.epoch))) {
          expected =
              withEnds && expected.index >= length(expected.epoch)
                  ? new Place(expected.epoch + 1, 0)
                  : new Place(expected.epoch, expected.index + 1);
        }
        assertEquals(expected, place, "I3: out of order, or left out");
        expected = new Place(place.epoch, place.index + 1);
      }
    }

    /** How many batches an epoch has: some have none. */
    private static int length(int epoch) {
      return (epoch * 7 + 3) % 11;
    }

    private void release() {
      if (leases.isEmpty()) {
        return;
      }
      DeviceSlot slot = pick(new ArrayList<>(leases.keySet()));
      log("device", slot.number, "is given back");
      Content content = leases.remove(slot);
      if (!copies.contains(slot)) {
        assertEquals(content, deviceMemory[slot.number], "I2: a leased batch was overwritten");
      }
      assertTrue(slot.closeLease(slot.lease()), "a lease is closed twice");
      ledger.device.release(slot, now);
      assertEquals(zeroCopy || isUnderCopy(slot), slot.state == DeviceSlot.State.RETURNING);
      if (zeroCopy) {
        returning.put(slot, content);
      }
    }

    /** A mapped slot: the consumer's kernels read the batch as late as this. */
    private void completeReturn() {
      if (returning.isEmpty()) {
        return;
      }
      DeviceSlot slot = pick(new ArrayList<>(returning.keySet()));
      assertEquals(
          returning.remove(slot), deviceMemory[slot.number], "I1: written before it was read");
      ledger.device.returned(slot, now);
    }

    private void reset() {
      log("reset");
      skipped.values().removeIf(sequence -> sequence >= ledger.order.lowestOpen());
      ledger.reset(now);
      generation++;
      refused.clear();
    }

    void checkShape() {
      long inHands =
          ledger.host.slots.stream().filter(slot -> slot.state == HostSlot.State.FILLING).count();
      assertEquals(filling.size(), inHands, "slots being filled");
      long leased =
          ledger.device.slots.stream().filter(s -> s.state == DeviceSlot.State.LEASED).count();
      assertEquals(leases.size(), leased, "slots leased");
      assertEquals(leases.size(), ledger.device.heldBy(Thread.currentThread()));
      leases.forEach(
          (slot, content) ->
              assertTrue(
                  copies.contains(slot) || content.equals(deviceMemory[slot.number]),
                  "I2: a leased batch was overwritten"));
      assertSame(nextFailed(), ledger.device.nextFailed(Long.MAX_VALUE), "the failure to be told");
      if (ordered && !withEnds) {
        for (HostSlot slot : ledger.host.slots) {
          if (slot.state == HostSlot.State.FILLING && slot.generation == generation) {
            long ahead = slot.sequence - ledger.order.lowestOpen();
            assertTrue(ahead < hostDepth + deviceDepth, "a worker runs " + ahead + " ahead");
          }
        }
      }
    }

    /**
     * The slot whose failure is to be told next, as the model has it. The ring counts its failures
     * and does not search where there are none: a count that is too low hides a failure. One that
     * is too high costs a search in vain, which nothing here can see.
     */
    private @Nullable DeviceSlot nextFailed() {
      return refused.keySet().stream()
          .filter(slot -> !isUnderCopy(slot))
          .filter(slot -> !ordered || slot.sequence == ledger.order.lowestOpen())
          .min(Comparator.comparingLong(slot -> slot.order))
          .orElse(null);
    }

    /** Whatever has happened, nothing is lost: the machine can still deliver (I5). */
    void settleAndDeliverMore() {
      int delivered = 0;
      for (int round = 0; delivered < 3 * (hostDepth + deviceDepth); round++) {
        if (round > 10_000) {
          fail("no progress after " + delivered + " batches");
        }
        now++;
        for (int worker = 0; worker < workers; worker++) {
          claim(worker);
        }
        while (!filling.isEmpty()) {
          endFill(true);
        }
        startCopy();
        completeCopy();
        arrive();
        while (take()) {
          delivered++;
        }
        while (!leases.isEmpty()) {
          release();
        }
        while (!returning.isEmpty()) {
          completeReturn();
        }
      }
    }

    void stop() {
      claim(0);
      startCopy();
      ledger.stop(now);
      generation++; // whatever comes back now is unwanted
      assertNull(ledger.host.claim(99, now), "a stopped ledger gives no slot");
      assertNull(ledger.startCopy(now), "a stopped ledger copies nothing");
      assertNull(ledger.device.nextBatch(false), "a stopped ledger delivers nothing");
      assertNull(ledger.device.nextBatch(true), "nor anything early");
      while (!filling.isEmpty()) {
        endFill(random.nextBoolean());
      }
      while (!copies.isEmpty()) {
        completeCopy();
      }
      while (!arrived.isEmpty()) {
        arrive();
      }
      for (HostSlot slot : ledger.host.slots) {
        assertSame(HostSlot.State.FREE, slot.state, "host slot " + slot.number);
        assertNull(slot.failure, "a failure is kept");
      }
      for (DeviceSlot slot : ledger.device.slots) {
        assertSame(DeviceSlot.State.FREE, slot.state, "device slot " + slot.number);
        assertNull(slot.holder(), "a holder is kept");
        assertNull(slot.failure, "a failure is kept");
      }
    }

    private <T> T pick(List<T> choices) {
      return choices.get(random.nextInt(choices.size()));
    }

    private void log(Object... words) {
      steps.add(now + ": " + Arrays.stream(words).map(String::valueOf).collect(joining(" ")));
      if (steps.size() > 60) {
        steps.remove();
      }
    }

    String lastSteps() {
      return String.join("\n", steps);
    }

    @Override
    public String toString() {
      return (ordered ? "ordered" : "unordered")
          + (withEnds ? " with ends" : "")
          + (zeroCopy ? ", zero-copy, " : ", ")
          + workers
          + " workers, "
          + hostDepth
          + " host slots, "
          + deviceDepth
          + " device slots";
    }
  }
}
