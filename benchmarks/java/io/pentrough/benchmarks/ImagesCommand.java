package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DeviceBatch;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import io.pentrough.recipes.ImageFolder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The recipe {@link ImageFolder} beside the loop that one would write with an executor. Both decode
 * with the code of that recipe, on as many threads.
 */
@Command(
    name = "images",
    mixinStandardHelpOptions = true,
    description =
        "Images per second of shuffled epochs of a folder of JPEG files: the recipe of"
            + " docs/recipes.md, a loop with an executor, and the recipe with a cache.")
final class ImagesCommand implements Callable<Integer> {

  @Option(names = "--rounds", description = "epochs of each (default: ${DEFAULT-VALUE})")
  private int rounds = 9;

  @Option(names = "--images", description = "how many files (default: ${DEFAULT-VALUE})")
  private int images = 512;

  @Option(names = "--batch", description = "images of a batch (default: ${DEFAULT-VALUE})")
  private int batchSize = 32;

  @Option(
      names = "--side",
      description =
          "height and width of an image of a batch; files are half as large again (default:"
              + " ${DEFAULT-VALUE})")
  private int side = 224;

  @Option(names = "--workers", split = ",", description = "threads (default: ${DEFAULT-VALUE})")
  private List<Integer> workers = List.of(1, 2);

  /** What was read, so that nothing is left out by the compiler. */
  private long sum;

  private interface Epoch {
    void run(int number) throws Exception;
  }

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    Table table =
        new Table(
            "threads",
            "executor, images/s",
            "Pentrough, images/s",
            "Pentrough / executor [95 %]",
            "from a cache, images/s");
    Path folder = Files.createTempDirectory("images");
    try (Device device = HostDevice.open()) {
      ImageFiles.write(folder, images, side);
      ImageFolder files = ImageFolder.of(folder);
      BatchSpec spec = ImageFolder.spec(batchSize, side, side);
      long bytes = files.size() * (Long.BYTES + spec.slotBytes() / batchSize + 64);
      try (CachedDataset cached = files.cached(bytes)) {
        for (int threads : workers) {
          measure(
              List.of(
                  number -> byHand(files, threads, number),
                  number -> pentrough(device, spec, files, threads, number),
                  number -> pentrough(device, spec, cached, threads, number)),
              threads,
              table);
        }
      }
    } finally {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(table);
    return sum == 0 ? 1 : 0;
  }

  private void measure(List<Epoch> epochs, int threads, Table table) throws Exception {
    double[][] rates = new double[epochs.size()][rounds];
    for (int round = -1; round < rounds; round++) { // the first is for the compiler and the cache
      for (int i = 0; i < epochs.size(); i++) {
        int which = Math.floorMod(round + i, epochs.size());
        long started = System.nanoTime();
        epochs.get(which).run(round);
        if (round >= 0) {
          rates[which][round] = images * 1e9 / (System.nanoTime() - started);
        }
      }
    }
    table.row(
        threads,
        rate(rates[0]),
        rate(rates[1]),
        Estimate.ratio(rates[1], rates[0]).toString(3),
        rate(rates[2]));
  }

  private static String rate(double[] rates) {
    return String.format(Locale.ROOT, "%,.0f", Estimate.median(rates));
  }

  /** One epoch, from the start of the loader to its last batch. */
  private void pentrough(Device device, BatchSpec spec, Dataset dataset, int threads, int number)
      throws Exception {
    Batches batches = Batches.of(dataset, batchSize).shuffled();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches)
            .workers(threads)
            .seed(number)
            .epochs(1)
            .start()) {
      for (DeviceBatch batch : loader.epoch()) {
        consume(HostDevice.bytes(batch.array("image").buffer()));
      }
    }
  }

  /** The same with an executor: a task makes a batch in a buffer, and buffers go round. */
  private void byHand(ImageFolder files, int threads, int number) throws Exception {
    int imageBytes = 3 * side * side;
    List<Integer> order =
        IntStream.range(0, images).boxed().collect(Collectors.toCollection(ArrayList::new));
    Collections.shuffle(order, new Random(number));
    Deque<ByteBuffer> free = new ArrayDeque<>();
    for (int i = 0; i < Setup.usualHostSlots(threads) + Setup.USUAL_DEVICE_SLOTS; i++) {
      int bytes = batchSize * (imageBytes + Integer.BYTES);
      free.add(ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder()));
    }
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    Deque<Future<ByteBuffer>> ready = new ArrayDeque<>();
    try {
      int submitted = 0;
      while (submitted < images || !ready.isEmpty()) {
        while (submitted < images && !free.isEmpty()) {
          List<Integer> part = order.subList(submitted, Math.min(images, submitted + batchSize));
          ByteBuffer slot = free.remove();
          ready.add(executor.submit(() -> ImageFiles.fill(slot, files, part, batchSize, side)));
          submitted += part.size();
        }
        ByteBuffer batch = ready.remove().get();
        consume(batch);
        free.add(batch);
      }
    } finally {
      executor.shutdown();
    }
  }

  /** Reads a byte of each page. */
  private void consume(ByteBuffer bytes) {
    for (int i = 0; i < bytes.limit(); i += 4096) {
      sum += bytes.get(i) + 1;
    }
  }
}
