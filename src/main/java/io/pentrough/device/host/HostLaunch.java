package io.pentrough.device.host;

import io.pentrough.device.HostKernel;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelParameter;
import java.nio.BufferOverflowException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.StringJoiner;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A launch as it was when it was queued: later changes of the kernel's arguments do not affect it.
 * Belongs to an entry of a stream's queue, which fills it again and again. Its arrays grow at the
 * first kernel with more parameters.
 */
final class HostLaunch implements KernelArguments {

  /** The JVM's own messages: what compiled code throws may have the index only. */
  private static final Pattern JVMS = Pattern.compile("-?\\d+|Index .*");

  private final String stream;
  private final int[] grid = new int[3];
  private final int[] block = new int[3];

  private @Nullable HostKernel kernel;
  private String name = "";
  private List<KernelParameter> types = List.of();
  private long[] bits = {};
  private @Nullable HostMemory[] memories = {};
  private int[] starts = {};
  private int[] lengths = {};

  HostLaunch(String stream) {
    this.stream = stream;
  }

  void begin(String name, HostKernel kernel, List<KernelParameter> types) {
    this.name = name;
    this.kernel = kernel;
    this.types = types;
    int count = types.size();
    if (count > bits.length) {
      bits = new long[count];
      memories = new @Nullable HostMemory[count];
      starts = new int[count];
      lengths = new int[count];
    }
  }

  void number(int parameter, long value) {
    bits[parameter] = value;
    memories[parameter] = null;
  }

  void buffer(int parameter, HostMemory memory, int start, int length) {
    memories[parameter] = memory;
    starts[parameter] = start;
    lengths[parameter] = length;
  }

  void axis(int axis, int blocks, int threads) {
    grid[axis] = blocks;
    block[axis] = threads;
  }

  /** Runs the kernel. */
  void run() throws Exception {
    for (int i = 0; i < types.size(); i++) {
      HostMemory memory = memories[i];
      if (memory != null && memory.isClosed()) {
        throw new IllegalStateException(
            "the buffer at parameter "
                + i
                + " was closed while the queued launch still needed it; wait for the launch before"
                + " closing");
      }
    }
    try {
      Objects.requireNonNull(kernel).run(this);
    } catch (IndexOutOfBoundsException | BufferUnderflowException | BufferOverflowException e) {
      if (e.getMessage() == null || JVMS.matcher(e.getMessage()).matches()) {
        throw outside(e);
      }
      throw e; // it says what is wrong
    }
  }

  /** The JVM's exception does not say which of the buffers it was, nor on every JDK the index. */
  private IndexOutOfBoundsException outside(RuntimeException e) {
    StringJoiner sizes = new StringJoiner(", ");
    for (int i = 0; i < types.size(); i++) {
      if (memories[i] != null) {
        sizes.add("parameter " + i + " has " + lengths[i] + " bytes");
      }
    }
    IndexOutOfBoundsException explained =
        new IndexOutOfBoundsException(
            place(e)
                + " reaches outside a buffer or an array"
                + (e.getMessage() == null ? "" : " (" + e.getMessage() + ")")
                + "; "
                + (sizes.length() == 0 ? "no buffer was set" : sizes));
    explained.initCause(e);
    return explained;
  }

  /** The innermost line that is not the JDK's. */
  private static String place(RuntimeException e) {
    for (StackTraceElement frame : e.getStackTrace()) {
      if (!"java.base".equals(frame.getModuleName())) {
        return frame.getFileName() + ":" + frame.getLineNumber();
      }
    }
    return "the kernel";
  }

  /** The kernel's name, for messages. */
  String name() {
    return name;
  }

  /** Drops all references. */
  void clear() {
    kernel = null;
    types = List.of();
    Arrays.fill(memories, null);
  }

  @Override
  public ByteBuffer bytes(int parameter) {
    requireParameter(parameter);
    HostMemory memory = memories[parameter];
    if (memory == null) {
      throw new IllegalArgumentException(
          "kernel %s: no buffer was set at parameter %d, but a number".formatted(name, parameter));
    }
    return memory
        .view(stream, parameter, starts[parameter], lengths[parameter])
        .clear()
        .order(ByteOrder.nativeOrder());
  }

  @Override
  public int getInt(int parameter) {
    return (int) number(parameter, KernelParameter.INT32);
  }

  @Override
  public long getLong(int parameter) {
    return number(parameter, KernelParameter.POINTER_OR_INT64);
  }

  @Override
  public float getFloat(int parameter) {
    return Float.intBitsToFloat((int) number(parameter, KernelParameter.FLOAT32));
  }

  @Override
  public double getDouble(int parameter) {
    return Double.longBitsToDouble(number(parameter, KernelParameter.FLOAT64));
  }

  private long number(int parameter, KernelParameter type) {
    requireParameter(parameter);
    if (types.get(parameter) != type) {
      throw new IllegalArgumentException(
          "kernel %s: parameter %d is %s, not %s"
              .formatted(name, parameter, types.get(parameter), type));
    }
    if (memories[parameter] != null) {
      throw new IllegalArgumentException(
          "kernel %s: a buffer was set at parameter %d, and no number".formatted(name, parameter));
    }
    return bits[parameter];
  }

  private void requireRunning() {
    if (kernel == null) {
      throw new IllegalStateException(
          "the arguments of a launch are used after its kernel has returned: copy out what must"
              + " live longer");
    }
  }

  private void requireParameter(int parameter) {
    requireRunning();
    if (parameter < 0 || parameter >= types.size()) {
      throw new IndexOutOfBoundsException(
          "kernel %s has %d parameters, counted from 0, and no parameter %d"
              .formatted(name, types.size(), parameter));
    }
  }

  private static int requireAxis(int axis) {
    if (axis < 0 || axis > 2) {
      throw new IndexOutOfBoundsException("axes are 0 for x, 1 for y, 2 for z, not " + axis);
    }
    return axis;
  }

  @Override
  public int grid(int axis) {
    requireRunning();
    return grid[requireAxis(axis)];
  }

  @Override
  public int block(int axis) {
    requireRunning();
    return block[requireAxis(axis)];
  }
}
