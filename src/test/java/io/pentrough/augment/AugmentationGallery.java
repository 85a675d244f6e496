package io.pentrough.augment;

import static io.pentrough.testkit.Patience.patience;

import io.jhdf.HdfFile;
import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaRuns;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.host.HostDevice;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import javax.imageio.ImageIO;

/**
 * Writes the pictures of docs/augmentation.md: each operation on a slice of the example's volume.
 * From left to right: the original, what the host implementation makes of it, what the CUDA device
 * makes of it, and in white where the two differ in any bit.
 *
 * <p>{@code mvn -q process-test-classes exec:java
 * -Dexec.mainClass=io.pentrough.augment.AugmentationGallery}, on the software driver; with {@code
 * -Dpentrough.cuda=real} on the machine's GPU.
 */
public final class AugmentationGallery {

  static final Path FOLDER = Path.of("docs/images/augmentation");

  /** Of a panel; between two lies a line. */
  static final int EDGE = 120;

  private static final int DEPTH = 24;
  private static final int[] CORNER = {40, 18, 2};

  /** One with which each operation can be seen. */
  private static final long SEED = Long.getLong("pentrough.gallery.seed", 5);

  private static final ArraySpec IMAGE =
      Staged.array("image", DType.UINT8, 1, 1, DEPTH, EDGE, EDGE);
  private static final ArraySpec LABEL = Staged.array("label", DType.UINT8, 1, DEPTH, EDGE, EDGE);

  /**
   * An operation.
   *
   * @param file the name of its picture
   * @param labels whether labels are shown, which are stretched over the grey values
   * @param made the array to show
   * @param channel of that array
   */
  record Exhibit(String file, boolean labels, String made, int channel, List<BatchStage> stages) {

    Path path() {
      return in(FOLDER);
    }

    private Path in(Path folder) {
      return folder.resolve(file + ".png");
    }
  }

  private AugmentationGallery() {}

  /** The names of the pictures. */
  public static List<String> pictures() {
    return exhibits().stream().map(exhibit -> exhibit.in(Path.of("")).toString()).toList();
  }

  static List<Exhibit> exhibits() {
    OneHot oneHot = OneHot.of("label", "classes", 4, DType.FLOAT32);
    return List.of(
        image("cast", builder -> builder),
        image("flip", builder -> builder.flip(Axis.Y, Axis.X)),
        image("swap", builder -> builder.swap(Axis.Y, Axis.X)),
        image("crop", builder -> builder.patch(5, 72, 72).crop(true)),
        image(
            "rotation",
            builder ->
                builder.patch(5, 84, 84).warp(Warp.builder().rotation(180).lockZ(true).build())),
        image(
            "warp",
            builder ->
                builder
                    .patch(5, 84, 84)
                    .warp(
                        Warp.builder()
                            .rotation(90)
                            .tilt(20)
                            .shear(0.3)
                            .scale(0.8, 1.2)
                            .perspective(0.2)
                            .build())),
        image(
            "mirror",
            builder ->
                builder
                    .border(Border.MIRROR)
                    .warp(Warp.builder().rotation(180).scale(1.4, 1.4).lockZ(true).build())),
        image("grey", Augmentation.Builder::grey),
        image("uniform-noise", builder -> builder.uniformNoise(0.1f)),
        image("gaussian-noise", builder -> builder.gaussianNoise(0.05f)),
        image("cut-out", builder -> builder.cutOut(24, 30, 30).cutOutBoxes(3)),
        new Exhibit(
            "blur",
            false,
            "image",
            0,
            List.of(
                Augmentation.builder(IMAGE, Layout.NCZYX).scale(1 / 255f).build(),
                Blur.builder("image").sigma(2, 3).sigma(Axis.Z, 1, 1).build())),
        new Exhibit("one-hot", true, "classes", 2, List.of(oneHot)));
  }

  private static Exhibit image(
      String file, Function<Augmentation.Builder, Augmentation.Builder> options) {
    Augmentation.Builder builder = Augmentation.builder(IMAGE, Layout.NCZYX).scale(1 / 255f);
    return new Exhibit(file, false, "image", 0, List.of(options.apply(builder).build()));
  }

  /** The part of the example's volume that is shown. */
  @SuppressWarnings("ArrayRecordComponent") // read only
  record Volume(byte[] grey, byte[] tissue) {

    static Volume read() throws IOException {
      try (InputStream in = AugmentationGallery.class.getResourceAsStream("/inia19.h5");
          HdfFile hdf = HdfFile.fromInputStream(in)) {
        return new Volume(part(hdf, "/volumes/raw"), part(hdf, "/volumes/tissue"));
      }
    }

    private static byte[] part(HdfFile hdf, String path) {
      // Unsigned bytes come in a type that holds them.
      Object data = hdf.getDatasetByPath(path).getData();
      byte[] part = new byte[DEPTH * EDGE * EDGE];
      for (int z = 0; z < DEPTH; z++) {
        Object slice = java.lang.reflect.Array.get(data, CORNER[0] + z);
        for (int y = 0; y < EDGE; y++) {
          Object row = java.lang.reflect.Array.get(slice, CORNER[1] + y);
          for (int x = 0; x < EDGE; x++) {
            part[(z * EDGE + y) * EDGE + x] =
                (byte) java.lang.reflect.Array.getInt(row, CORNER[2] + x);
          }
        }
      }
      return part;
    }
  }

  /** What a device makes: a whole array of floats and its last three dimensions. */
  record Result(List<Float> values, int depth, int height, int width) {

    /** The grey values of the middle slice of a channel, in the middle of a panel. */
    int[] panel(int channel) {
      int[] panel = new int[EDGE * EDGE];
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          float value = values.get(index(channel, y, x));
          panel[at(y, x)] = Math.round(255 * Math.min(1, Math.max(0, value)));
        }
      }
      return panel;
    }

    /** Where another result has other bits. */
    int[] difference(Result other, int channel) {
      int[] panel = new int[EDGE * EDGE];
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          int i = index(channel, y, x);
          panel[at(y, x)] =
              Float.floatToRawIntBits(values.get(i)) == Float.floatToRawIntBits(other.values.get(i))
                  ? 0
                  : 255;
        }
      }
      return panel;
    }

    private int index(int channel, int y, int x) {
      return ((channel * depth + depth / 2) * height + y) * width + x;
    }

    private int at(int y, int x) {
      return (y + (EDGE - height) / 2) * EDGE + x + (EDGE - width) / 2;
    }
  }

  static int[] original(Volume volume, Exhibit exhibit) {
    int[] panel = new int[EDGE * EDGE];
    for (int i = 0; i < panel.length; i++) {
      int at = DEPTH / 2 * EDGE * EDGE + i;
      panel[i] = exhibit.labels ? 85 * volume.tissue[at] : volume.grey[at] & 0xff;
    }
    return panel;
  }

  static Result run(Device device, Volume volume, Exhibit exhibit) throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, IMAGE.shape())
            .array("label", DType.UINT8, LABEL.shape())
            .build();
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(
                device,
                spec,
                (out, context) -> {
                  out.array("image").set(0, ByteBuffer.wrap(volume.grey));
                  out.array("label").set(0, ByteBuffer.wrap(volume.tissue));
                })
            .seed(SEED);
    exhibit.stages.forEach(builder::stage);
    try (BackgroundLoader loader = builder.start();
        DeviceBatch batch = loader.get(patience())) {
      DeviceArray made = batch.array(exhibit.made);
      ByteBuffer bytes = Staged.bytes(made.elements() * Float.BYTES);
      made.copyTo(bytes);
      float[] values = new float[made.elements()];
      bytes.flip().order(java.nio.ByteOrder.nativeOrder()).asFloatBuffer().get(values);
      int[] shape = made.shape();
      int rank = shape.length;
      return new Result(boxed(values), shape[rank - 3], shape[rank - 2], shape[rank - 1]);
    }
  }

  private static List<Float> boxed(float[] values) {
    Float[] boxed = new Float[values.length];
    for (int i = 0; i < values.length; i++) {
      boxed[i] = values[i];
    }
    return List.of(boxed);
  }

  /** One of the four, 0 to 3. */
  static int[] panel(BufferedImage picture, int number) {
    return picture.getRaster().getPixels(number * (EDGE + 1), 0, EDGE, EDGE, (int[]) null);
  }

  private static BufferedImage picture(List<int[]> panels) {
    BufferedImage picture =
        new BufferedImage(panels.size() * (EDGE + 1) - 1, EDGE, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < panels.size(); i++) {
      picture.getRaster().setPixels(i * (EDGE + 1), 0, EDGE, EDGE, panels.get(i));
    }
    return picture;
  }

  /**
   * Writes all pictures.
   *
   * @param args the folder to write into; {@code docs/images/augmentation} by default
   */
  public static void main(String[] args) throws Exception {
    Path folder = args.length == 0 ? FOLDER : Path.of(args[0]);
    if (!CudaRuns.REAL) {
      CudaSim.load();
    }
    Volume volume = Volume.read();
    Files.createDirectories(folder);
    for (Exhibit exhibit : exhibits()) {
      try (Device host = HostDevice.open();
          Device cuda = CudaDevice.open(0)) {
        Result hostResult = run(host, volume, exhibit);
        Result result = run(cuda, volume, exhibit);
        List<int[]> panels =
            List.of(
                original(volume, exhibit),
                hostResult.panel(exhibit.channel),
                result.panel(exhibit.channel),
                hostResult.difference(result, exhibit.channel));
        Path file = exhibit.in(folder);
        ImageIO.write(picture(panels), "png", file.toFile());
        System.out.printf(
            "%s: %d bytes, %s, results are %s%n",
            file,
            Files.size(file),
            cuda.name(),
            hostResult.equals(result) ? "the same bit for bit" : "not the same");
      }
    }
  }
}
