package io.pentrough.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostArray;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files as {@code numpy.save} writes them, in any version, and files that are none. */
class NpyArrayTest {

  @TempDir private Path folder;

  private static byte[] npy(int version, String descr, boolean isFortran, String shape, byte[] data)
      throws IOException {
    String text =
        "{'descr': "
            + descr
            + ", 'fortran_order': "
            + (isFortran ? "True" : "False")
            + ", 'shape': "
            + shape
            + ", }";
    int before = version == 1 ? 10 : 12;
    int padded = (before + text.length() + 1 + 63) / 64 * 64;
    byte[] header =
        (text + " ".repeat(padded - before - text.length() - 1) + "\n")
            .getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer start = ByteBuffer.allocate(before).order(ByteOrder.LITTLE_ENDIAN);
    start.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    start.put((byte) version).put((byte) 0);
    if (version == 1) {
      start.putShort((short) header.length);
    } else {
      start.putInt(header.length);
    }
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(start.array());
    file.write(header);
    file.write(data);
    return file.toByteArray();
  }

  private Path file(byte[] content) throws IOException {
    return Files.write(folder.resolve("array.npy"), content);
  }

  /** Runs on the one row of an array of a batch, which is given back as bytes in native order. */
  private static byte[] row(DType dtype, int elements, Consumer<HostArray> body)
      throws InterruptedException {
    Device device = TestDevice.open();
    BatchSpec spec = BatchSpec.builder().array("row", dtype, 1, elements).build();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec, (out, context) -> body.accept(out.array(0).row(0)))
                .epochs(1)
                .start();
        DeviceBatch batch = loader.get()) {
      ByteBuffer bytes = ByteBuffer.allocate(elements * dtype.bytes());
      batch.array(0).copyTo(bytes);
      return bytes.array();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "INT8,i1",
    "UINT8,u1",
    "UINT8,b1",
    "INT16,i2",
    "UINT16,u2",
    "INT32,i4",
    "UINT32,u4",
    "INT64,i8",
    "UINT64,u8",
    "FLOAT16,f2",
    "FLOAT32,f4",
    "FLOAT64,f8"
  })
  @DisplayName("rows of each type, in both byte orders and each version of the format")
  void types(DType dtype, String type) throws Exception {
    int width = dtype.bytes();
    byte[] data = new byte[5 * 6 * width];
    new Random(width).nextBytes(data);
    for (String order : width == 1 ? List.of("|") : List.of("<", ">")) {
      for (int version = 1; version <= 3; version++) {
        String descr = "'" + order + type + "'";
        NpyArray array = NpyArray.map(file(npy(version, descr, false, "(5, 2, 3)", data)));
        assertEquals(dtype, array.dtype());
        assertArrayEquals(new long[] {5, 2, 3}, array.shape());
        assertEquals(5, array.rows());
        assertTrue(array.toString().endsWith("array.npy: " + dtype + " [5, 2, 3]"));
        for (int i : new int[] {0, 3, 4}) {
          byte[] expected = Arrays.copyOfRange(data, i * 6 * width, (i + 1) * 6 * width);
          ByteOrder of = order.equals(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
          if (of != ByteOrder.nativeOrder() && width > 1) {
            for (int at = 0; at < expected.length; at += width) {
              for (int k = 0; k < width / 2; k++) {
                byte swapped = expected[at + k];
                expected[at + k] = expected[at + width - 1 - k];
                expected[at + width - 1 - k] = swapped;
              }
            }
          }
          assertArrayEquals(expected, row(dtype, 6, row -> array.copyRow(i, row)));
        }
      }
    }
  }

  @Test
  @DisplayName("an array within a file, of scalars, of none, in Fortran order with one dimension")
  void places() throws Exception {
    byte[] npy = npy(1, "'<i2'", true, "(3,)", new byte[] {1, 0, 2, 0, 3, 0});
    byte[] within = new byte[1000];
    System.arraycopy(npy, 0, within, 77, npy.length);
    NpyArray array = NpyArray.map(file(within), 77);
    assertArrayEquals(
        new byte[] {3, 0}, row(DType.INT16, 1, row -> array.copyRow(2, row)), "little-endian here");
    NpyArray old = NpyArray.map(file(npy(1, "'<i2'", false, "(3L,)", new byte[6])));
    assertEquals(3, old.rows());
    assertEquals(0, NpyArray.map(file(npy(1, "'<i2'", false, "(0, 7)", new byte[0]))).rows());
    assertThrows(IllegalArgumentException.class, () -> NpyArray.map(folder, -1));
  }

  @Test
  @DisplayName("more than 2 GiB, in a sparse file: rows of several maps")
  void large() throws Exception {
    long rows = (5L << 28) + 3; // of 2 bytes: 2.5 GiB
    byte[] start = npy(1, "'<i2'", false, "(" + rows + ",)", new byte[0]);
    Path file = file(start);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (long row : new long[] {(1 << 29) - 1, 1 << 29, rows - 1}) {
        ByteBuffer bytes = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putShort(0, (short) row);
        channel.write(bytes, start.length + 2 * row);
      }
    }
    NpyArray array = NpyArray.map(file);
    for (long row : new long[] {(1 << 29) - 1, 1 << 29, rows - 1, 17}) {
      short expected = row == 17 ? 0 : (short) row;
      row(
          DType.INT16,
          1,
          out -> {
            array.copyRow(row, out);
            assertEquals(expected, out.getShort(0));
          });
    }
    Files.delete(file);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'<U1'",
        "'|S5'",
        "'<c8'",
        "'|O'",
        "'<M8[ns]'",
        "[('a', '<f4'), ('b', '<i2')]",
        "'<f16'",
        ""
      })
  @DisplayName("a type that no array can have is refused, with the header and what to do")
  void otherTypes(String descr) throws Exception {
    Path file = file(npy(1, descr, false, "(1,)", new byte[64]));
    says(
        assertThrows(IOException.class, () -> NpyArray.map(file)),
        "array.npy has elements that no array of a batch can hold",
        "save it with astype(...)",
        descr);
  }

  @Test
  @DisplayName("what is no such file, or not all of one, is told")
  void damaged() throws Exception {
    byte[] good = npy(1, "'<i4'", false, "(5,)", new byte[20]);
    List<byte[]> none = new ArrayList<>();
    none.add(new byte[0]);
    none.add("PK34567890123".getBytes(StandardCharsets.US_ASCII));
    none.add(Arrays.copyOf(good, 9));
    byte[] longHeader = npy(2, "'<i4'", false, "(5,)", new byte[20]);
    longHeader[11] = -1;
    none.add(longHeader);
    none.add(npy(1, "'<i4'", false, "5", new byte[20]));
    for (byte[] content : none) {
      Path file = file(content);
      says(
          assertThrows(IOException.class, () -> NpyArray.map(file)),
          "array.npy is no file of numpy.save: ");
    }
    for (int cut = 1; cut <= 20; cut++) {
      Path file = file(Arrays.copyOf(good, good.length - cut));
      says(
          assertThrows(EOFException.class, () -> NpyArray.map(file)),
          "ends too soon: 20 bytes of elements should be there, not " + (20 - cut));
    }
    for (int length = 0; length < good.length - 20; length++) {
      Path file = file(Arrays.copyOf(good, length));
      assertThrows(IOException.class, () -> NpyArray.map(file));
    }
    for (String shape :
        List.of("(9223372036854775807, 3)", "(99999999999999999999,)", "(3, 1073741824)")) {
      Path file = file(npy(1, "'<i4'", false, shape, new byte[20]));
      assertThrows(IOException.class, () -> NpyArray.map(file));
    }
    Path scalar = file(npy(1, "'<i4'", false, "()", new byte[4]));
    says(assertThrows(IOException.class, () -> NpyArray.map(scalar)), "single number", "[None]");
    Path fortran = file(npy(1, "'<i4'", true, "(1, 5)", new byte[20]));
    says(
        assertThrows(IOException.class, () -> NpyArray.map(fortran)),
        "Fortran order",
        "numpy.ascontiguousarray");
  }

  @Test
  @DisplayName("a row goes only into an array of its type and number of elements")
  void wrongTarget() throws Exception {
    NpyArray array = NpyArray.map(file(npy(1, "'<i4'", false, "(5, 3)", new byte[60])));
    Consumer<HostArray> refuses =
        row -> {
          row.fillZero();
          says(
              assertThrows(IllegalArgumentException.class, () -> array.copyRow(0, row)),
              "INT32 [5, 3]",
              "has 3 elements of type INT32",
              "a row of array 'row' has " + row.elements() + " of type " + row.spec().dtype());
        };
    row(DType.INT32, 2, refuses);
    row(DType.INT32, 4, refuses);
    row(DType.FLOAT32, 3, refuses);
    row(
        DType.INT32,
        3,
        row -> {
          row.fillZero();
          for (long none : new long[] {-1, 5, Long.MAX_VALUE}) {
            says(
                assertThrows(IndexOutOfBoundsException.class, () -> array.copyRow(none, row)),
                "no row " + none);
          }
        });
  }

  private static void says(Throwable t, String... words) {
    for (String word : words) {
      assertTrue(String.valueOf(t.getMessage()).contains(word), () -> word + " in: " + t);
    }
  }
}
