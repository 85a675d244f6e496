package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuEventQuery;
import static jcuda.driver.JCudaDriver.cuGetErrorString;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import io.pentrough.device.DeviceException;
import io.pentrough.device.WorkFailedException;
import java.util.HashMap;
import java.util.Map;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;

/**
 * Makes all calls of JCuda, and checks each call's code. The message of a failure has the call, the
 * number, CUDA's name and text, and the device.
 *
 * <p>A switch of the JVM, which belongs to the application, decides whether JCuda throws by itself.
 * Both settings lead to the same code here. With the switch on, a poll of a pending event costs an
 * exception inside JCuda.
 *
 * <p>Arguments are passed one by one, not captured by a lambda, so that a call allocates nothing.
 */
final class CudaDriver {

  private static final int SUCCESS = CUresult.CUDA_SUCCESS;

  // Of drivers newer than JCuda.
  private static final int CONTAINED = 226;
  private static final int TENSOR_MEMORY_LEAK = 721;

  private CudaDriver() {}

  @FunctionalInterface
  interface Call1<A> {
    int run(A a);
  }

  @FunctionalInterface
  interface Call2<A, B> {
    int run(A a, B b);
  }

  @FunctionalInterface
  interface Copy<T, S, Q> {
    int run(T target, S source, long bytes, Q stream);
  }

  static <A> void call(String device, String name, Call1<A> call, A a) {
    check(device, name, code(call, a));
  }

  static <A, B> void call(String device, String name, Call2<A, B> call, A a, B b) {
    check(device, name, code(call, a, b));
  }

  static <T, S, Q> void copy(
      String device, String name, Copy<T, S, Q> call, T target, S source, long bytes, Q stream) {
    int code;
    try {
      code = call.run(target, source, bytes, stream);
    } catch (CudaException e) {
      code = codeOf(e);
    }
    check(device, name, code);
  }

  /** Returns true if complete, false if pending. Throws if the work has failed. */
  static boolean isComplete(String device, CUevent event) {
    int code = code(e -> cuEventQuery(e), event);
    if (code == CUresult.CUDA_ERROR_NOT_READY) {
      return false;
    }
    check(device, "cuEventQuery", code);
    return true;
  }

  /** The plain code of a launch, for a caller with a better message. */
  static int launch(
      CUfunction function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int sharedBytes,
      CUstream stream,
      Pointer arguments) {
    try {
      return cuLaunchKernel(
          function,
          gridX,
          gridY,
          gridZ,
          blockX,
          blockY,
          blockZ,
          sharedBytes,
          stream,
          arguments,
          null);
    } catch (CudaException e) {
      return codeOf(e);
    }
  }

  /** The plain code of a call, for callers that expect more codes than success. */
  static <A> int code(Call1<A> call, A a) {
    try {
      return call.run(a);
    } catch (CudaException e) {
      return codeOf(e);
    }
  }

  /** The plain code of a call, for callers that expect more codes than success. */
  static <A, B> int code(Call2<A, B> call, A a, B b) {
    try {
      return call.run(a, b);
    } catch (CudaException e) {
      return codeOf(e);
    }
  }

  static void check(String device, String call, int code) {
    if (code != SUCCESS) {
      throw failure(device, call, code, "");
    }
  }

  /** The message about a call that failed. {@code rest} may name its arguments. */
  static DeviceException failure(String device, String call, int code, String rest) {
    String message =
        device
            + ": "
            + call
            + " failed with "
            + code
            + " "
            + nameOf(code)
            + text(code)
            + rest
            + advice(code);
    return isOfFailedWork(code) ? new WorkFailedException(message) : new DeviceException(message);
  }

  /**
   * Whether the code is about earlier work and not about the call, so that the context has failed.
   * These are the codes of which CUDA's manual says that "the process must be terminated and
   * relaunched" (CUDA Driver API, CUresult), and the code of a failed assertion, which ends the
   * context.
   */
  private static boolean isOfFailedWork(int code) {
    return switch (code) {
      case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CONTAINED,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED,
          TENSOR_MEMORY_LEAK ->
          true;
      default -> false;
    };
  }

  /** CUDA's name of a code. JCuda 12.6 does not know the codes of later drivers. */
  private static String nameOf(int code) {
    return switch (code) {
      case CONTAINED -> "CUDA_ERROR_CONTAINED";
      case TENSOR_MEMORY_LEAK -> "CUDA_ERROR_TENSOR_MEMORY_LEAK";
      default -> CUresult.stringFor(code);
    };
  }

  private static String text(int code) {
    String[] text = {null};
    try {
      cuGetErrorString(code, text);
    } catch (CudaException e) {
      return "";
    }
    return text[0] == null ? "" : " (" + text[0] + ")";
  }

  /** What to do next, for codes that need an explanation. */
  private static String advice(int code) {
    return switch (code) {
      case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CONTAINED ->
          "; the hardware reported an error (see dmesg and nvidia-smi -q), and CUDA works no more in"
              + " this process: end it and start it anew, or reset the GPU if that fails too";
      case CUresult.CUDA_ERROR_LAUNCH_TIMEOUT ->
          "; work queued earlier ran for longer than the driver allows on a GPU with a display, and"
              + " CUDA works no more in this process: end it and start it anew, with shorter kernels"
              + " or on another GPU";
      case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION ->
          "; the PTX is newer than this driver: make it with an older CUDA toolkit, or update the"
              + " driver; PTX that uses nothing new also loads with an older header (.version 6.0,"
              + " .target sm_50)";
      case CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, CUresult.CUDA_ERROR_INVALID_CONTEXT ->
          "; there is no such context, or the context was destroyed while this device was in use";
      case CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
          CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
          CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT ->
          "; a stream capture is under way: end it first";
      case CUresult.CUDA_ERROR_DEINITIALIZED ->
          "; the driver has shut down, as the process is ending: close loaders and devices before"
              + " that";
      case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE ->
          "; the GPU's compute mode lets one process use it, and another one does, or lets none"
              + " (nvidia-smi -q -d COMPUTE): end that process, name another GPU in"
              + " CUDA_VISIBLE_DEVICES, or let an administrator set nvidia-smi -c DEFAULT";
      case CUresult.CUDA_ERROR_OPERATING_SYSTEM ->
          "; the operating system refused the driver something: look at its messages (dmesg), the"
              + " limits of this process (ulimit -a), and whether it may open /dev/nvidia*";
      case CUresult.CUDA_ERROR_SYSTEM_NOT_READY ->
          "; the GPUs of this machine are not ready: wait until the Fabric Manager runs (systemctl"
              + " status nvidia-fabricmanager), then start this process anew";
      case CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
          "; the driver's kernel module (/proc/driver/nvidia/version) and its libraries are of two"
              + " versions: reboot after an update of the driver, and take other libcuda.so.1 off"
              + " the library path";
      case CUresult.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE ->
          "; the libcuda found is of a forward compatibility package, which this GPU does not take:"
              + " take the folder \"compat\" off the library path, or update the driver";
      case CUresult.CUDA_ERROR_MPS_CONNECTION_FAILED ->
          "; the Multi-Process Service does not answer: start it (nvidia-cuda-mps-control -d), or"
              + " unset CUDA_MPS_PIPE_DIRECTORY to do without";
      case CUresult.CUDA_ERROR_MPS_RPC_FAILURE ->
          "; the server of the Multi-Process Service has failed: start it anew (echo quit |"
              + " nvidia-cuda-mps-control; nvidia-cuda-mps-control -d), then this process";
      case CUresult.CUDA_ERROR_MPS_SERVER_NOT_READY ->
          "; the server of the Multi-Process Service is starting, or recovers from the failure of"
              + " another process: try again in some seconds";
      case CUresult.CUDA_ERROR_MPS_MAX_CLIENTS_REACHED ->
          "; the Multi-Process Service has as many clients as it takes: end another one, or try again"
              + " later";
      case CUresult.CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED ->
          "; the Multi-Process Service has no connection left: end another client, or set"
              + " CUDA_DEVICE_MAX_CONNECTIONS lower in all of them";
      case CUresult.CUDA_ERROR_MPS_CLIENT_TERMINATED ->
          "; the Multi-Process Service has ended this process's work, and CUDA works no more in it:"
              + " end it and start it anew";
      case CUresult.CUDA_ERROR_UNKNOWN ->
          "; the driver does not say why: look at its messages (dmesg, lines with Xid), end this"
              + " process and start it anew, and reboot if that fails too";
      default ->
          isOfFailedWork(code)
              ? "; work queued earlier failed (compute-sanitizer finds the kernel), and CUDA works no"
                  + " more in this process: end it and start it anew"
              : "";
    };
  }

  /** The message of JCuda's exception is the name of its code. */
  private static int codeOf(CudaException e) {
    String name = String.valueOf(e.getMessage());
    @Nullable Integer code = Codes.BY_NAME.get(name);
    if (code != null) {
      return code;
    }
    String digits = name.replaceAll("\\D", ""); // "INVALID CUresult: 4711"
    return digits.isEmpty() || digits.length() > 9
        ? CUresult.CUDA_ERROR_UNKNOWN
        : Integer.parseInt(digits);
  }

  /**
   * Loads the classes that only a failure needs. A failure may come during close, when the class
   * loader has been closed.
   */
  static void prepareForFailures() {
    codeOf(new CudaException(CUresult.stringFor(SUCCESS)));
  }

  /** Finds a code by its name. */
  private static final class Codes {

    static final Map<String, Integer> BY_NAME = new HashMap<>();

    static {
      for (int code = 0; code <= CUresult.CUDA_ERROR_UNKNOWN; code++) {
        BY_NAME.put(CUresult.stringFor(code), code);
      }
    }
  }
}
