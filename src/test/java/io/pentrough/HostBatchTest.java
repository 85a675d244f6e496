package io.pentrough;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.testkit.Caller;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.Pipe;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a target may do with a batch, and what is found if it does something else. */
class HostBatchTest {

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.UINT8, 4, 5)
          .array("weight", DType.FLOAT32, 6)
          .variableArray("points", DType.INT16, 10, 3)
          .build();

  private final TestMemory memory = new TestMemory(SPEC.slotBytes());
  private final HostBatch batch = new HostBatch(SPEC, memory, 0, null);

  @BeforeEach
  void open() {
    batch.open();
  }

  // ---- elements -----------------------------------------------------------------------------

  @Test
  void arraysAreWrittenInPlaceInNativeOrder() {
    batch.array("image").setByte(19, (byte) 200);
    batch.array("weight").setFloat(5, 1.5f);
    batch.array(2).setShort(29, (short) -2);

    ByteBuffer slot = memory.unsafeBuffer();
    assertEquals((byte) 200, slot.get(19));
    assertEquals(1.5f, slot.getFloat(256 + 5 * 4));
    assertEquals(-2, slot.getShort(512 + 29 * 2));
  }

  /** Random values in, by element and in bulk, and out again the other way. */
  @ParameterizedTest
  @EnumSource(DType.class)
  void everyTypeGoesInAndOut(DType dtype) {
    long seed = 20261122;
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    int n = 50;
    BatchSpec spec = BatchSpec.builder().array("pad", DType.INT8).array("a", dtype, n).build();
    TestMemory slot = new TestMemory(spec.slotBytes());
    HostBatch of = new HostBatch(spec, slot, 0, null);
    of.open();
    HostArray array = of.array("a");

    byte[] raw = new byte[n * dtype.bytes()];
    random.nextBytes(raw);
    ByteBuffer source = ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
    ByteBuffer stored = slot.unsafeBuffer().slice(256, raw.length).order(ByteOrder.nativeOrder());
    switch (dtype.storage()) {
      case BYTE -> {
        array.set(1, raw, 1, n - 1);
        array.setByte(0, raw[0]);
        byte[] out = new byte[n];
        array.get(2, out, 3, n - 3);
        assertEquals(raw[2], out[3]);
        assertEquals(raw[n - 2], out[n - 1]);
        assertEquals(raw[7], array.getByte(7));
      }
      case SHORT -> {
        short[] values = new short[n];
        source.asShortBuffer().get(values);
        array.set(1, values, 1, n - 1);
        array.setShort(0, values[0]);
        short[] out = new short[n];
        array.get(2, out, 3, n - 3);
        assertEquals(values[2], out[3]);
        assertEquals(values[n - 2], out[n - 1]);
        assertEquals(values[7], array.getShort(7));
      }
      case INT -> {
        int[] values = new int[n];
        source.asIntBuffer().get(values);
        array.set(1, values, 1, n - 1);
        array.setInt(0, values[0]);
        int[] out = new int[n];
        array.get(2, out, 3, n - 3);
        assertEquals(values[2], out[3]);
        assertEquals(values[n - 2], out[n - 1]);
        assertEquals(values[7], array.getInt(7));
      }
      case LONG -> {
        long[] values = new long[n];
        source.asLongBuffer().get(values);
        array.set(1, values, 1, n - 1);
        array.setLong(0, values[0]);
        long[] out = new long[n];
        array.get(2, out, 3, n - 3);
        assertEquals(values[2], out[3]);
        assertEquals(values[n - 2], out[n - 1]);
        assertEquals(values[7], array.getLong(7));
      }
      case FLOAT -> {
        float[] values = new float[n];
        source.asFloatBuffer().get(values);
        array.set(1, values, 1, n - 1);
        array.setFloat(0, values[0]);
        float[] out = new float[n];
        array.get(2, out, 3, n - 3);
        assertEquals(values[2], out[3]);
        assertEquals(values[n - 2], out[n - 1]);
        assertEquals(values[7], array.getFloat(7));
      }
      case DOUBLE -> {
        double[] values = new double[n];
        source.asDoubleBuffer().get(values);
        array.set(1, values, 1, n - 1);
        array.setDouble(0, values[0]);
        double[] out = new double[n];
        array.get(2, out, 3, n - 3);
        assertEquals(values[2], out[3]);
        assertEquals(values[n - 2], out[n - 1]);
        assertEquals(values[7], array.getDouble(7));
      }
    }
    assertEquals(ByteBuffer.wrap(raw), stored);

    array.fillZero();
    assertEquals(ByteBuffer.allocate(raw.length), stored);
    source.position(dtype.bytes());
    array.set(1, source);
    assertEquals(0, source.remaining(), "the source is used up");
    assertEquals(
        ByteBuffer.wrap(raw, dtype.bytes(), raw.length - dtype.bytes()).slice(),
        stored.slice(dtype.bytes(), raw.length - dtype.bytes()));
    assertEquals(stored, array.unsafeBuffer());
  }

  /** A typed buffer carries its order, so numbers arrive as they are; raw bytes arrive as bytes. */
  @ParameterizedTest
  @EnumSource(DType.class)
  void buffersOfEitherOrder(DType dtype) {
    int n = 7;
    BatchSpec spec = BatchSpec.builder().array("a", dtype, n).build();
    for (ByteOrder order : new ByteOrder[] {ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN}) {
      HostBatch of = new HostBatch(spec, new TestMemory(spec.slotBytes()), 0, null);
      of.open();
      HostArray array = of.array("a");
      ByteBuffer source = ByteBuffer.allocate(n * 8).order(order);
      Buffer used =
          switch (dtype.storage()) {
            case BYTE -> {
              for (byte i = 1; i <= 5; i++) {
                source.put(i, i);
              }
              ByteBuffer bytes = source.position(2).limit(6);
              array.set(1, bytes);
              assertEquals(5, array.getByte(4));
              yield bytes;
            }
            case SHORT -> {
              ShortBuffer shorts = source.asShortBuffer().put(5, (short) 258).position(2).limit(6);
              array.set(1, shorts);
              assertEquals(258, array.getShort(4));
              yield shorts;
            }
            case INT -> {
              IntBuffer ints = source.asIntBuffer().put(5, 258).position(2).limit(6);
              array.set(1, ints);
              assertEquals(258, array.getInt(4));
              yield ints;
            }
            case LONG -> {
              LongBuffer longs = source.asLongBuffer().put(5, 258).position(2).limit(6);
              array.set(1, longs);
              assertEquals(258, array.getLong(4));
              yield longs;
            }
            case FLOAT -> {
              FloatBuffer floats = source.asFloatBuffer().put(5, 1.25f).position(2).limit(6);
              array.set(1, floats);
              assertEquals(1.25f, array.getFloat(4));
              yield floats;
            }
            case DOUBLE -> {
              DoubleBuffer doubles = source.asDoubleBuffer().put(5, 1.25).position(2).limit(6);
              array.set(1, doubles);
              assertEquals(1.25, array.getDouble(4));
              yield doubles;
            }
          };
      assertEquals(0, used.remaining(), "the source is used up");
      used.position(0);
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> {
            switch (dtype.storage()) {
              case BYTE -> array.set(2, (ByteBuffer) used);
              case SHORT -> array.set(2, (ShortBuffer) used);
              case INT -> array.set(2, (IntBuffer) used);
              case LONG -> array.set(2, (LongBuffer) used);
              case FLOAT -> array.set(2, (FloatBuffer) used);
              case DOUBLE -> array.set(2, (DoubleBuffer) used);
            }
          });
      assertEquals(0, used.position(), "a refused source is not used");
    }
  }

  @Test
  void aPositionBeforeTheFileIsRefused(@TempDir Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(Files.write(folder.resolve("f"), new byte[20]))) {
      assertMessage(
          IllegalArgumentException.class,
          "array 'image' cannot be read from position -1 of a file: give the number of bytes before"
              + " it, 0 or more",
          () -> batch.array("image").readFrom(channel, -1));
    }
  }

  @Test
  void zeroingStopsAtTheEndOfTheArray() {
    BatchSpec spec =
        BatchSpec.builder().array("big", DType.INT8, 20_001).array("next", DType.INT8, 1).build();
    TestMemory slot = new TestMemory(spec.slotBytes());
    ByteBuffer bytes = slot.unsafeBuffer();
    for (int i = 0; i < bytes.capacity(); i++) {
      bytes.put(i, (byte) 1);
    }
    HostBatch of = new HostBatch(spec, slot, 0, null);
    of.open();
    of.array("big").fillZero();
    for (int i = 0; i < bytes.capacity(); i++) {
      assertEquals(i < 20_001 ? 0 : 1, bytes.get(i));
    }
  }

  // ---- misuse: place and type ---------------------------------------------------------------

  @Test
  void writingPastAnArrayIsFoundAndWritesNothing() {
    HostArray image = batch.array("image");
    image.fillZero();
    String one = "index 20 is not inside array 'image', which has 20 elements";
    assertMessage(IndexOutOfBoundsException.class, one, () -> image.setByte(20, (byte) 1));
    assertMessage(IndexOutOfBoundsException.class, one, () -> image.getByte(20));
    assertThrows(IndexOutOfBoundsException.class, () -> image.setByte(-1, (byte) 1));
    byte[] ones = new byte[21];
    String many = "3 elements from index 18 are not inside array 'image', which has 20 elements";
    assertMessage(IndexOutOfBoundsException.class, many, () -> image.set(18, ones, 0, 3));
    assertMessage(IndexOutOfBoundsException.class, many, () -> image.get(18, ones, 0, 3));
    assertMessage(
        IndexOutOfBoundsException.class,
        "21 elements from index 0 are not inside array 'image', which has 20 elements",
        () -> image.set(0, ByteBuffer.wrap(ones)));
    assertThrows(IndexOutOfBoundsException.class, () -> image.set(2, ones, 0, Integer.MAX_VALUE));
    assertThrows(IndexOutOfBoundsException.class, () -> image.set(2, ones, 0, -1));
    assertThrows(IndexOutOfBoundsException.class, () -> image.set(-1, ones, 0, 0));
    assertMessage(
        IndexOutOfBoundsException.class,
        "2 elements from index 20 are not inside the source, which has 21 elements",
        () -> image.set(0, ones, 20, 2));
    assertMessage(
        IndexOutOfBoundsException.class,
        "1 elements from index -1 are not inside the target, which has 21 elements",
        () -> image.get(0, ones, -1, 1));
    image.set(20, ones, 0, 0);
    assertEquals(ByteBuffer.allocate(20), image.unsafeBuffer());
  }

  @Test
  void theWrongPrimitiveIsRefusedWithTheRightOne() {
    HostArray image = batch.array("image");
    HostArray points = batch.array("points");
    assertMessage(
        IllegalArgumentException.class,
        "array 'image' is uint8: use setByte and getByte, or byte[], not float; cast as in (byte)"
            + " 200, or declare the array FLOAT32",
        () -> image.setFloat(0, 1));
    assertMessage(
        IllegalArgumentException.class,
        "array 'points' is int16: use setShort and getShort, or short[], not int; cast with (short), or"
            + " declare the array INT32",
        () -> points.set(0, new int[1], 0, 1));
    assertMessage(
        IllegalArgumentException.class,
        "array 'weight' is float32: use setFloat and getFloat, or float[], not int; or declare the"
            + " array INT32",
        () -> batch.array("weight").getInt(0));
    assertMessage(
        IllegalArgumentException.class,
        "array 'weight' is float32: use setFloat and getFloat, or float[], not byte; or declare the"
            + " array UINT8 or INT8",
        () -> batch.array("weight").setByte(0, (byte) 1));
    assertMessage(
        IllegalArgumentException.class,
        "3 bytes are not a whole number of elements of array 'points', which takes 2 bytes each:"
            + " set the source's limit after a whole element",
        () -> points.set(0, ByteBuffer.allocate(3)));
  }

  // ---- variable shapes ----------------------------------------------------------------------

  @Test
  void aVariableArrayTakesAnyShapeUpToItsMaximum() {
    HostArray points = batch.array("points");
    assertArrayEquals(new int[] {10, 3}, points.shape());
    points.resize(7, 2);
    assertArrayEquals(new int[] {7, 2}, points.shape());
    assertEquals(7, points.dimension(0));
    assertEquals(14, points.elements());
    assertEquals(28, points.unsafeBuffer().remaining());
    assertThrows(IndexOutOfBoundsException.class, () -> points.setShort(14, (short) 1));
    assertThrows(IndexOutOfBoundsException.class, () -> points.dimension(2));
    points.resize(10, 3);
    points.setShort(29, (short) 1);

    String maximum = ": its maximum is [10, 3], and each dimension may be 0 to that";
    for (int[] shape : new int[][] {{11, 3}, {10}, {10, 3, 1}, {-1, 3}, {0, 4}}) {
      assertMessage(
          IllegalArgumentException.class,
          "array 'points' cannot take the shape " + Arrays.toString(shape) + maximum,
          () -> points.resize(shape));
    }
    assertEquals(30, points.elements(), "a refused shape changes nothing");
    assertMessage(
        IllegalArgumentException.class,
        "array 'image' cannot take the shape [4, 4]: it is declared with the fixed shape [4, 5];"
            + " declare it with variableArray",
        () -> batch.array("image").resize(4, 4));
  }

  @Test
  void theEngineLearnsWhatTheFillUsed() {
    int[][] shapes = {null, null, {-1, -1}};
    assertEquals(512 + 60, batch.usedBytes());
    batch.array("points").resize(4, 3);
    batch.close();
    assertEquals(512 + 24, batch.usedBytes());
    batch.copyShapesTo(shapes);
    assertArrayEquals(new int[] {4, 3}, shapes[2]);

    batch.open();
    batch.copyShapesTo(shapes);
    assertArrayEquals(new int[] {10, 3}, shapes[2], "every fill begins at the maximum");
    batch.array("points").resize(0, 3);
    assertEquals(256 + 24, batch.usedBytes(), "an empty array at the end needs no copy");

    BatchSpec variable = BatchSpec.builder().variableArray("a", DType.INT8, 3).build();
    HostBatch empty = new HostBatch(variable, new TestMemory(256), 0, null);
    empty.open();
    empty.array(0).resize(0);
    assertEquals(0, empty.usedBytes());
  }

  // ---- misuse: thread and time --------------------------------------------------------------

  private static final String THREADS_OF_YOUR_OWN =
      ": for threads of your own use HostBatch.concurrentView(); in a Dataset, write on the thread"
          + " of read(...) only, and let workers(n) read several samples at a time";

  @Test
  void anotherThreadIsRefused() throws Exception {
    HostArray image = batch.array("image");
    String message =
        "array 'image' is used on thread helper while it belongs to a fill on thread "
            + Thread.currentThread().getName()
            + THREADS_OF_YOUR_OWN;
    for (Executable use : usesOf(image)) {
      onThread("helper", () -> assertMessage(IllegalStateException.class, message, use));
    }
    String batchMessage = message.replace("array 'image'", "the batch");
    for (Executable use : usesOf(batch)) {
      onThread("helper", () -> assertMessage(IllegalStateException.class, batchMessage, use));
    }
    image.setByte(0, (byte) 1); // the rightful thread is not bothered
  }

  @Test
  void useBetweenFillsIsRefused() throws Exception {
    HostArray image = batch.array("image");
    batch.close();
    String message =
        "array 'image' is used between fills: its fill has returned, and the loader owns it now";
    for (Executable use : usesOf(image)) {
      assertMessage(IllegalStateException.class, message, use);
      onThread("helper", () -> assertMessage(IllegalStateException.class, message, use));
    }
    for (Executable use : usesOf(batch)) {
      assertThrows(IllegalStateException.class, use);
    }
    HostBatch unused = new HostBatch(SPEC, new TestMemory(SPEC.slotBytes()), 0, null);
    assertThrows(IllegalStateException.class, () -> unused.array(0), "before the first fill too");
    assertEquals(SPEC, batch.spec());
    assertEquals(SPEC.array(0), image.spec());
  }

  /** A slot goes from worker to worker: the worker before is a stranger to it. */
  @Test
  void theFormerWorkerIsRefusedDuringTheNextFill() throws Exception {
    HostArray image = batch.array("image");
    batch.close();
    onThread("next", batch::open);
    String message =
        "array 'image' is used on thread "
            + Thread.currentThread().getName()
            + " while it belongs to a fill on thread next"
            + THREADS_OF_YOUR_OWN;
    assertMessage(IllegalStateException.class, message, () -> image.setByte(0, (byte) 1));
  }

  @Test
  void aSharedViewServesAnyThreadUntilTheFillReturns() throws Exception {
    batch.array("points").resize(4, 3);
    HostBatch shared = batch.concurrentView();
    HostArray points = shared.array("points");
    assertEquals(12, points.elements(), "shapes are common");
    onThread(
        "helper",
        () -> {
          points.setShort(11, (short) 7);
          shared.array("image").set(0, new byte[] {1, 2, 3}, 0, 3);
          points.resize(2, 3);
          assertNotSame(points.unsafeBuffer(), points.unsafeBuffer(), "no common position");
        });
    assertEquals(7, memory.unsafeBuffer().getShort(512 + 22));
    assertEquals(2, batch.array("image").getByte(1));
    assertEquals(6, batch.array("points").elements());
    points.setShort(0, (short) 1); // the fill's own thread is any thread, too
  }

  @Test
  void aKeptSharedViewIsFoundForEverAfter() throws Exception {
    HostBatch shared = batch.concurrentView();
    HostArray image = shared.array("image");
    batch.close();
    assertSharedRefused(shared, image);
    batch.open(); // a later fill, same slot, same thread
    assertSharedRefused(shared, image);
    batch.concurrentView().array("image").setByte(0, (byte) 1);
    assertSharedRefused(shared, image);
  }

  private static void assertSharedRefused(HostBatch shared, HostArray image) throws Exception {
    String message =
        "array 'image' is used through a shared view whose fill has returned: call out.concurrentView() in"
            + " each fill, and let its threads end before fill returns";
    for (Executable use : usesOf(image)) {
      assertMessage(IllegalStateException.class, message, use);
      onThread("helper", () -> assertMessage(IllegalStateException.class, message, use));
    }
    for (Executable use : usesOf(shared)) {
      assertThrows(IllegalStateException.class, use);
    }
  }

  @Test
  void sharedIsCalledOnTheFillsThread() throws Exception {
    HostBatch shared = batch.concurrentView();
    onThread(
        "helper",
        () ->
            assertMessage(
                IllegalStateException.class,
                "concurrentView() is called on thread helper: call it on the fill's own thread "
                    + "and hand the view to the others",
                shared::concurrentView));
    shared.concurrentView().array(0).fillZero();
  }

  @Test
  void fillsOfASlotAlternate() throws Exception {
    assertThrows(IllegalStateException.class, batch::open);
    onThread("helper", () -> assertThrows(IllegalStateException.class, batch::close));
    batch.close();
    assertThrows(IllegalStateException.class, batch::close);
  }

  private static Executable[] usesOf(HostArray array) {
    byte[] bytes = new byte[1];
    return new Executable[] {
      () -> array.setByte(0, (byte) 1),
      () -> array.getByte(0),
      () -> array.set(0, bytes, 0, 1),
      () -> array.get(0, bytes, 0, 1),
      () -> array.set(0, ByteBuffer.wrap(bytes)),
      array::fillZero,
      array::shape,
      array::elements,
      () -> array.dimension(0),
      () -> array.resize(1, 1),
      array::unsafeBuffer,
      () -> array.readFrom(channelOf(20)),
    };
  }

  private static Executable[] usesOf(HostBatch batch) {
    return new Executable[] {
      () -> batch.array(0), () -> batch.array("image"), batch::concurrentView
    };
  }

  // ---- channels -----------------------------------------------------------------------------

  @Test
  void readingTakesExactlyTheArrayHoweverTheChannelPortionsIt() throws Exception {
    byte[] content = "0123456789abcdefghij and more".getBytes(US_ASCII);
    ReadableByteChannel whole = Channels.newChannel(new ByteArrayInputStream(content));
    ReadableByteChannel portions = new Portions(whole);
    HostArray image = batch.array("image");
    image.unsafeBuffer().position(7); // the user's view is not what channels read into
    image.readFrom(portions);
    byte[] read = new byte[20];
    image.get(0, read, 0, 20);
    assertEquals("0123456789abcdefghij", new String(read, US_ASCII));
    assertEquals(1, whole.read(ByteBuffer.allocate(1)), "the rest stays in the channel");

    HostArray points = batch.array("points");
    points.resize(2, 2);
    points.setShort(3, (short) 0);
    points.readFrom(Channels.newChannel(new ByteArrayInputStream(content, 0, 8)));
    assertEquals(content[7], points.unsafeBuffer().get(7));
  }

  @Test
  void aShortChannelSaysHowMuchIsMissing(@TempDir Path folder) throws Exception {
    HostArray image = batch.array("image");
    String message = "the channel ended 12 bytes short of the 20 of array 'image'";
    assertMessage(EOFException.class, message, () -> image.readFrom(channelOf(8)));
    image.readFrom(channelOf(20)); // and the next read begins anew

    Path file = Files.write(folder.resolve("data"), new byte[108]);
    try (FileChannel channel = FileChannel.open(file)) {
      image.readFrom(channel, 88);
      assertMessage(EOFException.class, message, () -> image.readFrom(channel, 100));
      assertEquals(0, channel.position());
    }
  }

  @Test
  void filesAreReadFromTheirPlace(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("data"), "0123456789abcdefghijklmnop");
    try (FileChannel channel = FileChannel.open(file)) {
      batch.array("image").readFrom(channel, 5);
      HostArray shared = batch.concurrentView().array("image");
      onThread("helper", () -> shared.readFrom(channel, 6));
    }
    assertEquals((byte) '6', batch.array("image").getByte(0));
    assertEquals((byte) 'p', batch.array("image").getByte(19));
  }

  @Test
  void aNonBlockingChannelIsRefusedInsteadOfSpinning() throws Exception {
    Pipe pipe = Pipe.open();
    try (Pipe.SourceChannel source = pipe.source();
        Pipe.SinkChannel sink = pipe.sink()) {
      source.configureBlocking(false);
      assertEquals(3, sink.write(ByteBuffer.allocate(3)));
      IOException refusal =
          assertThrows(IOException.class, () -> batch.array("image").readFrom(source));
      assertEquals(
          "the channel gave no bytes for array 'image': it is in non-blocking mode; readFrom needs"
              + " a blocking channel",
          refusal.getMessage());
    }
  }

  /** The fill returns while a helper still blocks in the channel: no second portion is read. */
  @Test
  void aReadThatOutlivesItsFillStops() {
    HostArray image = batch.concurrentView().array("image");
    ReadableByteChannel ending =
        new Portions(channelOf(20)) {
          @Override
          public int read(ByteBuffer target) throws IOException {
            batch.close();
            return super.read(target);
          }
        };
    assertThrows(IllegalStateException.class, () -> image.readFrom(ending));
    batch.open();
    assertSame(batch.array("image"), batch.array("image"));
  }

  /** Gives out at most three bytes at a time. */
  private static class Portions implements ReadableByteChannel {
    private final ReadableByteChannel source;

    Portions(ReadableByteChannel source) {
      this.source = source;
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      ByteBuffer portion = ByteBuffer.allocate(Math.min(3, target.remaining()));
      int read = source.read(portion);
      target.put(portion.flip());
      return read;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  private static ReadableByteChannel channelOf(int bytes) {
    return Channels.newChannel(new ByteArrayInputStream(new byte[bytes]));
  }

  // ---- views and heap -----------------------------------------------------------------------

  @Test
  void theUnsafeViewStartsOverAtEachCall() {
    HostArray weight = batch.array("weight");
    ByteBuffer view = weight.unsafeBuffer();
    view.order(ByteOrder.BIG_ENDIAN).position(8).limit(12);
    assertSame(view, weight.unsafeBuffer());
    assertEquals(0, view.position());
    assertEquals(24, view.limit());
    assertEquals(ByteOrder.nativeOrder(), view.order());
    batch.close();
    batch.open();
    assertSame(view, weight.unsafeBuffer());
  }

  @Test
  void aFillAllocatesNothing(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("data"), new byte[100]);
    byte[] bytes = new byte[20];
    int[] shape = {3, 3};
    int[][] shapes = {null, null, {0, 0}};
    long[] used = {0};
    batch.close();
    try (FileChannel channel = FileChannel.open(file)) {
      ByteBuffer plain = ByteBuffer.allocateDirect(20);
      long byTheJdk =
          Allocations.bytesOf(
              () -> {
                for (int i = 0; i < 1000; i++) {
                  channel.read(plain.clear(), 5);
                }
              });
      long byTheFill =
          Allocations.bytesOf(
              () -> {
                for (int i = 0; i < 1000; i++) {
                  batch.open();
                  HostArray image = batch.array("image");
                  image.fillZero();
                  image.setByte(3, (byte) i);
                  image.set(0, bytes, 0, 20);
                  image.readFrom(channel, 5);
                  batch.array("weight").unsafeBuffer().putFloat(1f);
                  batch.array("points").resize(shape);
                  batch.close();
                  used[0] += batch.usedBytes();
                  batch.copyShapesTo(shapes);
                }
              });
      assertEquals(byTheJdk, byTheFill);
    }
  }

  // ---- helpers ------------------------------------------------------------------------------

  private static void assertMessage(
      Class<? extends Exception> type, String message, Executable use) {
    assertEquals(message, assertThrows(type, use).getMessage());
  }

  /** Runs something on another thread, to its end; what it throws, this throws. */
  private static void onThread(String name, Executable work) throws Exception {
    Caller.run(
            () -> {
              Thread.currentThread().setName(name);
              try {
                work.execute();
              } catch (Exception | Error e) {
                throw e;
              } catch (Throwable t) {
                throw new AssertionError(t);
              }
            })
        .result();
  }
}
