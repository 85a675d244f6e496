// [main]
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.Random;
import java.util.random.RandomGenerator;

/** Takes batches of patches from a volume. */
public class Main {

  private final byte[] voxels = new byte[1_000_000]; // put your volume here
  private final int[] labels = new int[voxels.length];

  private Main() {
    new Random(1).nextBytes(voxels);
    for (int i = 0; i < labels.length; i++) {
      labels[i] = voxels[i] < 0 ? 1 : 0;
    }
  }

  /** Fills a batch. Four workers do so at the same time, each with a batch of its own. */
  private void samplePatches(HostBatch out, BatchContext context) {
    HostArray image = out.array("image");
    HostArray label = out.array("label");
    RandomGenerator random = context.random();
    int count = image.elements() / label.elements();
    for (int i = 0; i < label.elements(); i++) {
      int from = random.nextInt(voxels.length - count);
      image.set(i * count, voxels, from, count);
      label.setInt(i, labels[from]);
    }
  }

  /** Put your network here. This one only counts the patches of class 1. */
  private static int train(DeviceBatch batch) {
    int[] classes = new int[batch.size()];
    batch.array("label").copyTo(classes); // waits for the copy; a kernel would not need to
    int ones = 0;
    for (int value : classes) {
      ones += value;
    }
    return ones;
  }

  public static void main(String[] args) throws InterruptedException, BatchTimeoutException {
    Main data = new Main();
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 16, 1, 33, 33, 33)
            .array("label", DType.INT32, 16)
            .build();
    Duration patience = Duration.ofSeconds(10);
    int ones = 0;
    try (Device device = Device.best(); // CUDA where there is one, else the host
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, data::samplePatches)
                .workers(4)
                .seed(42)
                .consumerStream(stream)
                .start()) {
      System.out.println(device.description()); // which one it is, and why
      for (int step = 0; step < 100; step++) {
        try (DeviceBatch batch = loader.get(patience)) {
          ones += train(batch);
        } // close: its memory is used again
      }
      System.out.println(loader.stats());
    }
    System.out.println("100 steps, 1600 patches, " + ones + " of class 1");
  }
}
// [/main]
