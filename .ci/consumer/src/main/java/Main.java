import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import java.time.Duration;

/** Takes three batches. */
public class Main {
  public static void main(String[] args) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("number", DType.INT64, 1).build();
    try (Device device = Device.best();
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec, (out, context) -> out.array(0).setLong(0, context.index()))
                .start()) {
      System.out.println(device.description());
      for (int i = 0; i < 3; i++) {
        try (DeviceBatch batch = loader.get(Duration.ofSeconds(30))) {
          System.out.println("batch " + batch.index());
        }
      }
    }
  }
}
