package io.pentrough;

import io.pentrough.device.DeviceKernel;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongPredicate;

/** Stages for tests, with the kernels of stages.cu and their host implementations. */
public final class TestStages {

  static final KernelSource SOURCE =
      KernelSource.ofResource(TestStages.class, "stages.ptx")
          .hostKernel("expand", TestStages::expand)
          .hostKernel("twicePlusOne", TestStages::twicePlusOne)
          .hostKernel("relay", TestStages::relay)
          .hostKernel("copyBytes", TestStages::copyBytes);

  private TestStages() {}

  private static void expand(KernelArguments arguments) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    ByteBuffer parameters = arguments.bytes(2);
    for (int i = 0; i < arguments.getInt(3); i++) {
      float value = Math.fma(in.get(i) & 0xff, parameters.getFloat(0), parameters.getFloat(4));
      out.putFloat(4 * i, value);
    }
  }

  private static void twicePlusOne(KernelArguments arguments) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    for (int i = 0; i < arguments.getInt(2); i++) {
      out.putFloat(4 * i, Math.fma(2, in.getFloat(4 * i), 1));
    }
  }

  private static void relay(KernelArguments arguments) {
    int n = arguments.getInt(4);
    arguments.bytes(2).put(0, arguments.bytes(0), 0, n * Long.BYTES);
    arguments.bytes(3).put(0, arguments.bytes(1), 0, n * Integer.BYTES);
  }

  private static void copyBytes(KernelArguments arguments) {
    arguments.bytes(1).put(0, arguments.bytes(0), 0, arguments.getInt(2));
  }

  /** Hands all arrays on, whatever they are; fails where it is told to, with its kernels queued. */
  record HandOn(BatchSpec spec, LongPredicate fails) implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      for (ArraySpec array : spec.arrays()) {
        arrays.reads(array.name());
        arrays.makesLike(array.name(), array.dtype(), array.name());
      }
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      List<DeviceKernel> kernels = new ArrayList<>();
      for (ArraySpec array : spec.arrays()) {
        int bytes = (int) array.bytes();
        kernels.add(
            slot.kernel(SOURCE, "copyBytes")
                .set(0, slot.in(array.name()))
                .set(1, slot.out(array.name()))
                .setInt(2, bytes)
                .cover(bytes, 256));
      }
      return run -> {
        kernels.forEach(kernel -> kernel.launch(run.stream()));
        if (fails.test(run.index())) {
          throw new IllegalStateException("told to fail at " + run.index());
        }
      };
    }
  }

  /** Hands "number" and "also" on as they are, from one memory to another. */
  public static final class Relay implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      arrays.reads("number", DType.INT64);
      arrays.reads("also", DType.INT32);
      arrays.makesLike("number", DType.INT64, "number");
      arrays.makesLike("also", DType.INT32, "also");
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      int elements = slot.inSpec("number").elements();
      var kernel =
          slot.kernel(SOURCE, "relay")
              .set(0, slot.in("number"))
              .set(1, slot.in("also"))
              .set(2, slot.out("number"))
              .set(3, slot.out("also"))
              .setInt(4, elements)
              .cover(elements, 128);
      return run -> kernel.launch(run.stream());
    }
  }

  /** "image" from bytes to floats, by a scale and a bias drawn for each batch. */
  static class Expand implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      arrays.reads("image", DType.UINT8);
      arrays.makesLike("image", DType.FLOAT32, "image");
      arrays.parameters(8);
    }

    @Override
    public void draw(BatchContext context, ByteBuffer parameters) throws Exception {
      parameters.putFloat(scale(context)).putFloat(context.random().nextFloat());
    }

    static float scale(BatchContext context) {
      return 1 + context.random().nextInt(100);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      int elements = slot.inSpec("image").elements();
      var kernel =
          slot.kernel(SOURCE, "expand")
              .set(0, slot.in("image"))
              .set(1, slot.out("image"))
              .set(2, slot.parameters())
              .setInt(3, elements)
              .cover(elements, 64);
      return run -> kernel.launch(run.stream());
    }
  }

  /** Twice the value and one more, from an array of floats to another. */
  record TwicePlusOne(String from, String to) implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      arrays.reads(from, DType.FLOAT32);
      arrays.makesLike(to, DType.FLOAT32, from);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      int elements = slot.inSpec(from).elements();
      var kernel =
          slot.kernel(SOURCE, "twicePlusOne")
              .set(0, slot.in(from))
              .set(1, slot.out(to))
              .setInt(2, elements)
              .cover(elements, 64);
      return run -> kernel.launch(run.stream());
    }
  }
}
