package io.pentrough.benchmarks;

import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** The textbook: as {@link ReuseLoader}, and a thread that copies into a second ring. */
final class ReuseCopyLoader implements Loader {

  private final ExecutorService threads;
  private final BlockingQueue<BufferOutput> free;
  private final BlockingQueue<BufferOutput> filled;
  private final BlockingQueue<BufferOutput> freeOnDevice;
  private final BlockingQueue<BufferOutput> ready;
  private final boolean holds;
  private @Nullable BufferOutput held;

  ReuseCopyLoader(Setup setup) {
    Workload workload = setup.workload();
    int workers = setup.workers();
    holds = setup.holds();
    threads = Executors.newFixedThreadPool(workers + 1);
    int slots = setup.hostSlots();
    free = new ArrayBlockingQueue<>(slots);
    filled = new ArrayBlockingQueue<>(slots);
    freeOnDevice = new ArrayBlockingQueue<>(setup.deviceSlots());
    ready = new ArrayBlockingQueue<>(setup.deviceSlots());
    for (int i = 0; i < slots; i++) {
      free.add(new BufferOutput(workload.shape));
    }
    for (int i = 0; i < setup.deviceSlots(); i++) {
      freeOnDevice.add(new BufferOutput(workload.shape));
    }
    SplittableRandom seeds = new SplittableRandom(workers);
    var targets = workload.targets();
    for (int i = 0; i < workers; i++) {
      Target target = targets.get();
      SplittableRandom random = seeds.split();
      threads.execute(() -> fill(target, random));
    }
    threads.execute(this::copy);
  }

  private void fill(Target target, SplittableRandom random) {
    try {
      while (true) {
        BufferOutput batch = free.take();
        target.fill(batch, random);
        filled.put(batch);
      }
    } catch (InterruptedException e) {
      // closed
    }
  }

  private void copy() {
    try {
      while (true) {
        BufferOutput from = filled.take();
        BufferOutput to = freeOnDevice.take();
        to.bytes.put(0, from.bytes, 0, from.bytes.capacity());
        free.put(from);
        ready.put(to);
      }
    } catch (InterruptedException e) {
      // closed
    }
  }

  @Override
  public float consume(boolean read) throws InterruptedException {
    if (held != null) {
      freeOnDevice.put(held);
      held = null;
    }
    BufferOutput batch = ready.take();
    float sum = read ? batch.read() : 0;
    if (holds) {
      held = batch;
    } else {
      freeOnDevice.put(batch);
    }
    return sum;
  }

  @Override
  public void close() {
    Ending.end(threads);
  }
}
