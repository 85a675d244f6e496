package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.ok;
import static jcuda.driver.JCudaDriver.*;

import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;

/** PTX that is loaded, straight through JCuda, and what a kernel's test needs around it. */
final class RawModule implements AutoCloseable {

  final CUmodule module = new CUmodule();
  private final RawCuda cuda;
  final CUstream stream;

  RawModule(RawCuda cuda, String ptx) {
    this.cuda = cuda;
    ok(cuModuleLoadData(module, ptx));
    stream = cuda.stream();
  }

  /** A text beside this class. */
  static String resource(String name) {
    try (InputStream in = RawModule.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One kernel of a text, with the text's header. */
  static String only(String ptx, String kernel) {
    int start = ptx.indexOf(".visible .entry " + kernel + "(");
    int end = ptx.indexOf("\n}\n", start) + 3;
    return ptx.substring(0, ptx.indexOf(".visible")) + ptx.substring(start, end);
  }

  CUfunction function(String name) {
    CUfunction function = new CUfunction();
    ok(cuModuleGetFunction(function, module, name));
    return function;
  }

  /** Queues a kernel of one-dimensional blocks; arguments are int, float and device memory. */
  int launch(String kernel, int blocks, int threads, int sharedBytes, Object... arguments) {
    Pointer[] pointers = new Pointer[arguments.length];
    for (int i = 0; i < arguments.length; i++) {
      pointers[i] = pointer(arguments[i]);
    }
    return cuLaunchKernel(
        function(kernel),
        blocks,
        1,
        1,
        threads,
        1,
        1,
        sharedBytes,
        stream,
        Pointer.to(pointers),
        null);
  }

  private static Pointer pointer(Object argument) {
    if (argument instanceof Integer i) {
      return Pointer.to(new int[] {i});
    }
    if (argument instanceof Float f) {
      return Pointer.to(new float[] {f});
    }
    return Pointer.to((Memory) argument);
  }

  int synchronize() {
    return cuStreamSynchronize(stream);
  }

  /** Device memory with what is put into it. */
  Memory upload(int bytes, Consumer<ByteBuffer> fill) {
    Memory memory = cuda.memory(bytes);
    Pinned pinned = cuda.pinned(bytes, 0);
    fill.accept(pinned.bytes());
    ok(cuMemcpyHtoDAsync(memory, pinned, bytes, stream));
    ok(cuStreamSynchronize(stream));
    return memory;
  }

  Memory upload(float... values) {
    return upload(4 * values.length, bytes -> bytes.asFloatBuffer().put(values));
  }

  Memory upload(int... values) {
    return upload(4 * values.length, bytes -> bytes.asIntBuffer().put(values));
  }

  Memory upload(byte... values) {
    return upload(values.length, bytes -> bytes.put(values));
  }

  /** What device memory holds when all queued before has run. */
  ByteBuffer download(Memory memory, int bytes) {
    Pinned pinned = cuda.pinned(bytes);
    ok(cuMemcpyDtoHAsync(pinned, memory, bytes, stream));
    ok(cuStreamSynchronize(stream));
    ByteBuffer copy = ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
    copy.put(0, pinned.bytes(), 0, bytes);
    return copy;
  }

  float[] floats(Memory memory, int count) {
    float[] values = new float[count];
    download(memory, 4 * count).asFloatBuffer().get(values);
    return values;
  }

  int[] ints(Memory memory, int count) {
    int[] values = new int[count];
    download(memory, 4 * count).asIntBuffer().get(values);
    return values;
  }

  @Override
  public void close() {
    cuModuleUnload(module);
  }
}
