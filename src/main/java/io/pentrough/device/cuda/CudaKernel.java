package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuModuleGetFunction;

import io.pentrough.device.AbstractKernel;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelParameter;
import java.nio.ByteBuffer;
import java.util.List;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import org.jspecify.annotations.Nullable;

/**
 * A function of a module, and native memory for its arguments.
 *
 * <p>The driver takes a table of pointers, one for each argument. Made of JCuda's objects, the
 * table costs 440 bytes and 2.7 us a launch. So this object has a block of the device's {@link
 * CudaArguments} with the table and the values. Each launch writes it, and the driver reads it
 * before the launch returns:
 *
 * <pre>
 *   table[0] ... table[n-1] | value[0] ... value[n-1]     8 bytes each; table[i] points to value[i]
 * </pre>
 */
final class CudaKernel extends AbstractKernel {

  private final CudaModule module;
  private final CUfunction function;
  private final RawPointer table;
  private final ByteBuffer block;

  /** Counts uses. Closing it returns the block. */
  private final CudaHandle handle;

  /** The memory that is held during a launch. */
  private final @Nullable CudaHandle[] held;

  private CudaKernel(
      CudaModule module,
      String name,
      List<KernelParameter> types,
      CUfunction function,
      CudaArguments.Block arguments) {
    super(name, types);
    this.module = module;
    this.function = function;
    table = arguments.address();
    block = arguments.bytes();
    held = new @Nullable CudaHandle[types.size()];
    handle =
        new CudaHandle(module.context) {
          @Override
          void destroy() {
            module.device().arguments().giveBack(arguments);
          }

          @Override
          String what() {
            return "kernel " + name;
          }
        };
    for (int i = 0; i < types.size(); i++) {
      block.putLong(i * Long.BYTES, table.address() + valueAt(i));
    }
  }

  /** Looks up the kernel. The handle is counted already. */
  static CudaKernel create(CudaModule module, String name, List<KernelParameter> types) {
    CUfunction function = new CUfunction();
    int code = CudaDriver.code((f, m) -> cuModuleGetFunction(f, m, name), function, module.handle);
    if (code != CUresult.CUDA_SUCCESS) {
      throw CudaDriver.failure(
          module.context.name,
          "cuModuleGetFunction",
          code,
          ": kernel " + name + " of " + module.what());
    }
    int bytes = Math.max(1, 2 * types.size()) * Long.BYTES;
    return new CudaKernel(
        module, name, types, function, module.device().arguments().take(bytes, name));
  }

  private int valueAt(int parameter) {
    return (types().size() + parameter) * Long.BYTES;
  }

  @Override
  protected void requireOwn(DeviceBuffer buffer) {
    module.device().own(buffer, "buffer");
  }

  @Override
  public void launch(DeviceStream stream) {
    CudaStream on = module.device().own(stream);
    boolean pushed = handle.begin();
    try {
      requireLaunchable();
      module.use();
      try {
        on.use();
        try {
          launch(on);
        } finally {
          on.done();
        }
      } finally {
        module.done();
      }
    } finally {
      handle.end(pushed);
    }
  }

  private void launch(CudaStream on) {
    int count = types().size();
    int holding = 0;
    try {
      for (; holding < count; holding++) {
        CudaBuffer buffer = (CudaBuffer) buffer(holding);
        if (buffer == null) {
          writeNumber(holding);
        } else {
          held[holding] = buffer.useMemory();
          block.putLong(valueAt(holding), buffer.base().value() + buffer.start());
        }
      }
      int code =
          CudaDriver.launch(
              function,
              gridAlong(0),
              gridAlong(1),
              gridAlong(2),
              blockAlong(0),
              blockAlong(1),
              blockAlong(2),
              sharedBytes(),
              on.handle,
              table);
      if (code != CUresult.CUDA_SUCCESS) {
        throw CudaDriver.failure(on.context.name, "cuLaunchKernel", code, ": " + this);
      }
    } finally {
      while (holding > 0) {
        release(--holding);
      }
    }
  }

  private void writeNumber(int parameter) {
    if (types().get(parameter).bytes() == Integer.BYTES) {
      block.putInt(valueAt(parameter), (int) bits(parameter));
    } else {
      block.putLong(valueAt(parameter), bits(parameter));
    }
  }

  private void release(int parameter) {
    CudaHandle memory = held[parameter];
    if (memory != null) {
      held[parameter] = null;
      memory.done();
    }
  }

  @Override
  public void close() {
    forgetArguments();
    handle.closeOnce();
  }
}
