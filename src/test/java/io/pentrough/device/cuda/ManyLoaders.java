package io.pentrough.device.cuda;

import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Runs {@link OpensCuda} in class loaders of their own, as a container of applications does; what
 * {@link ClassLoadersTest} runs in JVMs of its own. The steps:
 *
 * <ul>
 *   <li>{@code A=all}: makes a class loader A that has the whole class path to itself
 *   <li>{@code A=only:TEXT}: one with the entries of the class path that contain the text
 *   <li>{@code B=below:A:TEXT}: one with the entries that do not contain the text, below A
 *   <li>{@code A:STEP}: a step of {@link OpensCuda} there
 *   <li>{@code together:AB:STEP}: a step in A and B, each on a thread of its own, at once
 *   <li>{@code close:A}: closes A
 *   <li>{@code drop:A}: closes A and waits until it is collected
 *   <li>{@code delete:FILE}: a file
 * </ul>
 */
final class ManyLoaders {

  private static final Map<String, URLClassLoader> LOADERS = new HashMap<>();

  private ManyLoaders() {}

  public static void main(String[] steps) throws Throwable {
    for (String step : steps) {
      String[] words = step.split("[:=]", 2);
      if (step.contains("=")) {
        LOADERS.put(words[0], loader(words[1].split(":")));
      } else if (words[0].equals("together")) {
        together(step.split(":"));
      } else if (words[0].equals("close")) {
        named(words[1]).close();
      } else if (words[0].equals("drop")) {
        drop(words[1]);
      } else if (words[0].equals("delete")) {
        Files.delete(Path.of(words[1]));
      } else {
        run(named(words[0]), words[1]);
      }
    }
  }

  private static URLClassLoader named(String name) {
    return Objects.requireNonNull(LOADERS.get(name), name);
  }

  private static URLClassLoader loader(String[] kind) throws Exception {
    return switch (kind[0]) {
      case "all" -> loader(entry -> true, ClassLoader.getPlatformClassLoader());
      case "only" -> loader(entry -> entry.contains(kind[1]), ClassLoader.getPlatformClassLoader());
      case "below" -> loader(entry -> !entry.contains(kind[2]), named(kind[1]));
      default -> throw new IllegalArgumentException(String.join(":", kind));
    };
  }

  private static URLClassLoader loader(Predicate<String> wanted, ClassLoader parent)
      throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : Jvm.classPath()) {
      if (wanted.test(entry)) {
        urls.add(Path.of(entry).toUri().toURL());
      }
    }
    return new URLClassLoader(urls.toArray(new URL[0]), parent);
  }

  private static void run(ClassLoader loader, String step) throws Throwable {
    Thread thread = Thread.currentThread();
    ClassLoader was = thread.getContextClassLoader();
    thread.setContextClassLoader(loader);
    try {
      loader
          .loadClass(OpensCuda.class.getName())
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[] {step});
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      thread.setContextClassLoader(was);
    }
  }

  private static void together(String[] words) throws Exception {
    List<String> names = words[1].chars().mapToObj(Character::toString).toList();
    CyclicBarrier barrier = new CyclicBarrier(names.size());
    List<FutureTask<Void>> tasks = new ArrayList<>();
    for (String name : names) {
      ClassLoader loader = named(name);
      FutureTask<Void> task =
          new FutureTask<>(
              () -> {
                barrier.await();
                try {
                  run(loader, words[2]);
                } catch (Throwable t) {
                  throw new AssertionError(t);
                }
                return null;
              });
      new Thread(task).start();
      tasks.add(task);
    }
    for (FutureTask<Void> task : tasks) {
      task.get();
    }
  }

  private static void drop(String name) throws Exception {
    WeakReference<@Nullable ClassLoader> collected = closed(name);
    while (collected.get() != null) {
      System.gc();
    }
    System.out.println("collected");
  }

  private static WeakReference<@Nullable ClassLoader> closed(String name) throws Exception {
    try (URLClassLoader loader = LOADERS.remove(name)) {
      return new WeakReference<>(loader);
    }
  }
}
