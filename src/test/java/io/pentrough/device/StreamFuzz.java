package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.TestDevice.Gate;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A random program over several streams, checked against a model that runs each operation the
 * moment it is queued.
 *
 * <p>The model can only be right if no two operations race. So the program keeps vector clocks: for
 * each stream, and for the host, how many operations of each stream are known to be over before
 * whatever comes next. Where an operation would touch memory that another stream may still be at,
 * the program first records an event there and waits for it here; a device that does not honour the
 * wait gets different bytes. Gates hold streams up at random, so that waits do have to wait, and as
 * long as one is closed no event behind it may say that it is complete.
 *
 * <p>Not thread safe, but several programs, each on its own thread and memory, may share streams.
 */
final class StreamFuzz {

  private static final int REGIONS = 4;
  private static final int BYTES = 48;

  /** Memory, what the model holds there, and who was there last. */
  private final class Region {
    final byte[] model = new byte[BYTES];
    final int[] lastRead = new int[streams.length];
    final int[] lastWrite = new int[streams.length];
  }

  private static final class Mark {
    final DeviceEvent event;
    int @Nullable [] clock;

    Mark(DeviceEvent event) {
      this.event = event;
    }
  }

  private record Closed(Gate gate, int stream, int number) {}

  private final DeviceContract contract;
  private final DeviceStream[] streams;
  private final long seed;
  private final Random random;
  private final List<PinnedBuffer> pinned = new ArrayList<>();
  private final List<Region> pinnedRegions = new ArrayList<>();
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final List<Region> bufferRegions = new ArrayList<>();
  private final List<Mark> marks = new ArrayList<>();
  private final List<Closed> closedGates = new ArrayList<>();

  /** clocks[s][t]: so many operations of stream t are over when the next one of s begins. */
  private final int[][] clocks;

  /** The same for the host's next step. */
  private final int[] hostClock;

  /** {@code -Dpentrough.seed=...} repeats a program (but not how its streams interleave). */
  static long printedSeed() {
    long seed = Long.getLong("pentrough.seed", System.nanoTime());
    System.out.println("StreamFuzz from -Dpentrough.seed=" + seed);
    return seed;
  }

  /** Allocates on the calling thread; run() may be called on another. */
  StreamFuzz(DeviceContract contract, DeviceStream[] streams, long seed) {
    this.contract = contract;
    this.streams = streams;
    this.seed = seed;
    this.random = new Random(seed);
    this.clocks = new int[streams.length][streams.length];
    this.hostClock = new int[streams.length];
    DeviceBuffer all = contract.buffer((long) REGIONS * BYTES);
    for (int i = 0; i < REGIONS; i++) {
      pinned.add(contract.pinned(new int[BYTES]));
      pinnedRegions.add(new Region());
      buffers.add(all.slice((long) i * BYTES, BYTES, () -> {}));
      bufferRegions.add(new Region());
      marks.add(new Mark(contract.event()));
      streams[0].copyToDevice(pinned.get(i), 0, buffers.get(i), 0, BYTES);
    }
    streams[0].synchronize();
  }

  void run(int steps) {
    try {
      for (int i = 0; i < steps; i++) {
        step();
      }
      openGates();
      for (int i = 0; i < REGIONS; i++) {
        read(i);
        lookAtPinned(i);
      }
    } catch (RuntimeException | AssertionError e) {
      throw new AssertionError("the program of -Dpentrough.seed=" + seed, e);
    } finally {
      openGates();
    }
  }

  private void step() {
    int i = random.nextInt(REGIONS);
    int stream = random.nextInt(streams.length);
    switch (random.nextInt(16)) {
      case 0, 1, 2 -> copyToDevice(stream, i, random.nextInt(REGIONS));
      case 3, 4, 5 -> copyToHost(stream, random.nextInt(REGIONS), i);
      case 6, 7 -> increment(stream, i);
      case 8 -> record(stream, marks.get(i));
      case 9, 10 -> waitFor(stream, marks.get(i));
      case 11, 12 -> ask(marks.get(i));
      case 13 -> closeGate(stream);
      case 14 -> {
        switch (random.nextInt(4)) {
          case 0 -> read(i);
          case 1 -> lookAtPinned(i);
          default -> writePinned(i);
        }
      }
      default -> openGates();
    }
  }

  private void copyToDevice(int stream, int from, int to) {
    int count = random.nextInt(BYTES + 1);
    int source = random.nextInt(BYTES - count + 1);
    int target = random.nextInt(BYTES - count + 1);
    touch(stream, pinnedRegions.get(from), bufferRegions.get(to));
    streams[stream].copyToDevice(pinned.get(from), source, buffers.get(to), target, count);
    System.arraycopy(
        pinnedRegions.get(from).model, source, bufferRegions.get(to).model, target, count);
  }

  private void copyToHost(int stream, int from, int to) {
    int count = random.nextInt(BYTES + 1);
    int source = random.nextInt(BYTES - count + 1);
    int target = random.nextInt(BYTES - count + 1);
    touch(stream, bufferRegions.get(from), pinnedRegions.get(to));
    streams[stream].copyToHost(buffers.get(from), source, pinned.get(to), target, count);
    System.arraycopy(
        bufferRegions.get(from).model, source, pinnedRegions.get(to).model, target, count);
  }

  private void increment(int stream, int i) {
    Region region = bufferRegions.get(i);
    touch(stream, region, region);
    contract.increment(streams[stream], buffers.get(i));
    for (int at = 0; at < BYTES; at++) {
      region.model[at]++;
    }
  }

  private void read(int i) {
    openGates();
    int stream = random.nextInt(streams.length);
    touch(stream, bufferRegions.get(i), null);
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    streams[stream].read(buffers.get(i), bytes);
    merge(hostClock, clocks[stream]);
    assertArrayEquals(bufferRegions.get(i).model, bytes.array());
  }

  private void lookAtPinned(int i) {
    Region region = pinnedRegions.get(i);
    for (int t = 0; t < streams.length; t++) {
      if (region.lastWrite[t] > hostClock[t]) {
        synchronize(t);
      }
    }
    assertArrayEquals(region.model, DeviceContract.content(pinned.get(i)));
  }

  private void writePinned(int i) {
    Region region = pinnedRegions.get(i);
    for (int t = 0; t < streams.length; t++) {
      if (Math.max(region.lastWrite[t], region.lastRead[t]) > hostClock[t]) {
        synchronize(t);
      }
    }
    random.nextBytes(region.model);
    pinned.get(i).unsafeBuffer().put(region.model);
  }

  private void closeGate(int stream) {
    int number = ++clocks[stream][stream];
    closedGates.add(new Closed(contract.hold(streams[stream]), stream, number));
  }

  private void openGates() {
    closedGates.forEach(closed -> closed.gate().open());
    closedGates.clear();
  }

  private void record(int stream, Mark mark) {
    streams[stream].record(mark.event);
    mark.clock = clocks[stream].clone();
  }

  private void waitFor(int stream, Mark mark) {
    streams[stream].waitFor(mark.event);
    if (mark.clock != null) {
      merge(clocks[stream], mark.clock);
    }
  }

  private void ask(Mark mark) {
    int[] clock = mark.clock;
    if (clock == null) {
      assertThrows(IllegalStateException.class, mark.event::isComplete);
    } else if (closedGates.stream().anyMatch(c -> clock[c.stream()] >= c.number())) {
      assertFalse(mark.event.isComplete(), "complete behind a closed gate");
    } else if (mark.event.isComplete()) {
      merge(hostClock, clock);
    }
  }

  /** The host waits for all of a stream, in one of three ways. */
  private void synchronize(int stream) {
    openGates();
    switch (random.nextInt(3)) {
      case 0 -> streams[stream].synchronize();
      case 1 -> {
        Mark mark = anyMark();
        record(stream, mark);
        mark.event.synchronize();
      }
      default -> {
        Mark mark = anyMark();
        record(stream, mark);
        while (!mark.event.isComplete()) {
          // Not for long: where only calls carry the device on, each park is longer than the last.
          mark.event.park(100_000);
        }
      }
    }
    merge(hostClock, clocks[stream]);
  }

  /** Makes the stream's next operation race with none; nothing may be queued in between. */
  private void touch(int stream, Region read, @Nullable Region written) {
    for (int t = 0; t < streams.length; t++) {
      int last = read.lastWrite[t];
      if (written != null) {
        last = Math.max(last, Math.max(written.lastWrite[t], written.lastRead[t]));
      }
      orderBehind(stream, t, last);
    }
    int number = ++clocks[stream][stream];
    read.lastRead[stream] = number;
    if (written != null) {
      written.lastWrite[stream] = number;
    }
  }

  private void orderBehind(int stream, int other, int number) {
    if (clocks[stream][other] < number) {
      Mark mark = anyMark();
      record(other, mark);
      waitFor(stream, mark);
      if (random.nextBoolean()) {
        record(random.nextInt(streams.length), mark); // must not matter to who waits already
      }
    }
  }

  private Mark anyMark() {
    return marks.get(random.nextInt(marks.size()));
  }

  private static void merge(int[] clock, int[] other) {
    for (int i = 0; i < clock.length; i++) {
      clock[i] = Math.max(clock[i], other[i]);
    }
  }
}
