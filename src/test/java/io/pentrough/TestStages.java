package io.pentrough;

import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;

/** Stages for tests, with the kernels of stages.cu and their twins. */
final class TestStages {

  static final KernelSource SOURCE =
      KernelSource.ofResource(TestStages.class, "stages.ptx")
          .twin("expand", TestStages::expand)
          .twin("twicePlusOne", TestStages::twicePlusOne);

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
