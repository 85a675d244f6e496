package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;

/** A CUDA context and what is made in it, straight through JCuda; closing gives all of it back. */
final class RawCuda implements AutoCloseable {

  static final int BLOCKING = 0;
  static final int NON_BLOCKING = 1;
  static final int NO_TIMING = 2;

  /** A stream that tells its handle. */
  static final class Stream extends CUstream {
    long handle() {
      return getNativePointer();
    }
  }

  /** Pinned memory that tells its address. */
  static final class Pinned extends Pointer {
    Pinned() {}

    private Pinned(long address) {
      super(address);
    }

    static Pinned at(long address) {
      return new Pinned(address);
    }

    long address() {
      return getNativePointer();
    }

    ByteBuffer bytes() {
      return getByteBuffer();
    }
  }

  /** Device memory that tells its address. */
  static final class Memory extends CUdeviceptr {
    long address() {
      return getNativePointer();
    }
  }

  /** Holds streams until it is opened. */
  final class Gate {
    private final Pinned word = pinned(4);
    private final CUdeviceptr address = new CUdeviceptr();

    Gate() {
      word.bytes().putInt(0, 0);
      gates.add(this);
      ok(cuMemHostGetDevicePointer(address, word, 0));
    }

    void hold(CUstream stream) {
      ok(cuStreamWaitValue32(stream, address, 1, 0));
    }

    void open() {
      word.bytes().putInt(0, 1);
    }
  }

  final CUdevice device = new CUdevice();
  final CUcontext context = new CUcontext();
  private final Deque<Runnable> giveBack = new ArrayDeque<>();
  private final List<Gate> gates = new ArrayList<>();

  private RawCuda(int ordinal, boolean primary) {
    ok(cuInit(0));
    ok(cuDeviceGet(device, ordinal));
    if (primary) {
      ok(cuDevicePrimaryCtxRetain(context, device));
      giveBack.push(() -> cuDevicePrimaryCtxRelease(device));
    } else {
      ok(cuCtxCreate(context, 0, device));
      giveBack.push(() -> cuCtxDestroy(context));
    }
    ok(cuCtxSetCurrent(context));
  }

  static RawCuda primary() {
    return new RawCuda(0, true);
  }

  static RawCuda primary(int device) {
    return new RawCuda(device, true);
  }

  static RawCuda own() {
    return new RawCuda(0, false);
  }

  void makeCurrent() {
    ok(cuCtxSetCurrent(context));
  }

  Stream stream() {
    return stream(NON_BLOCKING);
  }

  Stream stream(int flags) {
    Stream stream = new Stream();
    ok(cuStreamCreate(stream, flags));
    giveBack.push(() -> cuStreamDestroy(stream));
    return stream;
  }

  CUevent event() {
    return event(NO_TIMING);
  }

  CUevent event(int flags) {
    CUevent event = new CUevent();
    ok(cuEventCreate(event, flags));
    giveBack.push(() -> cuEventDestroy(event));
    return event;
  }

  Pinned pinned(int bytes) {
    Pinned pinned = new Pinned();
    ok(cuMemHostAlloc(pinned, bytes, 0));
    giveBack.push(() -> cuMemFreeHost(pinned));
    return pinned;
  }

  /** Pinned memory full of one value. */
  Pinned pinned(int bytes, int value) {
    Pinned pinned = pinned(bytes);
    fill(pinned, value);
    return pinned;
  }

  Memory memory(int bytes) {
    Memory memory = new Memory();
    ok(cuMemAlloc(memory, bytes));
    giveBack.push(() -> cuMemFree(memory));
    return memory;
  }

  Gate gate() {
    return new Gate();
  }

  static void fill(Pinned pinned, int value) {
    ByteBuffer bytes = pinned.bytes();
    for (int i = 0; i < bytes.capacity(); i++) {
      bytes.put(i, (byte) value);
    }
  }

  /** The value that all bytes have; fails if they differ. */
  static int value(Pinned pinned) {
    ByteBuffer bytes = pinned.bytes();
    byte first = bytes.get(0);
    for (int i = 0; i < bytes.capacity(); i++) {
      assertEquals(first, bytes.get(i), "byte " + i);
    }
    return first & 0xff;
  }

  static void ok(int code) {
    assertEquals("CUDA_SUCCESS", CUresult.stringFor(code));
  }

  static void fails(int expected, int code) {
    assertEquals(CUresult.stringFor(expected), CUresult.stringFor(code));
  }

  /** Else freeing would wait for what a failed test has left held. */
  void openGates() {
    gates.forEach(Gate::open);
  }

  @Override
  public void close() {
    openGates();
    ok(cuCtxSetCurrent(context));
    giveBack.forEach(Runnable::run);
    ok(cuCtxSetCurrent(new CUcontext())); // none; JCuda refuses null
  }
}
