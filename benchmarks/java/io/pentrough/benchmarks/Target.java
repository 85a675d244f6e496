package io.pentrough.benchmarks;

import java.util.random.RandomGenerator;

/** What a worker does for a batch. For one thread: it has scratch memory of its own. */
@FunctionalInterface
interface Target {
  void fill(Output out, RandomGenerator random);
}
