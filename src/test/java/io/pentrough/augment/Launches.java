package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchStage;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.HostKernel;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelParameter;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The launches of kernels on the host, with what the kernels were given and what they made of it:
 * to be repeated on a device.
 */
final class Launches {

  /**
   * An argument.
   *
   * @param bits of a number
   * @param before what is in a buffer; null for a number
   * @param after what the host implementation has left there
   */
  private record Argument(
      KernelParameter type, long bits, @Nullable ByteBuffer before, @Nullable ByteBuffer after) {}

  /** One of them. */
  record Launch(String kernel, List<Integer> grid, List<Integer> block, List<Argument> arguments) {

    /**
     * Whether a device leaves the same in all buffers as the host implementation; a mutant's number
     * goes last.
     */
    boolean agrees(Device device, DeviceModule module, int mutant) {
      List<DeviceBuffer> buffers = new ArrayList<>();
      DeviceStream stream = device.defaultStream();
      try (DeviceKernel run = module.kernel(kernel)) {
        for (int i = 0; i < arguments.size(); i++) {
          set(run, i, arguments.get(i), device, buffers);
        }
        run.setInt(arguments.size(), mutant);
        run.grid(grid.get(0), grid.get(1), grid.get(2))
            .block(block.get(0), block.get(1), block.get(2))
            .launch(stream);
        boolean agrees = true;
        int next = 0;
        for (Argument argument : arguments) {
          if (argument.after != null) {
            ByteBuffer seen = Staged.bytes(argument.after.remaining());
            stream.read(buffers.get(next++), seen);
            agrees &= argument.after.equals(seen.flip());
          }
        }
        return agrees;
      } finally {
        buffers.forEach(DeviceBuffer::close);
      }
    }

    private static void set(
        DeviceKernel run, int i, Argument argument, Device device, List<DeviceBuffer> buffers) {
      if (argument.before != null) {
        DeviceBuffer buffer = device.allocate(argument.before.remaining());
        buffers.add(buffer);
        try (PinnedBuffer pinned = device.allocatePinned(buffer.bytes())) {
          pinned.unsafeBuffer().put(0, argument.before, 0, argument.before.remaining());
          device.defaultStream().copyToDevice(pinned, 0, buffer, 0, buffer.bytes());
          device.defaultStream().synchronize();
        }
        run.set(i, buffer);
      } else if (argument.type == KernelParameter.INT32) {
        run.setInt(i, (int) argument.bits);
      } else if (argument.type == KernelParameter.FLOAT32) {
        run.setFloat(i, Float.intBitsToFloat((int) argument.bits));
      } else {
        run.setLong(i, argument.bits);
      }
    }
  }

  private final List<Launch> launches = new ArrayList<>();

  /** Takes down what was launched elsewhere. */
  void add(List<Launch> others) {
    launches.addAll(others);
  }

  /** All launches of a kernel, in order. */
  List<Launch> of(String kernel) {
    return launches.stream().filter(launch -> launch.kernel.equals(kernel)).toList();
  }

  /** Runs a stage on one batch, and takes down what it launches. */
  void record(ArraySpec array, BatchStage stage, String made, Staged.Content content, long seed)
      throws Exception {
    try (Device device = device()) {
      Staged.run(device, array, stage, made, content, seed, 1, 1);
    }
  }

  /**
   * Runs a kernel's host implementation on arguments made by hand, and takes it down.
   *
   * @param spread sets block and grid
   * @param arguments each a ByteBuffer, an Integer or a Float
   */
  void record(
      KernelSource source, String kernel, Consumer<DeviceKernel> spread, Object... arguments) {
    List<DeviceBuffer> buffers = new ArrayList<>();
    try (Device device = device();
        DeviceModule module = device.load(source);
        DeviceKernel run = module.kernel(kernel)) {
      for (int i = 0; i < arguments.length; i++) {
        Argument argument =
            arguments[i] instanceof ByteBuffer bytes
                ? new Argument(KernelParameter.POINTER_OR_INT64, 0, bytes, null)
                : arguments[i] instanceof Float f
                    ? new Argument(KernelParameter.FLOAT32, Float.floatToRawIntBits(f), null, null)
                    : new Argument(KernelParameter.INT32, (Integer) arguments[i], null, null);
        Launch.set(run, i, argument, device, buffers);
      }
      spread.accept(run);
      run.launch(device.defaultStream());
      device.defaultStream().synchronize();
      buffers.forEach(DeviceBuffer::close);
    }
  }

  /** The host, which takes down what is launched; not for several streams at once. */
  Device device() {
    return new ForwardingDevice(HostDevice.open()) {

      private final DeviceStream defaultStream =
          new ForwardingStream(inner.defaultStream(), this) {};

      @Override
      public DeviceStream newStream() {
        return new ForwardingStream(inner.newStream(), this) {};
      }

      @Override
      public DeviceStream defaultStream() {
        return defaultStream;
      }

      @Override
      public DeviceModule load(KernelSource source) {
        KernelSource recording = KernelSource.of(source.name(), source.ptx());
        for (String kernel : source.kernels()) {
          List<KernelParameter> types = source.parameters(kernel);
          HostKernel implementation = source.hostKernel(kernel).orElseThrow();
          recording =
              recording.hostKernel(
                  kernel, arguments -> record(kernel, types, implementation, arguments));
        }
        return super.load(recording);
      }
    };
  }

  private void record(
      String kernel,
      List<KernelParameter> types,
      HostKernel implementation,
      KernelArguments arguments)
      throws Exception {
    List<Argument> before = new ArrayList<>();
    for (int i = 0; i < types.size(); i++) {
      before.add(argument(types.get(i), arguments, i));
    }
    implementation.run(arguments);
    List<Argument> all = new ArrayList<>();
    for (int i = 0; i < types.size(); i++) {
      Argument was = before.get(i);
      all.add(
          new Argument(was.type, was.bits, was.before, argument(was.type, arguments, i).before));
    }
    List<Integer> grid = List.of(arguments.grid(0), arguments.grid(1), arguments.grid(2));
    List<Integer> block = List.of(arguments.block(0), arguments.block(1), arguments.block(2));
    synchronized (launches) {
      launches.add(new Launch(kernel, grid, block, all));
    }
  }

  private static Argument argument(KernelParameter type, KernelArguments arguments, int i) {
    if (type == KernelParameter.INT32) {
      return new Argument(type, arguments.getInt(i), null, null);
    }
    if (type == KernelParameter.FLOAT32) {
      return new Argument(type, Float.floatToRawIntBits(arguments.getFloat(i)), null, null);
    }
    ByteBuffer bytes = arguments.bytes(i);
    ByteBuffer copy = Staged.bytes(bytes.remaining());
    copy.put(0, bytes, bytes.position(), bytes.remaining());
    return new Argument(type, 0, copy, null);
  }
}
