package io.pentrough.recipes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.pentrough.BackgroundLoader;
import io.pentrough.BadSample;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.NpyArray;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each recipe of docs/recipes.md, through a loader: what comes out is what was written. */
class RecipesTest {

  @TempDir private Path folder;
  private final Device device = TestDevice.open();

  /** What a loader delivers in an epoch. */
  private record Told(Map<String, ByteBuffer> arrays, List<BadSample> bad) {

    ByteBuffer array(String name) {
      return Objects.requireNonNull(arrays.get(name)).duplicate().order(ByteOrder.nativeOrder());
    }

    List<Integer> ints(String name) {
      List<Integer> ints = new ArrayList<>();
      for (ByteBuffer bytes = array(name); bytes.hasRemaining(); ) {
        ints.add(bytes.getInt());
      }
      return ints;
    }
  }

  /** An epoch through four workers, in the order of the dataset. */
  private Told epoch(Dataset dataset, BatchSpec spec) throws Exception {
    Map<String, ByteArrayOutputStream> all = new TreeMap<>();
    List<BadSample> bad = new ArrayList<>();
    Batches batches =
        Batches.of(dataset, spec.array(0).dimension(0))
            .skipBadSamples(100, (epoch, batch, sample) -> bad.add(sample));
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).workers(4).epochs(1).start()) {
      for (DeviceBatch batch : loader.epoch()) {
        spec.arrays()
            .forEach(
                array -> {
                  int count = batch.array(array.name()).elements() * array.dtype().bytes();
                  ByteBuffer bytes = ByteBuffer.allocate(count);
                  batch.array(array.name()).copyTo(bytes);
                  all.computeIfAbsent(array.name(), name -> new ByteArrayOutputStream())
                      .writeBytes(bytes.array());
                });
      }
    }
    Map<String, ByteBuffer> arrays = new TreeMap<>();
    all.forEach((name, bytes) -> arrays.put(name, ByteBuffer.wrap(bytes.toByteArray())));
    return new Told(arrays, bad);
  }

  private static void says(Throwable t, String... words) {
    for (String word : words) {
      assertTrue(String.valueOf(t.getMessage()).contains(word), () -> word + " in: " + t);
    }
  }

  // ---- images

  private static final int HEIGHT = 12;
  private static final int WIDTH = 17;

  private static int rgb(int image, int x, int y) {
    return ((image * 40 + x) << 16) | ((y * 11) << 8) | ((x * y + image) & 0xFF);
  }

  private static byte[] encoded(int number, String format) throws IOException {
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_3BYTE_BGR);
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        image.setRGB(x, y, rgb(number, x, y));
      }
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    assertTrue(ImageIO.write(image, format, bytes));
    return bytes.toByteArray();
  }

  private static void assertImages(List<Integer> numbers, ByteBuffer planes) {
    int at = 0;
    for (int number : numbers) {
      for (int shift = 16; shift >= 0; shift -= 8) {
        for (int y = 0; y < HEIGHT; y++) {
          for (int x = 0; x < WIDTH; x++) {
            assertEquals((byte) (rgb(number, x, y) >> shift), planes.get(at++), "image " + number);
          }
        }
      }
    }
    assertEquals(planes.limit(), at);
  }

  /** Images 0 to 5, of which 3 is cut off in the middle, in two classes. */
  private void writeImages(String format) throws IOException {
    for (int i = 0; i < 6; i++) {
      byte[] bytes = encoded(i, format);
      Path of = Files.createDirectories(folder.resolve(i < 4 ? "cats" : "dogs"));
      int length = i == 3 ? bytes.length - 40 : bytes.length; // behind the headers
      Files.write(of.resolve("image" + i + "." + format), Arrays.copyOf(bytes, length));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"png", "bmp", "gif"})
  @DisplayName("a folder of images: classes by folder; one that is cut off is a bad sample")
  void images(String format) throws Exception {
    writeImages(format);
    ImageFolder images = ImageFolder.of(folder);
    assertEquals(List.of("cats", "dogs"), images.classes());
    Told told = epoch(images, ImageFolder.spec(2, HEIGHT, WIDTH));
    assertEquals(List.of(0, 0, 0, 1, 1), told.ints("label"));
    assertEquals(List.of(3L), told.bad.stream().map(BadSample::index).toList());
    says(told.bad.get(0).cause(), "image3." + format);
    if (!format.equals("gif")) { // which has 256 colours
      assertImages(List.of(0, 1, 2, 4, 5), told.array("image"));
    }
  }

  @Test
  @DisplayName("JPEG: ImageIO only warns of a file that is cut off, and the recipe refuses it")
  void jpeg() throws Exception {
    writeImages("jpg");
    Files.writeString(folder.resolve("dogs/text.jpg"), "no image");
    Files.writeString(folder.resolve("LICENSE"), "in no class");
    Files.createDirectory(folder.resolve("dogs/thumbnails"));
    Told told = epoch(ImageFolder.of(folder), ImageFolder.spec(2, HEIGHT, WIDTH));
    assertEquals(List.of(0, 0, 0, 1, 1), told.ints("label"));
    assertEquals(List.of(3L, 6L), told.bad.stream().map(BadSample::index).toList());
    says(told.bad.get(0).cause(), "image3.jpg", "damaged image");
    says(told.bad.get(1).cause(), "text.jpg", "no image that ImageIO can read");
  }

  @Test
  @DisplayName("a folder without class folders, or without files in them, is refused by its name")
  void noImages() throws Exception {
    Path root = Files.createDirectory(folder.resolve("pictures"));
    Files.writeString(root.resolve("image.png"), "in no class");
    says(
        assertThrows(IOException.class, () -> ImageFolder.of(root)),
        "no class folder in",
        root.toString());
    Files.createDirectory(root.resolve("cats"));
    says(
        assertThrows(IOException.class, () -> ImageFolder.of(root)),
        "no files in the class folders of",
        root.toString());
  }

  @Test
  @DisplayName("images are scaled to the size of the batch's")
  void scaled() throws Exception {
    BufferedImage image = new BufferedImage(40, 20, BufferedImage.TYPE_INT_ARGB);
    for (int i = 0; i < 40 * 20; i++) {
      image.setRGB(i % 40, i / 40, i % 40 < 20 ? 0xFF204060 : 0xFF80A0C0);
    }
    Files.createDirectory(folder.resolve("one"));
    ImageIO.write(image, "png", folder.resolve("one/image.png").toFile());
    ByteBuffer planes = epoch(ImageFolder.of(folder), ImageFolder.spec(1, 2, 4)).array("image");
    byte[] expected = new byte[24];
    for (int i = 0; i < 24; i++) {
      expected[i] = (byte) ((i % 4 < 2 ? 0x20 : 0x80) + i / 8 * 0x20);
    }
    assertEquals(ByteBuffer.wrap(expected), planes);
  }

  // ---- tar

  @Test
  @DisplayName("tar shards: samples of several files, in any order; one without a label is bad")
  void tar() throws Exception {
    List<Path> shards = List.of(folder.resolve("a-000000.tar"), folder.resolve("a-000001.tar"));
    int number = 0;
    for (Path shard : shards) {
      try (TarArchiveOutputStream tar =
          new TarArchiveOutputStream(Files.newOutputStream(shard), "UTF-8")) {
        tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
        TarArchiveEntry directory = new TarArchiveEntry("train/");
        tar.putArchiveEntry(directory);
        tar.closeArchiveEntry();
        for (int i = 0; i < 3; i++) {
          String key = "train/" + "long".repeat(40) + ".d/" + String.format("%06d", number);
          put(tar, key + ".png", encoded(number, "png"));
          put(tar, key + ".seg.json", "{}".getBytes(StandardCharsets.UTF_8));
          if (number != 4) {
            put(tar, key + ".cls", (number * 7 + "\n").getBytes(StandardCharsets.UTF_8));
          }
          number++;
        }
        put(tar, "README", new byte[10]);
      }
    }
    TarShards samples = TarShards.of(shards);
    assertEquals(6, samples.size());
    Told told = epoch(samples, ImageFolder.spec(4, HEIGHT, WIDTH));
    assertEquals(List.of(0, 7, 14, 21, 35), told.ints("label"));
    assertImages(List.of(0, 1, 2, 3, 5), told.array("image"));
    says(told.bad.get(0).cause(), "the sample has no .cls", "a-000001.tar", "000004.png");
    says(assertThrows(IOException.class, () -> TarShards.of(List.of())), "no samples in []");
    Path noTar = Files.writeString(folder.resolve("no.tar"), "no tar file".repeat(100));
    says(assertThrows(IOException.class, () -> TarShards.of(List.of(noTar))), "no.tar");
  }

  private static void put(TarArchiveOutputStream tar, String name, byte[] bytes)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(bytes.length);
    tar.putArchiveEntry(entry);
    tar.write(bytes);
    tar.closeArchiveEntry();
  }

  // ---- NumPy

  /** What NumPy 2.4.6 has written, with image: float32, label: big-endian int64, flags: bool. */
  private static final String SAVEZ =
      "UEsDBC0AAAAAAAAAIQAeZD+W//////////8JABQAaW1hZ2UubnB5AQAQALAAAAAAAAAAsAAAAAAAAACTTlVN"
          + "UFkBAHYAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMywgMiwg"
          + "MiksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgCgAA"
          + "AAAAAMA/AABAQAAAkEAAAMBAAADwQAAAEEEAAChBAABAQQAAWEEAAHBBAACEQVBLAwQtAAAAAAAAACEA0bc2"
          + "v///////////CQAUAGxhYmVsLm5weQEAEACYAAAAAAAAAJgAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAn"
          + "Pmk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAg"
          + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAB///////////AAAB"
          + "AAAAAABQSwMELQAAAAAAAAAhALvkTK3//////////wkAFABmbGFncy5ucHkBABAAhAAAAAAAAACEAAAAAAAA"
          + "AJNOVU1QWQEAdgB7J2Rlc2NyJzogJ3xiMScsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgy"
          + "LCAyKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg"
          + "ICAKAQAAAVBLAQItAy0AAAAAAAAAIQAeZD+WsAAAALAAAAAJAAAAAAAAAAAAAACAAQAAAABpbWFnZS5ucHlQ"
          + "SwECLQMtAAAAAAAAACEA0bc2v5gAAACYAAAACQAAAAAAAAAAAAAAgAHrAAAAbGFiZWwubnB5UEsBAi0DLQAA"
          + "AAAAAAAhALvkTK2EAAAAhAAAAAkAAAAAAAAAAAAAAIABvgEAAGZsYWdzLm5weVBLBQYAAAAAAwADAKUAAAB9"
          + "AgAAAAA=";

  @Test
  @DisplayName("an .npz file of NumPy itself, and .npy files: float32 and big-endian int64")
  void numpy() throws Exception {
    Path npz = Files.write(folder.resolve("data.npz"), Base64.getDecoder().decode(SAVEZ));
    byte[] bytes = Files.readAllBytes(npz);
    for (String name : List.of("image", "label")) {
      int from = name.equals("image") ? 59 : 294; // where NumPy put them
      Files.write(folder.resolve(name + ".npy"), Arrays.copyOfRange(bytes, from, bytes.length));
    }
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 2, 2, 2)
            .array("label", DType.INT64, 2)
            .build();
    for (NpyRows rows :
        List.of(
            NpyRows.ofNpz(npz),
            NpyRows.ofNpy(folder.resolve("image.npy"), folder.resolve("label.npy")))) {
      Told told = epoch(rows, spec);
      for (int i = 0; i < 12; i++) {
        assertEquals(1.5f * i, told.array("image").getFloat(4 * i));
      }
      assertEquals(7, told.array("label").getLong(0));
      assertEquals(-1, told.array("label").getLong(8));
      assertEquals(1L << 40, told.array("label").getLong(16));
      assertThrows(
          IllegalArgumentException.class,
          () -> new NpyRows(rows.images(), NpyArray.map(npz, 505))); // two rows
      Told wrong = epoch(rows, NpyRows.spec(2));
      says(wrong.bad.get(0).cause(), "has 4 elements of type FLOAT32", "has 784 of type FLOAT32");
    }
  }

  @Test
  @DisplayName("an .npz file that is compressed, or has no such array, is refused")
  void compressed() throws Exception {
    Path npz = folder.resolve("data.npz");
    try (OutputStream out = Files.newOutputStream(npz);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("image.npy"));
      zip.write(new byte[1000]);
    }
    says(
        assertThrows(IOException.class, () -> NpyRows.ofNpz(npz)),
        "data.npz is compressed",
        "numpy.savez");
    try (OutputStream out = Files.newOutputStream(npz);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("other.npy"));
    }
    says(assertThrows(IOException.class, () -> NpyRows.ofNpz(npz)), "no array 'image'");
  }

  // ---- CSV

  @Test
  @DisplayName("a CSV table: quoted cells; a cell that is no number, or missing, is a bad sample")
  void csv() throws Exception {
    Path file =
        Files.writeString(
            folder.resolve("table.csv"),
            String.join(
                "\r\n",
                "width,kind,height",
                "1.5,oak,-2",
                "3,\"elm, old\",4e3",
                "wide,oak,1",
                "7",
                "\"0.1\",ash,\"9\"",
                ""));
    CsvTable table = CsvTable.of(file, "kind");
    assertEquals(List.of("width", "height"), table.columns());
    assertEquals(List.of("ash", "elm, old", "oak"), table.classes());
    Told told = epoch(table, table.spec(2));
    assertEquals(List.of(2, 1, 0), told.ints("label"));
    List<Float> features = new ArrayList<>();
    for (ByteBuffer bytes = told.array("features"); bytes.hasRemaining(); ) {
      features.add(bytes.getFloat());
    }
    assertEquals(List.of(1.5f, -2f, 3f, 4000f, 0.1f, 9f), features);
    assertEquals(List.of(2L, 3L), told.bad.stream().map(BadSample::index).toList());
    says(told.bad.get(0).cause(), "table.csv: column width of record 3 is no number: 'wide'");
    says(told.bad.get(1).cause(), "table.csv: column height of record 4 is missing: [7]");
    says(
        assertThrows(IOException.class, () -> CsvTable.of(file, "colour")),
        "table.csv has no column colour, but [width, kind, height]");
    for (String broken : List.of("kind,x\n", "kind,x,x\na,1,2\n", "kind,x\n\"a\"b,1\n")) {
      Path other = Files.writeString(folder.resolve("broken.csv"), broken);
      says(assertThrows(IOException.class, () -> CsvTable.of(other, "kind")), "broken.csv");
    }
  }

  // ---- HDF5

  private static final int[] VOLUME = {7, 9, 12};

  private static int voxel(int z, int y, int x) {
    return (z * 31 + y * 17 + x * 5) & 0x7F;
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "INT8"})
  @DisplayName("HDF5 patches: the voxels that were written, with a cache or without")
  void hdf5(DType dtype) throws Exception {
    float[][][] floats = new float[VOLUME[0]][VOLUME[1]][VOLUME[2]];
    byte[][][] bytes = new byte[VOLUME[0]][VOLUME[1]][VOLUME[2]];
    int[][][] labels = new int[VOLUME[0]][VOLUME[1]][VOLUME[2]];
    for (int z = 0; z < VOLUME[0]; z++) {
      for (int y = 0; y < VOLUME[1]; y++) {
        for (int x = 0; x < VOLUME[2]; x++) {
          floats[z][y][x] = voxel(z, y, x);
          bytes[z][y][x] = (byte) voxel(z, y, x);
          labels[z][y][x] = 1000 + voxel(z, y, x);
        }
      }
    }
    Path path = folder.resolve("volume.h5");
    try (WritableHdfFile hdf = HdfFile.write(path)) {
      hdf.putDataset("raw", dtype == DType.INT8 ? bytes : floats);
      hdf.putDataset("labels", labels);
    }
    try (HdfFile hdf = new HdfFile(path)) {
      says(
          assertThrows(IllegalArgumentException.class, () -> Hdf5Patches.of(hdf, 8)),
          "smaller than a patch");
      Hdf5Patches patches = Hdf5Patches.of(hdf, 3);
      assertEquals(2 * 3 * 4, patches.size());
      try (CachedDataset cached = patches.cached(1 << 20)) {
        for (Dataset dataset : List.of(patches, cached, cached)) {
          Told told = epoch(dataset, Hdf5Patches.spec(5, dtype, 3));
          assertPatches(told, dtype);
        }
        assertEquals(24, cached.hits());
      }
    }
  }

  private static void assertPatches(Told told, DType dtype) {
    int at = 0;
    ByteBuffer image = told.array("image");
    List<Integer> labels = new ArrayList<>();
    for (int z = 0; z < 6; z += 3) {
      for (int y = 0; y < 9; y += 3) {
        for (int x = 0; x < 12; x += 3) {
          labels.add(1000 + voxel(z + 1, y + 1, x + 1));
          for (int i = 0; i < 27; i++) {
            int expected = voxel(z + i / 9, y + i / 3 % 3, x + i % 3);
            assertEquals(
                expected, dtype == DType.INT8 ? image.get(at) : (int) image.getFloat(4 * at));
            at++;
          }
        }
      }
    }
    assertEquals(labels, told.ints("label"));
  }

  @Test
  @DisplayName("HDF5 patches of a chunked and compressed volume of unsigned bytes")
  void hdf5Chunked() throws Exception {
    try (HdfFile hdf = new HdfFile(Path.of("src/example/resources/inia19.h5"))) {
      io.jhdf.api.Dataset raw = hdf.getDatasetByPath("volumes/raw");
      int[][][] all = (int[][][]) raw.getData();
      int side = 48;
      Hdf5Patches patches = new Hdf5Patches(raw, hdf.getDatasetByPath("volumes/labels"), side);
      assertEquals(2 * 3 * 2, patches.size());
      ByteBuffer image = epoch(patches, Hdf5Patches.spec(1, DType.UINT8, side)).array("image");
      for (int i = 0; i < image.limit(); i++) {
        int patch = i / (side * side * side);
        int z = patch / 6 * side + i / side / side % side;
        int y = patch / 2 % 3 * side + i / side % side;
        int x = patch % 2 * side + i % side;
        assertEquals((byte) all[z][y][x], image.get(i));
      }
    }
  }
}
