package io.pentrough.recipes;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;
import java.time.Duration;

/** The samples of docs/cookbook.md about kernels of one's own, for any device. */
public final class KernelSamples {

  private KernelSamples() {}

  // [kernel]
  public static final KernelSource SCALE =
      KernelSource.of(
              "scale.ptx",
              """
              .version 6.0
              .target sm_50
              .address_size 64
              .visible .entry scale(
                .param .u64 in, .param .u64 out, .param .u32 count, .param .f32 factor)
              {
                .reg .pred %p<2>;
                .reg .f32 %f<4>;
                .reg .b32 %r<7>;
                .reg .b64 %rd<9>;
                ld.param.u64 %rd1, [in];
                ld.param.u64 %rd2, [out];
                ld.param.u32 %r1, [count];
                ld.param.f32 %f1, [factor];
                mov.u32 %r2, %ctaid.x;
                mov.u32 %r3, %ntid.x;
                mov.u32 %r4, %tid.x;
                mad.lo.s32 %r5, %r2, %r3, %r4;   // i = blockIdx.x * blockDim.x + threadIdx.x
                setp.ge.s32 %p1, %r5, %r1;
                @%p1 bra DONE;                   // if (i < count)
                cvta.to.global.u64 %rd3, %rd1;
                cvt.s64.s32 %rd4, %r5;
                add.s64 %rd5, %rd3, %rd4;
                ld.global.u8 %r6, [%rd5];
                cvt.rn.f32.u32 %f2, %r6;
                mul.rn.f32 %f3, %f2, %f1;        // out[i] = in[i] * factor
                cvta.to.global.u64 %rd6, %rd2;
                mul.wide.s32 %rd7, %r5, 4;
                add.s64 %rd8, %rd6, %rd7;
                st.global.f32 [%rd8], %f3;
              DONE:
                ret;
              }
              """)
          .hostKernel("scale", KernelSamples::scale);

  /** The same in Java, for the host device. */
  private static void scale(KernelArguments arguments) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    for (int i = 0; i < arguments.getInt(2); i++) {
      out.putFloat(4 * i, Byte.toUnsignedInt(in.get(i)) * arguments.getFloat(3));
    }
  }

  // [/kernel]

  /** Leaves the floats of the last batch in memory of the caller's. */
  static void launch(
      Device device, DeviceStream stream, BackgroundLoader loader, int steps, DeviceBuffer floats)
      throws Exception {
    // [launch]
    try (DeviceModule module = device.load(SCALE);
        DeviceKernel scale = module.kernel("scale")) {
      scale.set(1, floats).setFloat(3, 1 / 255f); // what stays the same is set once
      for (int step = 0; step < steps; step++) {
        try (DeviceBatch batch = loader.getQueued(stream, Duration.ofSeconds(30))) {
          DeviceArray image = batch.array("image");
          int count = image.elements();
          scale.set(0, image.buffer()).setInt(2, count).cover(count, 256).launch(stream);
        }
      }
    }
    // [/launch]
  }

  // [stage]
  /** Bytes cross the bus, and the loop gets floats. */
  record Scale(float factor) implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      arrays.reads("image", DType.UINT8);
      arrays.makesLike("image", DType.FLOAT32, "image"); // replaces it
    }

    @Override
    public StageWork prepare(StageSlot slot) { // once for each slot: its memory never moves
      int count = slot.inSpec("image").elements();
      DeviceKernel scale =
          slot.kernel(SCALE, "scale")
              .set(0, slot.in("image"))
              .set(1, slot.out("image"))
              .setInt(2, count)
              .setFloat(3, factor)
              .cover(count, 256);
      return invocation -> scale.launch(invocation.stream());
    }

    @Override
    public String description() { // a checkpoint made with another factor is refused
      return "scale by " + factor;
    }
  }
  // [/stage]
}
