package io.pentrough.spark;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A store in memory; each call waits for its turn, which a random order gives. Some answers to
 * creations are lost.
 */
final class SteppedStore implements CheckpointStore {

  private static final long serialVersionUID = 1;
  private final transient Map<String, byte[]> entries = new HashMap<>();
  private final transient Map<Thread, Boolean> turns = new HashMap<>();
  private final Random random;

  SteppedStore(Random random) {
    this.random = random;
  }

  /** Starts the actors, and lets one waiting actor after the other make one call, to the end. */
  synchronized void play(List<? extends Thread> actors) {
    actors.forEach(Thread::start);
    Thread next = actors.get(0);
    try {
      while (true) {
        List<? extends Thread> alive = actors.stream().filter(Thread::isAlive).toList();
        if (alive.isEmpty()) {
          return;
        }
        if (turns.keySet().containsAll(alive)) { // all wait
          if (!next.isAlive() || random.nextInt(6) == 0) { // else one could hardly be far ahead
            next = alive.get(random.nextInt(alive.size()));
          }
          turns.put(next, true);
          notifyAll();
          while (turns.containsKey(next) && Boolean.TRUE.equals(turns.get(next))) {
            wait(1); // an actor that ends tells nobody
          }
        } else {
          wait(1);
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private synchronized void turn() {
    Thread self = Thread.currentThread();
    turns.put(self, false);
    notifyAll();
    try {
      while (!Boolean.TRUE.equals(turns.get(self))) {
        wait();
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    turns.remove(self);
    notifyAll();
  }

  /** What is there when all have ended, in order. */
  synchronized List<String> left() {
    return entries.keySet().stream().sorted().toList();
  }

  @Override
  public boolean create(String name, byte[] content) throws IOException {
    turn();
    synchronized (this) {
      boolean created = entries.putIfAbsent(name, content) == null;
      if (created && random.nextInt(8) == 0) {
        throw new NoSuchFileException(name + ".1.part"); // as if another one had swept it
      }
      return created;
    }
  }

  @Override
  public byte[] read(String name) throws IOException {
    turn();
    synchronized (this) {
      byte[] content = entries.get(name);
      if (content == null) {
        throw new NoSuchFileException(name);
      }
      return content;
    }
  }

  @Override
  public List<String> list() {
    turn();
    synchronized (this) {
      return List.copyOf(entries.keySet());
    }
  }

  @Override
  public void delete(String name) {
    turn();
    synchronized (this) {
      entries.remove(name);
    }
  }
}
