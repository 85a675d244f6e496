package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A loop over one epoch ends where the epoch does, and takes nothing of the next one. */
@OnEveryDevice
class EpochLoopTest {

  private final Device device = TestDevice.open();

  @AfterEach
  void untilGivenBack() {
    until("everything to be given back", () -> TestDevice.nothingLive(device));
  }

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target).name("epochs");
  }

  /** The batches of a loop over one epoch, as epoch.index. */
  private static List<String> epoch(BackgroundLoader loader) {
    List<String> names = new ArrayList<>();
    for (DeviceBatch batch : loader.epoch()) {
      assertEquals(batch.index(), Numbered.number(batch));
      names.add(batch.epoch() + "." + batch.index());
    }
    return names;
  }

  @ParameterizedTest(name = "{0} workers")
  @ValueSource(ints = {1, 4})
  @DisplayName("one epoch after the other, and nothing of the next is delivered; then nothing")
  void oneByOne(int workers) {
    try (BackgroundLoader loader =
        loader(Numbered::fill).workers(workers).batchesPerEpoch(3).epochs(3).start()) {
      assertEquals(List.of("0.0", "0.1", "0.2"), epoch(loader));
      assertEquals(3, loader.stats().batches());
      assertEquals(List.of("1.0", "1.1", "1.2"), epoch(loader));
      loader.reset();
      assertEquals(List.of("2.0", "2.1", "2.2"), epoch(loader));
      assertEquals(9, loader.stats().batches());
      assertEquals(List.of(), epoch(loader));
      assertEquals(List.of(), epoch(loader));
    }
  }

  @ParameterizedTest(name = "{0} workers")
  @ValueSource(ints = {1, 4})
  @DisplayName("epochs whose end only the target knows, also one without a batch")
  void ofUnknownLength(int workers) {
    int[] lengths = {2, 0, 5, 1};
    BatchTarget target =
        (out, context) -> {
          if (context.index() >= lengths[context.epoch()]) {
            context.endOfEpoch();
          } else {
            Numbered.fill(out, context);
          }
        };
    try (BackgroundLoader loader = loader(target).workers(workers).epochs(4).start()) {
      assertEquals(List.of("0.0", "0.1"), epoch(loader));
      assertEquals(List.of(), epoch(loader));
      assertEquals(List.of("2.0", "2.1", "2.2", "2.3", "2.4"), epoch(loader));
      assertEquals(List.of("3.0"), epoch(loader));
      assertEquals(List.of(), epoch(loader));
    }
  }

  @Test
  @DisplayName(
      "a loop that was left, a get and a resumed loader: the rest of that epoch comes next")
  void continues() throws Exception {
    Position position = null;
    BackgroundLoader.Builder builder = loader(Numbered::fill).batchesPerEpoch(4).epochs(2);
    try (BackgroundLoader loader = builder.start()) {
      for (DeviceBatch batch : loader.epoch()) {
        batch.close();
        break;
      }
      try (DeviceBatch batch = loader.get(patience())) {
        assertEquals(1, batch.index());
        position = batch.position();
      }
      assertEquals(List.of("0.2", "0.3"), epoch(loader));
      assertEquals(List.of("1.0", "1.1", "1.2", "1.3"), epoch(loader));
    }
    try (BackgroundLoader loader = builder.startAt(position).start()) {
      Iterable<DeviceBatch> epoch = loader.epoch();
      epoch.forEach(batch -> assertEquals(0, batch.epoch()));
      epoch.forEach(batch -> assertEquals(1, batch.epoch())); // each iterator looks anew
      assertFalse(epoch.iterator().hasNext());
    }
  }

  @Test
  @DisplayName("a shard ends its epochs where it has no more of them")
  void shard() {
    try (BackgroundLoader loader =
        loader(Numbered::fill).batchesPerEpoch(5).shard(1, 2).epochs(2).start()) {
      assertEquals(List.of("0.1", "0.3"), epoch(loader));
      assertEquals(List.of("1.1", "1.3"), epoch(loader));
    }
  }

  @Test
  @DisplayName("I3: a failure is told in the loop of its epoch, first and last batches too")
  void failures() {
    BatchTarget target =
        (out, context) -> {
          if (context.index() == (context.epoch() == 0 ? 2 : 0)) {
            throw new IOException("epoch " + context.epoch());
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).batchesPerEpoch(3).epochs(2).start()) {
      Iterator<DeviceBatch> first = loader.epoch().iterator();
      first.next();
      first.next();
      assertEquals(0, assertThrows(TargetException.class, first::hasNext).epoch());
      assertFalse(first.hasNext());
      Iterator<DeviceBatch> second = loader.epoch().iterator();
      assertEquals(1, assertThrows(TargetException.class, second::hasNext).epoch());
      assertEquals(1, second.next().index());
      assertEquals(2, second.next().index());
      assertFalse(second.hasNext());
    }
    List<String> skipped = new ArrayList<>(); // the consumer's
    FailurePolicy policy = FailurePolicy.skip(9, (e, i, cause) -> skipped.add(e + "." + i));
    try (BackgroundLoader loader =
        loader(target).onFailure(policy).batchesPerEpoch(3).epochs(2).start()) {
      assertEquals(List.of("0.0", "0.1"), epoch(loader));
      assertEquals(List.of("0.2"), skipped);
      assertEquals(List.of("1.1", "1.2"), epoch(loader));
      assertEquals(List.of("0.2", "1.0"), skipped);
    }
  }

  @Test
  @DisplayName("I5: who shares a loop and waits learns that another has taken the epoch's last")
  void sharedEnd() throws Exception {
    CountDownLatch last = new CountDownLatch(1);
    CountDownLatch later = new CountDownLatch(1);
    CountDownLatch taken = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          await(context.epoch() == 0 ? last : later);
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).batchesPerEpoch(1).start()) {
      Iterator<DeviceBatch> shared = loader.epoch().iterator();
      List<Caller<Boolean>> callers = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        callers.add(
            Caller.start(
                () -> {
                  boolean got = shared.hasNext();
                  if (got) {
                    await(taken); // holds it while the other one learns of the end
                    shared.next().close();
                  }
                  return got;
                }));
      }
      until("both to wait", () -> callers.stream().allMatch(c -> Threads.isWaiting(c.thread)));
      last.countDown();
      until("one to be told of the end", () -> callers.stream().anyMatch(c -> !c.thread.isAlive()));
      taken.countDown();
      assertTrue(callers.get(0).result() ^ callers.get(1).result(), "one batch, one end");
      later.countDown();
    }
  }

  @Test
  @DisplayName("bad input: refused for a loader without order, and thrown for one that is closed")
  void refused() {
    try (BackgroundLoader loader = loader(Numbered::fill).ordered(false).start()) {
      assertSays(
          assertThrows(IllegalStateException.class, loader::epoch),
          "epochs delivers unordered",
          "leave ordered(false) out");
    }
    BackgroundLoader closed = loader(Numbered::fill).start();
    closed.close();
    assertThrows(LoaderClosedException.class, () -> closed.epoch().iterator());
  }
}
