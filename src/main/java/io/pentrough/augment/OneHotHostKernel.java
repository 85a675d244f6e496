package io.pentrough.augment;

import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;

/** The kernel of onehot.cu, and its host implementation. */
final class OneHotHostKernel {

  static final KernelSource SOURCE =
      KernelSource.ofResource(OneHotHostKernel.class, "onehot.ptx")
          .hostKernel("oneHot", OneHotHostKernel::oneHot);

  private OneHotHostKernel() {}

  private static void oneHot(KernelArguments arguments) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    int perSample = arguments.getInt(3);
    int classes = arguments.getInt(4);
    int bytes = arguments.getInt(5);
    boolean signed = arguments.getInt(6) != 0;
    boolean narrow = arguments.getInt(7) == 1;
    for (int i = 0; i < arguments.getInt(2); i++) {
      long label = label(in, bytes, signed, i);
      int to = i / perSample * classes * perSample + i % perSample;
      for (int c = 0; c < classes; c++, to += perSample) {
        if (narrow) {
          out.put(to, (byte) (label == c ? 1 : 0));
        } else {
          out.putFloat(Float.BYTES * to, label == c ? 1 : 0);
        }
      }
    }
  }

  /** A negative label is no class. Large unsigned 64-bit labels appear negative too. */
  private static long label(ByteBuffer in, int bytes, boolean signed, int i) {
    return switch (bytes) {
      case 1 -> signed ? in.get(i) : Byte.toUnsignedLong(in.get(i));
      case 2 -> signed ? in.getShort(2 * i) : Short.toUnsignedLong(in.getShort(2 * i));
      case 4 -> signed ? in.getInt(4 * i) : Integer.toUnsignedLong(in.getInt(4 * i));
      default -> in.getLong(8 * i);
    };
  }
}
