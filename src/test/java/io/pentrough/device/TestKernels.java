package io.pentrough.device;

import java.nio.ByteBuffer;

/** The kernels of launches.cu, with their host implementations. */
public final class TestKernels {

  /** With a host implementation for each kernel but {@code stray}. */
  public static final KernelSource SOURCE =
      KernelSource.ofResource(TestKernels.class, "cuda/launches.ptx")
          .hostKernel("saxpy", TestKernels::saxpy)
          .hostKernel("arguments", TestKernels::arguments)
          .hostKernel("shape", TestKernels::shape)
          .hostKernel("affine", TestKernels::affine)
          .hostKernel("reverse", TestKernels::reverse)
          .hostKernel("foreign", TestKernels::foreign)
          .hostKernel("nothing", arguments -> {});

  private TestKernels() {}

  private static void saxpy(KernelArguments arguments) {
    ByteBuffer x = arguments.bytes(2);
    ByteBuffer y = arguments.bytes(3);
    for (int at = 0; at < arguments.getInt(0) * Float.BYTES; at += Float.BYTES) {
      y.putFloat(at, Math.fma(arguments.getFloat(1), x.getFloat(at), y.getFloat(at)));
    }
  }

  private static void arguments(KernelArguments arguments) {
    arguments
        .bytes(5)
        .putLong(0, arguments.getInt(0))
        .putLong(8, arguments.getLong(1))
        .putLong(16, Float.floatToRawIntBits(arguments.getFloat(2)))
        .putLong(24, Double.doubleToRawLongBits(arguments.getDouble(3)))
        .putLong(32, arguments.bytes(4).getInt(0));
  }

  private static void shape(KernelArguments arguments) {
    for (int axis = 0; axis < 3; axis++) {
      arguments.bytes(0).putInt(4 * axis, arguments.grid(axis));
      arguments.bytes(0).putInt(4 * (3 + axis), arguments.block(axis));
    }
  }

  private static void affine(KernelArguments arguments) {
    ByteBuffer x = arguments.bytes(0);
    for (int at = 0; at < arguments.getInt(1) * Integer.BYTES; at += Integer.BYTES) {
      x.putInt(at, x.getInt(at) * arguments.getInt(2) + arguments.getInt(3));
    }
  }

  private static void reverse(KernelArguments arguments) {
    ByteBuffer x = arguments.bytes(0);
    for (int i = 0, j = arguments.block(0) - 1; i < j; i++, j--) {
      int first = x.getInt(i * Integer.BYTES);
      x.putInt(i * Integer.BYTES, x.getInt(j * Integer.BYTES));
      x.putInt(j * Integer.BYTES, first);
    }
  }

  private static void foreign(KernelArguments arguments) {
    ByteBuffer number = arguments.bytes(0);
    ByteBuffer also = arguments.bytes(1);
    ByteBuffer found = arguments.bytes(4);
    long expected = arguments.getLong(3);
    for (int i = 0; i < arguments.getInt(2); i++) {
      if (number.getLong(i * Long.BYTES) != expected
          || also.getInt(i * Integer.BYTES) != (int) expected) {
        found.putInt(0, found.getInt(0) + 1);
      }
    }
  }
}
