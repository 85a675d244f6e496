package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.CopyWatch.Way;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.testkit.Caller;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A watcher on a clock of the test's: what it sees, how soon, and at what cost. */
class CopyWatchTest {

  private static final long ASK_NANOS = 500;

  /** What a machine adds to each park. */
  private static final long LATE_NANOS = 95_000;

  /** Soon: the watcher asks for twice that at most. */
  private static final long SOON_NANOS = CopyWatch.AWAKE_NANOS / 2;

  private long now = 1_000_000;
  private long awakeNanos;
  private Runnable whileParked = () -> {};

  private final Time time =
      new Time() {
        @Override
        public long now() {
          return now;
        }

        @Override
        public void park(Object blocker, long nanos) {
          now += nanos + LATE_NANOS;
          whileParked.run();
        }

        @Override
        public void await(Object lock, long nanos) {
          throw new AssertionError("the watch does not hold the lock");
        }
      };

  private final CopyWatch watch = new CopyWatch(Way.CONSUMER, time);

  /** Behind one copy. */
  private class Copy implements DeviceEvent {
    private final DeviceSlot slot = new DeviceSlot(0);
    private final long end;

    Copy(long begin, long end) {
      slot.copySinceNanos = begin;
      this.end = end;
    }

    @Override
    public boolean isComplete() {
      now += ASK_NANOS;
      awakeNanos += ASK_NANOS;
      return now >= end;
    }

    @Override
    public void park(long maxNanos) {
      throw new AssertionError("the watch parks by itself");
    }

    @Override
    public void synchronize() {
      throw new AssertionError("the watch does not block");
    }

    @Override
    public void close() {}

    /** Lets a watcher see the end; returns how late it did. */
    long watched() {
      assertTrue(watch.begin(Way.CONSUMER, slot, this));
      boolean seen = watch.look(Long.MAX_VALUE);
      if (seen) {
        watch.copied(slot, now);
      }
      watch.ended();
      if (!seen) { // then the copy thread does, some time later
        now = Math.max(now, end) + 200_000;
        watch.copied(slot, now);
      }
      return now - end;
    }

    /** Without anybody watching. */
    void seenAt(long when) {
      now = when;
      watch.copied(slot, now);
    }
  }

  /** A copy, each begins behind the one before. */
  private long[] delays(int count, Random random, long micros, double jitter) {
    new Copy(now, now + 1_000 * micros).seenAt(now + 1_000 * micros + 118_000);
    long end = now - 118_000;
    long[] delays = new long[count];
    awakeNanos = 0;
    for (int i = 0; i < count; i++) {
      long took = (long) (1_000 * micros * (1 + jitter * (random.nextDouble() - 0.5)));
      long began = Math.max(end, now); // queued at once, if the stream had run dry
      end = began + took;
      delays[i] = new Copy(now, end).watched();
    }
    Arrays.sort(delays);
    return delays;
  }

  @ParameterizedTest(name = "copies of {0} us")
  @ValueSource(longs = {20, 50, 80, 120, 200, 500, 2_000, 20_000})
  @DisplayName("the end of a copy is seen soon in most cases, for as much asking as is allowed")
  void seesTheEndSoon(long micros) {
    int count = 1_000;
    long[] delays = delays(count, new Random(micros), micros, Math.min(0.02, 40.0 / micros));
    boolean isTooShortToPark =
        1_000 * micros > CopyWatch.AWAKE_NANOS && 1_000 * micros < 2 * LATE_NANOS;
    long most = isTooShortToPark ? 2 * SOON_NANOS : SOON_NANOS;
    assertTrue(delays[count / 2] <= most, "median delay: " + delays[count / 2] + " ns");
    assertTrue(
        awakeNanos / count <= CopyWatch.AWAKE_NANOS,
        "asking: " + awakeNanos / count + " ns a batch");
  }

  @Test
  @DisplayName("copies that become longer, or shorter, are learned")
  void learns() {
    for (long micros : new long[] {200, 900, 150, 4_000, 250}) {
      long[] delays = delays(200, new Random(micros), micros, 0.02);
      assertTrue(delays[100] <= SOON_NANOS, micros + " us: median delay " + delays[100] + " ns");
    }
  }

  @Test
  @DisplayName("news ends the look, before the copy does")
  void newsEndTheLook() {
    new Copy(now, now + 500_000).seenAt(now + 500_000);
    Copy copy = new Copy(now, now + 500_000);
    assertTrue(watch.begin(Way.CONSUMER, copy.slot, copy));
    whileParked =
        () -> {
          signalFromAnotherThread();
          whileParked = () -> {};
        };
    assertFalse(watch.look(Long.MAX_VALUE));
    assertTrue(now < copy.end + LATE_NANOS);
    watch.ended();
  }

  private void signalFromAnotherThread() {
    try {
      Caller.run(watch::signal).result();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  @DisplayName("the watcher's own news does not wake it")
  void ownNews() {
    new Copy(now, now + 500_000).seenAt(now + 500_000);
    Copy copy = new Copy(now, now + 500_000);
    assertTrue(watch.begin(Way.CONSUMER, copy.slot, copy));
    watch.signal();
    assertTrue(watch.look(Long.MAX_VALUE));
  }

  @Test
  @DisplayName("an interrupted thread does not look on, and stays interrupted")
  void interrupted() {
    new Copy(now, now + 500_000).seenAt(now + 500_000);
    Copy copy = new Copy(now, now + 500_000);
    assertTrue(watch.begin(Way.CONSUMER, copy.slot, copy));
    Thread.currentThread().interrupt();
    assertFalse(watch.look(Long.MAX_VALUE));
    assertTrue(Thread.interrupted());
  }

  @Test
  @DisplayName(
      "a copy that does not end is given up after about a millisecond, and not watched again")
  void givesUp() {
    new Copy(now, now + 50_000).seenAt(now + 50_000);
    Copy endless = new Copy(now, Long.MAX_VALUE);
    long began = now;
    awakeNanos = 0;
    assertTrue(watch.begin(Way.CONSUMER, endless.slot, endless));
    assertFalse(watch.look(Long.MAX_VALUE));
    watch.ended();
    assertTrue(awakeNanos < 2 * CopyWatch.AWAKE_NANOS, "asking: " + awakeNanos + " ns");
    assertTrue(now - began < 1_500_000, (now - began) + " ns");
    assertFalse(watch.begin(Way.CONSUMER, endless.slot, endless));
    Copy next = new Copy(now, now + 50_000);
    assertTrue(watch.begin(Way.CONSUMER, next.slot, next));
  }

  @Test
  @DisplayName("the look keeps the caller's deadline, to one late park")
  void deadline() {
    new Copy(now, now + 5_000_000).seenAt(now + 5_000_000);
    Copy copy = new Copy(now, now + 5_000_000);
    long began = now;
    assertTrue(watch.begin(Way.CONSUMER, copy.slot, copy));
    assertFalse(watch.look(300_000));
    assertTrue(now - began <= 300_000 + 2 * LATE_NANOS + CopyWatch.AWAKE_NANOS, (now - began) + "");
  }

  @Test
  @DisplayName("what the device throws ends the look")
  void failure() {
    new Copy(now, now + 500_000).seenAt(now + 500_000);
    Copy copy =
        new Copy(now, Long.MAX_VALUE) {
          @Override
          public boolean isComplete() {
            throw new DeviceException("no answer");
          }
        };
    assertTrue(watch.begin(Way.CONSUMER, copy.slot, copy));
    assertThrows(DeviceException.class, () -> watch.look(Long.MAX_VALUE));
  }

  @Test
  @DisplayName(
      "nobody watches before a copy was seen to end, or while another does, or in another's way")
  void whoWatches() {
    Copy first = new Copy(now, now + 50_000);
    assertFalse(watch.begin(Way.CONSUMER, first.slot, first));
    first.seenAt(first.end);
    Copy second = new Copy(now, now + 50_000);
    assertFalse(watch.begin(Way.COPY_THREAD, second.slot, second));
    assertTrue(watch.begin(Way.CONSUMER, second.slot, second));
    assertFalse(watch.begin(Way.CONSUMER, second.slot, second));
    assertTrue(watch.isUnderWay());
    watch.ended();
    assertFalse(watch.isUnderWay());
    assertEquals(Way.CONSUMER, Way.ofProperty());
  }
}
