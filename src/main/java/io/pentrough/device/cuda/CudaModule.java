package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuModuleLoadDataEx;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.KernelParameter;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import jcuda.Pointer;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;

/** PTX that the driver has compiled. */
final class CudaModule extends CudaHandle implements DeviceModule {

  private static final int LOG_BYTES = 8 << 10;

  private static final int[] LOGS = {
    CUjit_option.CU_JIT_INFO_LOG_BUFFER,
    CUjit_option.CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
    CUjit_option.CU_JIT_ERROR_LOG_BUFFER,
    CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
  };

  final CUmodule handle;
  private final CudaDevice device;
  private final KernelSource source;

  private CudaModule(CudaDevice device, CUmodule handle, KernelSource source) {
    super(device.context());
    this.device = device;
    this.handle = handle;
    this.source = source;
  }

  /** Loads the module. The handle is counted already. */
  static CudaModule load(CudaDevice device, KernelSource source) {
    byte[] text = source.ptx().getBytes(StandardCharsets.UTF_8);
    // Not an array: JCuda would keep the garbage collector from running while the driver compiles.
    ByteBuffer image = ByteBuffer.allocateDirect(text.length + 1).put(text).put((byte) 0);
    ByteBuffer info = ByteBuffer.allocateDirect(LOG_BYTES);
    ByteBuffer error = ByteBuffer.allocateDirect(LOG_BYTES);
    Pointer values =
        Pointer.to(
            Pointer.to(info), new RawPointer(LOG_BYTES), // a size is passed as if it were a pointer
            Pointer.to(error), new RawPointer(LOG_BYTES));
    CUmodule handle = new CUmodule();
    int code =
        CudaDriver.code(
            (m, p) -> cuModuleLoadDataEx(m, p, LOGS.length, LOGS, values),
            handle,
            Pointer.to(image));
    if (code != CUresult.CUDA_SUCCESS) {
      throw CudaDriver.failure(
          device.name(),
          "cuModuleLoadDataEx",
          code,
          ": " + source.name() + " was refused" + said(error, info));
    }
    return new CudaModule(device, handle, source);
  }

  /** The log of the driver's compiler, errors first. */
  private static String said(ByteBuffer... logs) {
    StringBuilder said = new StringBuilder();
    for (ByteBuffer log : logs) {
      byte[] bytes = new byte[LOG_BYTES];
      log.get(0, bytes);
      int length = 0;
      while (length < bytes.length && bytes[length] != 0) {
        length++;
      }
      String text = new String(bytes, 0, length, StandardCharsets.UTF_8).strip();
      if (!text.isEmpty()) {
        said.append(said.isEmpty() ? ": " : System.lineSeparator()).append(text);
      }
    }
    return said.toString();
  }

  @Override
  public CudaDevice device() {
    return device;
  }

  @Override
  public DeviceKernel kernel(String name) {
    List<KernelParameter> parameters = source.parameters(Objects.requireNonNull(name, "name"));
    use();
    try {
      return device.handles().makeLate(() -> CudaKernel.create(this, name, parameters));
    } finally {
      done();
    }
  }

  @Override
  public void close() {
    closeOnce();
  }

  @Override
  void destroy() {
    CudaDriver.call(context.name, "cuModuleUnload", m -> cuModuleUnload(m), handle);
  }

  @Override
  String what() {
    return "module " + source.name();
  }
}
