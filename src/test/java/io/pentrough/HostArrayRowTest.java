package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.testkit.Caller;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One row of an array is a part of it, whichever way it is written and read. */
class HostArrayRowTest {

  private static final int ROWS = 4;
  private static final int ELEMENTS = 6;

  private static HostBatch open(BatchSpec spec) {
    HostBatch batch = new HostBatch(spec, new TestMemory(spec.slotBytes()), 0, null);
    batch.open();
    return batch;
  }

  private static HostBatch open(DType dtype) {
    return open(BatchSpec.builder().array("a", dtype, ROWS, 3, 2).build());
  }

  private static byte[] bytes(HostArray array) {
    byte[] all = new byte[array.unsafeBuffer().remaining()];
    array.unsafeBuffer().get(all);
    return all;
  }

  /** An argument for each parameter but the first, which is an index; the same for both calls. */
  private static Object[] arguments(Method method, DType dtype, Random random) {
    Class<?>[] types = method.getParameterTypes();
    Object[] arguments = new Object[types.length];
    arguments[0] = 2;
    for (int i = 1; i < types.length; i++) {
      Class<?> type = types[i];
      if (Buffer.class.isAssignableFrom(type)) {
        byte[] raw = new byte[3 * dtype.bytes()];
        random.nextBytes(raw);
        ByteBuffer buffer = ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
        arguments[i] =
            switch (type.getSimpleName()) {
              case "ByteBuffer" -> buffer;
              case "ShortBuffer" -> buffer.asShortBuffer();
              case "IntBuffer" -> buffer.asIntBuffer();
              case "LongBuffer" -> buffer.asLongBuffer();
              case "FloatBuffer" ->
                  dtype.isHalf()
                      ? FloatBuffer.wrap(new float[] {1.5f, -2, random.nextFloat()})
                      : buffer.asFloatBuffer();
              default -> buffer.asDoubleBuffer();
            };
      } else if (type.isArray()) {
        Object array = Array.newInstance(type.getComponentType(), 5);
        for (int k = 0; k < 5; k++) {
          Array.set(array, k, number(type.getComponentType(), random));
        }
        arguments[i] = array;
      } else if (type == int.class && types.length == 4) {
        arguments[i] = i == 2 ? 1 : 3; // from, count
      } else {
        arguments[i] = number(type, random);
      }
    }
    return arguments;
  }

  private static Object number(Class<?> type, Random random) {
    return switch (type.getName()) {
      case "byte" -> (byte) random.nextInt();
      case "short" -> (short) random.nextInt();
      case "int" -> random.nextInt();
      case "long" -> random.nextLong();
      case "float" -> random.nextFloat();
      default -> random.nextDouble();
    };
  }

  private static Object[] copies(Object[] arguments) {
    return Arrays.stream(arguments)
        .map(
            argument ->
                argument instanceof Buffer buffer
                    ? buffer.duplicate()
                    : argument.getClass().isArray() ? copyOf(argument) : argument)
        .toArray();
  }

  private static Object copyOf(Object array) {
    int length = Array.getLength(array);
    Object copy = Array.newInstance(array.getClass().getComponentType(), length);
    System.arraycopy(array, 0, copy, 0, length);
    return copy;
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  @DisplayName("every way of writing and reading does in a row what it does in the whole array")
  void everyMethod(DType dtype) throws Exception {
    Random random = new Random(20261129);
    List<String> worked = new ArrayList<>();
    for (Method method : HostArray.class.getMethods()) {
      boolean moves = method.getName().matches("(set|get)(Byte|Short|Int|Long|Float|Double)?");
      if (!moves) {
        continue;
      }
      HostArray whole = open(dtype).array(0);
      HostArray other = open(dtype).array(0);
      HostArray third = open(dtype).array(0);
      byte[] before = new byte[whole.elements() * dtype.bytes()];
      random.nextBytes(before);
      whole.set(0, ByteBuffer.wrap(before));
      other.set(0, ByteBuffer.wrap(before));
      third.set(0, ByteBuffer.wrap(before));
      Object[] inWhole = arguments(method, dtype, random);
      Object[] inRow = copies(inWhole);
      Object[] inRows = copies(inWhole);
      inWhole[0] = 2 * ELEMENTS + 2;
      inRows[0] = ELEMENTS + 2;
      Object expected;
      try {
        expected = method.invoke(whole, inWhole);
      } catch (InvocationTargetException e) {
        continue; // not of this type
      }
      assertEquals(expected, method.invoke(other.row(2), inRow), method::toString);
      assertArrayEquals(bytes(whole), bytes(other), method::toString);
      assertEquals(expected, method.invoke(third.rows(1, 2), inRows), method::toString);
      assertArrayEquals(bytes(whole), bytes(third), method::toString);
      for (int i = 1; i < inRow.length; i++) {
        if (inRow[i].getClass().isArray()) {
          assertEquals(
              Arrays.deepToString(new Object[] {inWhole[i]}),
              Arrays.deepToString(new Object[] {inRow[i]}),
              method::toString);
        }
      }
      worked.add(method.getName());
    }
    int ways = dtype.isHalf() ? 11 : dtype.bytes() == 1 ? 5 : 6;
    assertEquals(ways, worked.size(), worked::toString);
  }

  @Test
  @DisplayName("fillZero, unsafeBuffer and channels touch one row")
  void others(@TempDir Path folder) throws IOException {
    HostBatch batch = open(DType.INT16);
    HostArray whole = batch.array(0);
    for (int i = 0; i < whole.elements(); i++) {
      whole.setShort(i, (short) -1);
    }
    whole.row(1).fillZero();
    byte[] data = new byte[2 * ELEMENTS + 5];
    Arrays.fill(data, (byte) 2);
    whole.row(2).readFrom(Channels.newChannel(new ByteArrayInputStream(data)));
    Path file = folder.resolve("file");
    Arrays.fill(data, 5, data.length, (byte) 3);
    Files.write(file, data);
    try (FileChannel channel = FileChannel.open(file)) {
      whole.row(3).readFrom(channel, 5);
      EOFException e = assertThrows(EOFException.class, () -> whole.row(3).readFrom(channel, 6));
      assertSays(e, "1 bytes short of the 12 of array 'a'");
    }
    short[] expected = new short[ROWS * ELEMENTS];
    Arrays.fill(expected, 0, 6, (short) -1);
    Arrays.fill(expected, 12, 18, (short) 0x0202);
    Arrays.fill(expected, 18, 24, (short) 0x0303);
    short[] seen = new short[expected.length];
    whole.get(0, seen, 0, seen.length);
    assertArrayEquals(expected, seen);

    ByteBuffer second = whole.row(1).unsafeBuffer();
    assertEquals(0, second.position());
    assertEquals(12, second.remaining());
    second.putShort(0, (short) 77).position(4);
    assertEquals(77, whole.getShort(6));
    assertSame(second, whole.row(1).unsafeBuffer(), "no heap");
    assertEquals(0, second.position());
    assertNotSame(second, whole.row(2).unsafeBuffer());
  }

  @Test
  @DisplayName("shapes: without the first dimension; a scalar; rows of rows; a resized array")
  void shapes() {
    HostBatch batch =
        open(
            BatchSpec.builder()
                .array("a", DType.INT32, 2, 3, 4)
                .array("label", DType.INT8, 5)
                .variableArray("points", DType.INT32, 3, 4)
                .variableArray("values", DType.INT8, 7)
                .array("scalar", DType.INT8)
                .build());
    HostArray row = batch.array("a").row(1);
    assertArrayEquals(new int[] {3, 4}, row.shape());
    assertEquals(12, row.elements());
    assertEquals("a: int32 [3, 4]", row.toString());
    row.row(2).setInt(3, 9);
    assertEquals(9, batch.array("a").getInt(23));
    row.row(2).unsafeBuffer().putInt(0, 8);
    batch.array("a").row(0).row(2).unsafeBuffer().putInt(0, 7);
    assertEquals(8, batch.array("a").getInt(20));
    assertEquals(7, batch.array("a").getInt(8));
    HostArray label = batch.array("label").row(4);
    assertEquals(1, label.elements());
    label.setByte(0, (byte) 6);
    assertEquals(6, batch.array("label").getByte(4));
    HostArray points = batch.array("points");
    points.resize(3, 2);
    points.row(2).setInt(1, 5);
    assertEquals(5, points.getInt(5));
    assertEquals(2, points.row(0).elements());
    assertEquals(8, points.row(2).unsafeBuffer().remaining());
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> points.row(0).resize(1)),
        "one row of array 'points'",
        "resize the array");
    assertEquals(1, batch.array("values").row(6).elements());
    assertSays(
        assertThrows(IndexOutOfBoundsException.class, () -> batch.array("scalar").row(0)),
        "no row 0 in array 'scalar', which has no dimension");
  }

  @Test
  @DisplayName("several rows: their shape, rows of rows, a resized array, none at all")
  void severalRows() {
    HostBatch batch =
        open(
            BatchSpec.builder()
                .array("a", DType.INT32, 4, 3, 2)
                .variableArray("points", DType.INT32, 3, 4, 2)
                .array("label", DType.INT8, 5)
                .array("scalar", DType.INT8)
                .build());
    HostArray a = batch.array("a");
    assertArrayEquals(new int[] {2, 3, 2}, a.rows(1, 2).shape());
    assertEquals(12, a.rows(1, 2).elements());
    a.rows(1, 3).row(1).setInt(5, 7);
    assertEquals(7, a.getInt(2 * 6 + 5));
    a.rows(1, 3).rows(1, 2).setInt(6, 8);
    assertEquals(8, a.getInt(3 * 6));
    a.row(2).rows(1, 2).setInt(3, 9);
    assertEquals(9, a.getInt(2 * 6 + 5));
    a.row(0).row(0).setInt(0, 1);
    a.rows(0, 2).fillZero();
    assertEquals(0, a.getInt(0));
    assertEquals(9, a.getInt(2 * 6 + 5), "the others stay");
    assertEquals(48, a.rows(1, 2).unsafeBuffer().remaining());
    a.rows(3, 1).unsafeBuffer().putInt(0, 5);
    a.row(2).rows(0, 1).unsafeBuffer().putInt(4, 6);
    assertEquals(5, a.getInt(18));
    assertEquals(6, a.getInt(13));
    assertEquals(0, a.rows(1, 0).unsafeBuffer().remaining());
    for (int row = 0; row < 4; row++) {
      assertEquals(24, a.row(row).unsafeBuffer().remaining(), "a row has a buffer of its own");
    }
    HostArray points = batch.array("points");
    points.resize(3, 1, 2);
    assertArrayEquals(new int[] {2, 1, 2}, points.rows(1, 2).shape());
    points.rows(1, 2).setInt(3, 4);
    points.row(2).rows(0, 1).setInt(0, 3);
    assertEquals(4, points.getInt(5));
    assertEquals(3, points.getInt(4));
    points.resize(3, 0, 2);
    assertEquals(0, points.row(2).rows(0, 0).elements());
    assertEquals(0, points.row(2).rows(0, 0).unsafeBuffer().remaining());
    points.resize(0, 4, 2);
    assertArrayEquals(new int[] {0, 4, 2}, points.rows(0, 0).shape());
    assertEquals(0, batch.array("label").rows(5, 0).elements());
    batch.array("label").rows(3, 2).setByte(1, (byte) 2);
    assertEquals(2, batch.array("label").getByte(4));
    for (int[] range : new int[][] {{-1, 1}, {0, -1}, {4, 1}, {2, 3}, {1, Integer.MAX_VALUE}}) {
      assertSays(
          assertThrows(IndexOutOfBoundsException.class, () -> a.rows(range[0], range[1])),
          "no " + range[1] + " rows from row " + range[0] + " in array 'a', which has 4 rows");
    }
    assertSays(
        assertThrows(IndexOutOfBoundsException.class, () -> batch.array("scalar").rows(0, 0)),
        "array 'scalar', which has no dimension");
    HostArray rows = a.rows(1, 2);
    assertThrows(IndexOutOfBoundsException.class, () -> rows.setInt(12, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> rows.row(2));
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> points.rows(0, 0).resize(1, 1, 1)),
        "some rows of array 'points'");
    assertSame(a.rows(0, 1), a.rows(1, 2));
    HostArray shared = batch.concurrentView().array("a");
    assertNotSame(shared.rows(0, 1), shared.rows(0, 1));
    shared.rows(1, 2).row(1).setInt(0, 11);
    assertEquals(11, a.getInt(12));
    batch.close();
    assertThrows(IllegalStateException.class, () -> a.rows(0, 1));
    assertThrows(IllegalStateException.class, () -> rows.setInt(0, 1));
  }

  @Test
  @DisplayName("bad input: no such row, and elements of the neighbour")
  void outside() {
    HostArray array = open(DType.INT32).array(0);
    for (int row : new int[] {-1, ROWS}) {
      assertSays(
          assertThrows(IndexOutOfBoundsException.class, () -> array.row(row)),
          "no row " + row + " in array 'a', which has 4 rows");
    }
    HostArray row = array.row(1);
    assertThrows(IndexOutOfBoundsException.class, () -> row.setInt(ELEMENTS, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> row.getInt(-1));
    assertThrows(IndexOutOfBoundsException.class, () -> row.set(4, new int[3], 0, 3));
    assertArrayEquals(new byte[ROWS * ELEMENTS * Integer.BYTES], bytes(array));
  }

  @Test
  @DisplayName("one view for the fill's thread; one for each call on a shared view; none later")
  void whose() throws Exception {
    HostBatch batch = open(DType.INT32);
    HostArray array = batch.array(0);
    assertSame(array.row(0), array.row(3));
    HostArray row = array.row(2);
    HostArray shared = batch.concurrentView().array(0);
    assertNotSame(shared.row(0), shared.row(0));
    Caller.start(
            () -> {
              HostArray first = shared.row(0);
              HostArray last = shared.row(3);
              first.setInt(0, 1);
              last.setInt(0, 4);
              last.unsafeBuffer().putInt(4, 5);
              return assertThrows(IllegalStateException.class, () -> row.setInt(0, 3));
            })
        .result();
    assertEquals(1, array.getInt(0));
    assertEquals(4, array.getInt(18));
    assertEquals(5, array.getInt(19));
    batch.close();
    assertThrows(IllegalStateException.class, () -> row.setInt(0, 3));
    assertThrows(IllegalStateException.class, row::unsafeBuffer);
    assertThrows(IllegalStateException.class, () -> array.row(0));
  }
}
