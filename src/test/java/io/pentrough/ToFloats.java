package io.pentrough;

import io.pentrough.device.DeviceKernel;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;

// The stage of docs/augmentation.md.
// [stage]
final class ToFloats implements BatchStage {
  private static final KernelSource SOURCE =
      KernelSource.ofResource(ToFloats.class, "stages.ptx").hostKernel("expand", ToFloats::expand);

  // The same arithmetic as the kernel's.
  private static void expand(KernelArguments arguments) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    ByteBuffer parameters = arguments.bytes(2);
    for (int i = 0; i < arguments.getInt(3); i++) {
      out.putFloat(
          4 * i, Math.fma(in.get(i) & 0xff, parameters.getFloat(0), parameters.getFloat(4)));
    }
  }

  // Once: what is read and made.
  @Override
  public void declare(StageArrays arrays) {
    arrays.reads("image", DType.UINT8);
    arrays.makesLike("image", DType.FLOAT32, "image");
    arrays.parameters(8);
  }

  // For each batch, on a worker.
  @Override
  public void draw(BatchContext context, ByteBuffer parameters) {
    parameters.putFloat(1 + context.random().nextInt(100)).putFloat(context.random().nextFloat());
  }

  // Once for each slot: where it lies never changes.
  @Override
  public StageWork prepare(StageSlot slot) {
    int elements = slot.inSpec("image").elements();
    DeviceKernel kernel =
        slot.kernel(SOURCE, "expand")
            .set(0, slot.in("image"))
            .set(1, slot.out("image"))
            .set(2, slot.parameters())
            .setInt(3, elements)
            .cover(elements, 64);
    return run -> kernel.launch(run.stream());
  }
}
// [/stage]
