package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.TestStages.Expand;
import io.pentrough.TestStages.TwicePlusOne;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestKernels;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Threads;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stages: what is declared, drawn, queued and delivered, and what happens if one fails. */
@OnEveryDevice
class StageTest {

  private static final int PIXELS = 3 * 67;

  private static final BatchSpec SPEC =
      BatchSpec.builder().array("image", DType.UINT8, 3, 67).array("label", DType.INT32, 3).build();

  private final Device device = TestDevice.openForGates();

  private static void fill(HostBatch out, BatchContext context) {
    byte[] image = new byte[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
      image[i] = (byte) (31L * i + 7 * context.index());
    }
    out.array("image").set(0, image, 0, PIXELS);
    for (int i = 0; i < 3; i++) {
      out.array("label").setInt(i, (int) context.index() + i);
    }
  }

  private BackgroundLoader.Builder loader(BatchStage... stages) {
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, SPEC, StageTest::fill).name("staged").seed(11);
    for (BatchStage stage : stages) {
      builder.stage(stage);
    }
    return builder;
  }

  /** What the stage draws for a batch, computed aside. */
  private static float[] drawn(long index, int place) {
    BatchContext context = new BatchContext(0, Philox4x32.seedOfStage(11, place));
    context.begin(0, index, 0);
    return new float[] {Expand.scale(context), context.random().nextFloat()};
  }

  private static float[] floats(DeviceBatch batch, String name) {
    ByteBuffer bytes = bytes(batch, name);
    float[] values = new float[bytes.remaining() / 4];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  private static ByteBuffer bytes(DeviceBatch batch, String name) {
    DeviceArray array = batch.array(name);
    ByteBuffer bytes =
        ByteBuffer.allocate(array.elements() * array.spec().dtype().bytes())
            .order(ByteOrder.nativeOrder());
    array.copyTo(bytes);
    return bytes.flip();
  }

  private static float[] expanded(long index, float[] drawn) {
    float[] expected = new float[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
      expected[i] = Math.fma((float) ((31L * i + 7 * index) & 0xff), drawn[0], drawn[1]);
    }
    return expected;
  }

  private static void check(DeviceBatch batch) {
    long index = batch.index();
    assertArrayEquals(expanded(index, drawn(index, 0)), floats(batch, "image"));
    assertEquals(index + 2, bytes(batch, "label").getInt(8));
  }

  @ParameterizedTest(name = "{0} workers, ordered: {1}")
  @CsvSource({"1, true", "3, true", "3, false"})
  @DisplayName("I8, I9: bytes go in and floats come out, by parameters drawn for each batch")
  void expands(int workers, boolean ordered) throws Exception {
    BackgroundLoader.Builder builder = loader(new Expand()).workers(workers);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      for (int i = 0; i < 20; i++) {
        try (DeviceBatch batch =
            i % 3 == 0
                ? loader.getQueued(device.defaultStream(), patience())
                : loader.get(patience())) {
          assertEquals(
              "{image: float32 [3, 67], label: int32 [3]}", batch.spec().toString(), "the order");
          assertArrayEquals(new int[] {3, 67}, batch.array("image").shape());
          assertEquals(4 * PIXELS, batch.array("image").buffer().bytes());
          check(batch);
        }
        if (i == 7) {
          loader.reset();
        }
      }
      // The parameters take 256 bytes, the image 201 and the labels 12 behind 256.
      assertEquals(20 * (256 + 256 + 12), loader.stats().bytes(), "what crossed the bus");
    }
  }

  @Test
  @DisplayName("stages chain: each sees what those before it left, and draws on its own")
  void chain() throws Exception {
    BatchSpec weighed =
        BatchSpec.builder()
            .array("weights", DType.FLOAT32, 2)
            .array("image", DType.UINT8, 3, 67)
            .array("label", DType.INT32, 3)
            .build();
    BatchTarget target =
        (out, context) -> {
          fill(out, context);
          out.array("weights").setFloat(0, (float) context.index());
          out.array("weights").setFloat(1, (float) context.index() + 0.5f);
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, weighed, target)
            .seed(11)
            .stage(new TwicePlusOne("weights", "twice"))
            .stage(new Expand())
            .stage(new TwicePlusOne("image", "image"))
            .stage(new TwicePlusOne("image", "more"))
            .stage(declaring(arrays -> arrays.drops("label")))
            .start()) {
      for (int i = 0; i < 8; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(
              "{weights: float32 [2], image: float32 [3, 67], twice: float32 [2],"
                  + " more: float32 [3, 67]}",
              batch.spec().toString());
          float[] image = expanded(i, drawn(i, 1)); // the second stage
          assertArrayEquals(twicePlusOne(image), floats(batch, "image"));
          assertArrayEquals(twicePlusOne(twicePlusOne(image)), floats(batch, "more"));
          float[] weights = {i, i + 0.5f};
          assertArrayEquals(weights, floats(batch, "weights"));
          assertArrayEquals(twicePlusOne(weights), floats(batch, "twice"));
        }
      }
    }
  }

  private static float[] twicePlusOne(float[] values) {
    float[] result = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = Math.fma(2, values[i], 1);
    }
    return result;
  }

  @Test
  @DisplayName("two stages of a kind draw different numbers, and so does the target")
  void ownNumbers() {
    assertNotEquals(Arrays.toString(drawn(3, 0)), Arrays.toString(drawn(3, 1)));
    BatchContext target = new BatchContext(0, 11);
    target.begin(0, 3, 0);
    float[] byTarget = {Expand.scale(target), target.random().nextFloat()};
    assertNotEquals(Arrays.toString(drawn(3, 0)), Arrays.toString(byTarget));
  }

  @Test
  @DisplayName("the target sees what a stage has drawn, before it fills")
  void parametersInTheTarget() throws Exception {
    Expand stage = new Expand();
    BatchTarget target =
        (out, context) -> {
          fill(out, context);
          ByteBuffer parameters = out.parameters(stage);
          assertTrue(parameters.isReadOnly());
          assertEquals(8, parameters.remaining());
          out.array("label").setInt(0, Float.floatToRawIntBits(parameters.getFloat(0)));
          out.concurrentView().parameters(stage);
          assertSays(
              assertThrows(IllegalArgumentException.class, () -> out.parameters(new Expand())),
              "'Expand' is not one of this loader's stages");
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, target).seed(11).stage(stage).start()) {
      for (int i = 0; i < 3; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(drawn(i, 0)[0], bytes(batch, "label").getFloat(0));
        }
      }
    }
    BatchTarget without = (out, context) -> out.parameters(stage);
    try (BackgroundLoader loader = BackgroundLoader.builder(device, SPEC, without).start()) {
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertSays(Objects.requireNonNull(e.getCause()), "no stages");
    }
  }

  @Test
  @DisplayName("what a stage makes like a variable array has that array's shape in each batch")
  void variableArrays() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .variableArray("image", DType.UINT8, 5, 4)
            .array("tail", DType.INT32, 1)
            .build();
    BatchTarget target =
        (out, context) -> {
          int rows = (int) (context.index() % 6);
          out.array("image").resize(rows, 4);
          for (int i = 0; i < 4 * rows; i++) {
            out.array("image").setByte(i, (byte) i);
          }
          out.array("tail").setInt(0, rows);
          out.size(1 + rows % 5);
        };
    List<String> seen = new ArrayList<>();
    BatchStage looking =
        new BatchStage() {
          @Override
          public void declare(StageArrays arrays) {
            assertTrue(arrays.reads("image").isVariable());
            arrays.makes("fixed", DType.INT8, 9);
          }

          @Override
          public StageWork prepare(StageSlot slot) {
            return run ->
                seen.add(
                    "%d.%d of %d: %d x %d, %d"
                        .formatted(
                            run.epoch(),
                            run.index(),
                            run.size(),
                            run.dimension("image", 0),
                            run.dimension("image", 1),
                            run.dimension("fixed", 0)));
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, target)
            .seed(11)
            .stage(new Expand())
            .stage(looking)
            .start()) {
      for (int i = 0; i < 12; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          int rows = i % 6;
          assertEquals(1 + rows % 5, batch.size());
          int counting = Math.min(rows, 1 + rows % 5); // of all 5, one
          assertArrayEquals(new int[] {counting, 4}, batch.array("image").shape());
          assertArrayEquals(new int[] {9}, batch.array("fixed").shape());
          assertEquals(rows, bytes(batch, "tail").getInt(0));
          float[] values = floats(batch, "image");
          assertEquals(4 * counting, values.length);
          for (int p = 0; p < values.length; p++) {
            assertEquals(Math.fma(p, drawn(i, 0)[0], drawn(i, 0)[1]), values[p]);
          }
        }
      }
    }
    assertEquals("0.3 of 4: 3 x 4, 9", seen.get(3));
    assertEquals("0.5 of 1: 1 x 4, 9", seen.get(5));
  }

  // ---- order

  @Test
  @DisplayName(
      "while a stage works, the next copies flow: it holds up neither them nor the workers")
  void copiesFlowMeanwhile() throws Exception {
    AtomicInteger filled = new AtomicInteger();
    BatchTarget target =
        (out, context) -> {
          fill(out, context);
          filled.incrementAndGet();
        };
    List<TestDevice.Gate> gates = new ArrayList<>();
    BatchStage held =
        working(
            run -> {
              if (run.index() == 0) {
                gates.add(TestDevice.gate(run.stream()));
              }
            });
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, target)
            .hostSlots(1)
            .deviceSlots(3)
            .stage(held)
            .start()) {
      until("three batches to be copied, and the next to be filled", () -> filled.get() == 4);
      assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO), "not ready");
      assertTrue(loader.stats().stageBusyShare() > 0);
      gates.get(0).open();
      loader.get(patience()).close();
      gates.get(0).close();
    }
  }

  @Test
  @DisplayName("I7: a loader closed under a stage's work waits for it")
  void closeUnderAStage() throws Exception {
    List<TestDevice.Gate> gates = new ArrayList<>();
    BatchStage held =
        working(
            run -> {
              if (run.index() == 0) {
                gates.add(TestDevice.gate(run.stream()));
              }
            });
    AtomicInteger queued = new AtomicInteger();
    BackgroundLoader loader =
        loader(new Expand(), held, working(run -> queued.incrementAndGet())).start();
    until("a batch in the stages", () -> queued.get() > 0);
    Caller<Boolean> closer =
        Caller.start(
            () -> {
              loader.close();
              return TestDevice.nothingLive(device);
            });
    until("close() to wait", () -> Threads.isWaiting(closer.thread));
    gates.get(0).open();
    // The gate itself counts as something of the device's until it is closed.
    closer.result();
    gates.get(0).close();
  }

  // ---- failures

  private static BatchStage failingAt(long index, Throwable failure) {
    return working(
        run -> {
          if (run.index() == index) {
            throw sneaky(failure);
          }
        });
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> Exception sneaky(Throwable t) throws T {
    throw (T) t;
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I5: what a stage throws is told at its batch's place, and the next one comes")
  void stageThrows(boolean ordered) throws Exception {
    Error failure = new AssertionError("made up");
    BackgroundLoader.Builder builder = loader(new Expand(), failingAt(2, failure));
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      List<Long> order = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        try (DeviceBatch batch = loader.getQueued(device.defaultStream(), patience())) {
          order.add(batch.index());
          check(batch);
        } catch (TargetException e) {
          order.add(e.index());
          assertEquals(2, e.index());
          assertSays(e, "a stage failed at index 2 of epoch 0");
          StageException cause = assertInstanceOf(StageException.class, e.getCause());
          assertSays(cause, "stage 'working' failed: java.lang.AssertionError: made up");
          assertSame(failure, cause.getCause());
        }
      }
      if (!ordered) {
        Collections.sort(order); // a failure may overtake
      }
      assertEquals(List.of(0L, 1L, 2L, 3L, 4L, 5L), order);
      assertEquals(1, loader.stats().failures());
    }
  }

  @ParameterizedTest(name = "skipped: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I5: a failure gives its device slot back, also where it is the only one")
  void failureInTheOnlySlot(boolean skipped) throws Exception {
    BackgroundLoader.Builder builder =
        loader(failingAt(1, new IllegalStateException("made up"))).deviceSlots(1).hostSlots(2);
    if (skipped) {
      builder.onFailure(FailurePolicy.skip(1, (epoch, index, cause) -> {}));
    }
    try (BackgroundLoader loader = builder.start()) {
      loader.get(patience()).close();
      if (!skipped) {
        TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
        assertEquals(1, e.index());
      }
      try (DeviceBatch batch = loader.get(patience())) {
        assertEquals(2, batch.index());
      }
    }
  }

  @Test
  @DisplayName("a stage's failure is skipped where the policy says so, with the stage's name")
  void skipped() throws Exception {
    List<String> told = new ArrayList<>();
    try (BackgroundLoader loader =
        loader(failingAt(1, new IllegalStateException("made up")))
            .onFailure(
                FailurePolicy.skip(5, (epoch, index, cause) -> told.add(index + ": " + cause)))
            .start()) {
      for (int index : new int[] {0, 2, 3}) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(index, batch.index());
        }
      }
      assertEquals(1, loader.stats().skips());
    }
    assertEquals(1, told.size());
    assertTrue(told.get(0).contains("stage 'working' failed"), told::toString);
  }

  @Test
  @DisplayName("I8: a draw that throws fails its batch; a retry draws the same numbers")
  void drawThrows() throws Exception {
    ConcurrentHashMap<Long, Float> first = new ConcurrentHashMap<>();
    Expand once =
        new Expand() {
          @Override
          public void draw(BatchContext context, ByteBuffer parameters) throws Exception {
            super.draw(context, parameters);
            Float before = first.putIfAbsent(context.index(), parameters.getFloat(0));
            if (before == null && context.index() % 2 == 1) {
              throw new IllegalStateException("made up");
            }
            assertTrue(before == null || before == parameters.getFloat(0));
          }

          @Override
          public String name() {
            return "once";
          }
        };
    try (BackgroundLoader loader = loader(once).start()) {
      loader.get(patience()).close();
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertSays(
          Objects.requireNonNull(e.getCause()), "stage 'once' could not draw its parameters");
    }
    first.clear();
    try (BackgroundLoader loader = loader(once).onFailure(FailurePolicy.retry(1)).start()) {
      for (int i = 0; i < 4; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(i, batch.index());
          check(batch);
        }
      }
    }
  }

  @Test
  @DisplayName("a kernel that cannot be launched is told at its batch, with the stage's name")
  void launchRefused() throws Exception {
    BatchStage unset =
        new BatchStage() {
          @Override
          public String name() {
            return "unset";
          }

          @Override
          public void declare(StageArrays arrays) {
            arrays.reads("image");
          }

          @Override
          public StageWork prepare(StageSlot slot) {
            var kernel = slot.kernel(TestStages.SOURCE, "twicePlusOne");
            return run -> kernel.launch(run.stream());
          }
        };
    try (BackgroundLoader loader = loader(unset).start()) {
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertSays(Objects.requireNonNull(e.getCause()), "stage 'unset' failed", "twicePlusOne");
      e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertEquals(1, e.index());
    }
  }

  @Test
  @DisplayName("a stage that cannot be prepared ends the start, and nothing is left")
  void prepareThrows() {
    BatchStage broken =
        new BatchStage() {
          private int slots;

          @Override
          public String name() {
            return "broken";
          }

          @Override
          public void declare(StageArrays arrays) {
            arrays.scratch(1000);
          }

          @Override
          @SuppressWarnings("NullAway") // what somebody may do whose code is not checked
          public StageWork prepare(StageSlot slot) {
            slot.kernel(TestStages.SOURCE, "expand");
            assertEquals(1000, slot.scratch().bytes());
            return ++slots == 3 ? null : run -> {};
          }
        };
    StageException e =
        assertThrows(StageException.class, () -> loader(new Expand(), broken).start());
    assertSays(e, "stage 'broken' cannot be prepared", "returned null");
    StageException unknown =
        assertThrows(
            StageException.class,
            () -> loader(preparing(slot -> slot.kernel(TestStages.SOURCE, "what"))).start());
    assertSays(unknown, "stage 'working' cannot be prepared", "no kernel what", "expand");
    StageException undeclared =
        assertThrows(
            StageException.class, () -> loader(preparing(slot -> slot.in("label"))).start());
    assertSays(undeclared, "has not declared that it reads 'label'");
    assertSays(
        assertThrows(StageException.class, () -> loader(preparing(StageSlot::parameters)).start()),
        "has declared no parameters");
    assertSays(
        assertThrows(StageException.class, () -> loader(preparing(StageSlot::scratch)).start()),
        "has declared no scratch memory");
  }

  // ---- declarations

  @Test
  @DisplayName("bad declarations are refused in the user's words, before anything is allocated")
  void badDeclarations() {
    assertRefused(
        "asks for the array 'mask', but the arrays before it are 'image', 'label'",
        arrays -> arrays.reads("mask"));
    assertRefused(
        "reads 'label' as uint8 or float32, but it is int32",
        arrays -> arrays.reads("label", DType.UINT8, DType.FLOAT32));
    assertRefused(
        "declares the array 'image' twice",
        arrays -> {
          arrays.makes("image", DType.FLOAT32, 4);
          arrays.makesLike("image", DType.FLOAT32, "image");
        });
    assertRefused(
        "declares the array 'label' twice",
        arrays -> {
          arrays.drops("label");
          arrays.makes("label", DType.FLOAT32, 4);
        });
    assertRefused("has the dimension 0", arrays -> arrays.makes("new", DType.INT8, 0));
    assertRefused("-1 bytes of parameters", arrays -> arrays.parameters(-1));
    int tooMany = StageArrays.MAX_PARAMETER_BYTES + 1;
    assertRefused(tooMany + " bytes of parameters", arrays -> arrays.parameters(tooMany));
    assertRefused("-1 bytes of scratch", arrays -> arrays.scratch(-1));
    assertRefused(
        "scratch memory of 9223372036854775807 bytes", arrays -> arrays.scratch(Long.MAX_VALUE));
    assertRefused(
        "scratch memory of 9223372036854775553 bytes", // would round up to 2^63
        arrays -> arrays.scratch(Long.MAX_VALUE - 254));
    assertRefused(
        "leave no array",
        arrays -> {
          arrays.drops("label");
          arrays.drops("image");
        });
    IllegalArgumentException both =
        assertThrows(
            IllegalArgumentException.class, () -> loader(new Expand()).zeroCopy(true).start());
    assertSays(both, "zeroCopy(true) leaves no room for stages");
    Expand same = new Expand();
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> loader(same, same)),
        "stage 'Expand' has been added before");
  }

  @Test
  @DisplayName("stages that together ask for more than 2^63 bytes are refused, naming the last")
  void tooMuchTogether() {
    long half = 1L << 49;
    BatchStage first = declaring(arrays -> arrays.scratch(half));
    BatchStage second = declaring(arrays -> arrays.scratch(half + 1));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> loader(first, second).memoryBudget(Long.MAX_VALUE).plan());
    assertSays(e, "stage 'working' asks for scratch memory of " + (half + 1), "ask for less");
    // As much as that may be planned, with all slots there are, and the budget counts it.
    BackgroundLoader.Builder builder =
        loader(first, declaring(arrays -> arrays.scratch(half))).workers(1024).deviceSlots(1024);
    assertTrue(builder.plan().totalBytes() > 2 * half);
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> builder.memoryBudget(2 * half).start()),
        "more than the memoryBudget");
  }

  private void assertRefused(String words, Consumer<StageArrays> declaration) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> loader(declaring(declaration)).start());
    assertSays(e, words);
  }

  @Test
  @DisplayName("I6: the plan knows what stages take, and the budget refuses it")
  void plan() {
    BackgroundLoader.Builder builder =
        loader(new Expand(), new TwicePlusOne("image", "image"), working(run -> {})).workers(2);
    long input = SPEC.slotBytes();
    long made = 1024; // 3 * 67 floats
    assertEquals(new MemoryPlan(4, 256 + input, 3, 256 + input + made, made), builder.plan());
    assertEquals(4 * (256 + input) + 3 * (256 + input + made) + made, builder.plan().totalBytes());
    assertTrue(builder.plan().toString().endsWith(", and 1.00 KiB for the stages)"));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> builder.memoryBudget(builder.plan().totalBytes() - 1).start());
    assertSays(e, "more than the memoryBudget");
  }

  @Test
  @DisplayName("I8: a run goes on at its position; another stage is another configuration")
  void positions() throws Exception {
    Position position;
    try (BackgroundLoader loader = loader(new Expand()).start()) {
      loader.get(patience()).close();
      try (DeviceBatch batch = loader.get(patience())) {
        position = batch.position();
      }
    }
    try (BackgroundLoader loader = loader(new Expand()).workers(3).startAt(position).start();
        DeviceBatch batch = loader.get(patience())) {
      assertEquals(2, batch.index());
      check(batch);
    }
    assertForeign("other stages (Expand there, none here)", loader(), position);
    assertForeign(
        "other stages (Expand there, Expand; working here)",
        loader(new Expand(), working(run -> {})),
        position);
    assertForeign("other stages (Expand there, Expand2 here)", loader(named("Expand2")), position);
    BatchStage another = new Expand() { // a stage that does not describe itself well
          @Override
          public String name() {
            return "Expand";
          }

          @Override
          public void declare(StageArrays arrays) {
            super.declare(arrays);
            arrays.makes("more", DType.INT8, 1);
          }
        };
    assertForeign("other arrays after the stages (", loader(another), position);
  }

  private static void assertForeign(
      String difference, BackgroundLoader.Builder builder, Position position) {
    for (Position from : List.of(position, Position.parse(position.toString()))) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> builder.startAt(from).start());
      assertSays(e, "a loader with " + difference);
    }
  }

  @Test
  @DisplayName("what a stage is given is refused once the call it was given to has returned")
  void kept() throws Exception {
    List<StageArrays> arrays = new ArrayList<>();
    List<StageSlot> slot = new ArrayList<>();
    List<StageInvocation> run = new ArrayList<>();
    BatchStage stage =
        new Line(
            declared -> {
              declared.reads("image");
              declared.parameters(8);
              arrays.add(declared);
            },
            prepared -> {
              prepared.in("image");
              slot.add(prepared);
            },
            queued -> {
              queued.dimension("image", 0);
              run.add(queued);
            });
    // One batch only: the same object is given to the stage for each.
    try (BackgroundLoader loader = loader(stage).batchesPerEpoch(1).epochs(1).start()) {
      loader.get(patience()).close();
      for (Executable use :
          List.<Executable>of(
              () -> arrays.get(0).all(),
              () -> arrays.get(0).reads("image"),
              () -> arrays.get(0).makes("more", DType.INT8, 1),
              () -> arrays.get(0).makesLike("more", DType.INT8, "image"),
              () -> arrays.get(0).drops("image"),
              () -> arrays.get(0).parameters(8),
              () -> arrays.get(0).scratch(8),
              () -> slot.get(0).device(),
              () -> slot.get(0).in("image"),
              () -> slot.get(0).inSpec("image"),
              () -> slot.get(0).out("image"),
              () -> slot.get(0).outSpec("image"),
              () -> slot.get(0).parameters(),
              () -> slot.get(0).scratch(),
              () -> slot.get(0).kernel(TestKernels.SOURCE, "saxpy"),
              () -> run.get(0).stream(),
              () -> run.get(0).epoch(),
              () -> run.get(0).index(),
              () -> run.get(0).size(),
              () -> run.get(0).dimension("image", 0))) {
        assertSays(assertThrows(IllegalStateException.class, use), "has returned: copy out what");
      }
    }
  }

  private static BatchStage named(String name) {
    return new Expand() {
      @Override
      public String name() {
        return name;
      }
    };
  }

  // ---- stages of a line

  private static BatchStage declaring(Consumer<StageArrays> declaration) {
    return new Line(declaration, slot -> {}, run -> {});
  }

  private static BatchStage preparing(Consumer<StageSlot> preparation) {
    return new Line(arrays -> {}, preparation, run -> {});
  }

  private static BatchStage working(StageWork work) {
    return new Line(arrays -> {}, slot -> {}, work);
  }

  private record Line(
      Consumer<StageArrays> declaration, Consumer<StageSlot> preparation, StageWork work)
      implements BatchStage {

    @Override
    public String name() {
      return "working";
    }

    @Override
    public void declare(StageArrays arrays) {
      declaration.accept(arrays);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      preparation.accept(slot);
      return work;
    }
  }
}
