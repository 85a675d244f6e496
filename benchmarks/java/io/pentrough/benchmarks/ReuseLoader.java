package io.pentrough.benchmarks;

import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The textbook: direct buffers that go round between a free and a ready queue. */
final class ReuseLoader implements Loader {

  private final ExecutorService workers;
  private final BlockingQueue<BufferOutput> free;
  private final BlockingQueue<BufferOutput> ready;

  ReuseLoader(Setup setup) {
    Workload workload = setup.workload();
    int workers = setup.workers();
    this.workers = Executors.newFixedThreadPool(workers);
    int slots = setup.slots();
    free = new ArrayBlockingQueue<>(slots);
    ready = new ArrayBlockingQueue<>(slots);
    for (int i = 0; i < slots; i++) {
      free.add(new BufferOutput(workload.shape));
    }
    SplittableRandom seeds = new SplittableRandom(workers);
    var targets = workload.targets();
    for (int i = 0; i < workers; i++) {
      Target target = targets.get();
      SplittableRandom random = seeds.split();
      this.workers.execute(
          () -> {
            try {
              while (true) {
                BufferOutput batch = free.take();
                target.fill(batch, random);
                ready.put(batch);
              }
            } catch (InterruptedException e) {
              // closed
            }
          });
    }
  }

  @Override
  public float consume(boolean read) throws InterruptedException {
    BufferOutput batch = ready.take();
    float sum = read ? batch.read() : 0;
    free.put(batch);
    return sum;
  }

  @Override
  public void close() {
    Ending.end(workers);
  }
}
