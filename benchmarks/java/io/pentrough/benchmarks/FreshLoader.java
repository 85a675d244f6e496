package io.pentrough.benchmarks;

import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The textbook: an executor, new arrays for each batch, a queue. */
final class FreshLoader implements Loader {

  private final ExecutorService workers;
  private final BlockingQueue<ArrayOutput> ready;

  FreshLoader(Setup setup) {
    Workload workload = setup.workload();
    int workers = setup.workers();
    this.workers = Executors.newFixedThreadPool(workers);
    ready = new ArrayBlockingQueue<>(setup.slots());
    SplittableRandom seeds = new SplittableRandom(workers);
    var targets = workload.targets();
    for (int i = 0; i < workers; i++) {
      Target target = targets.get();
      SplittableRandom random = seeds.split();
      this.workers.execute(
          () -> {
            try {
              while (true) {
                ArrayOutput batch = new ArrayOutput(workload.shape);
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
    ArrayOutput batch = ready.take();
    float sum = 0;
    for (int i = 0; read && i < batch.data.length; i += 1024) {
      sum += batch.data[i];
    }
    return sum;
  }

  @Override
  public void close() {
    Ending.end(workers);
  }
}
