package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_PORTABLE;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUresult;
import org.jspecify.annotations.Nullable;

/**
 * Native memory for the arguments of a device's kernels, allocated when the device opens and freed
 * at its end. A driver may let an allocation or a free of pinned memory wait for all work of the
 * context. So a kernel takes a block of this memory and returns it.
 *
 * <p>The driver reads a launch's arguments before the launch returns, so this memory need not be
 * pinned. But JCuda gives the address only of memory that the driver allocated. A launch from an
 * address takes a seventh of the time of one from JCuda's pointer objects (docs/decisions.md).
 *
 * <p><b>Threads.</b> May be used from any thread. The lock is held for a few instructions, and
 * never during a call of the driver.
 */
final class CudaArguments {

  /** Room for 1,024 kernels of up to 16 parameters. */
  static final int CHUNK_BYTES = 256 << 10;

  /** A cache line, so that two kernels that are launched at once do not share one. */
  private static final int SMALLEST_BLOCK = 64;

  /** A piece of the memory. It belongs to one kernel until it is returned. */
  record Block(RawPointer address, ByteBuffer bytes) {}

  private record Chunk(RawPointer address, int bytes) {}

  private final String device;

  // Guarded by this.
  private final List<Chunk> chunks = new ArrayList<>();
  private final Map<Integer, Deque<Block>> freeBySize = new HashMap<>();

  /** How much of the last chunk has been cut into blocks. */
  private int cut;

  private CudaArguments(String device) {
    this.device = device;
  }

  /**
   * Allocates what usually suffices. The context must be current.
   *
   * @param mayBeRefused if the driver has no pinned memory, whether to ask again at the first
   *     kernel instead of throwing now
   */
  static CudaArguments allocate(String device, boolean mayBeRefused) {
    CudaArguments made = new CudaArguments(device);
    Chunk first = new Chunk(new RawPointer(), CHUNK_BYTES);
    int code = allocate(first);
    if (code == CUresult.CUDA_SUCCESS) {
      made.add(first);
    } else if (!(mayBeRefused && CudaPinned.isRefusal(code))) {
      throw CudaPinned.refused(device, code, CHUNK_BYTES);
    }
    return made;
  }

  private static int allocate(Chunk chunk) {
    return CudaDriver.code(
        (p, n) -> cuMemHostAlloc(p, n, CU_MEMHOSTALLOC_PORTABLE), chunk.address, chunk.bytes);
  }

  /**
   * Takes a block of at least this size, with undefined content. The context must be current.
   * Allocates, and so may wait for the context, only if more kernels are open than ever before.
   */
  Block take(int bytes, String kernel) {
    int size = Math.max(SMALLEST_BLOCK, 2 * Integer.highestOneBit(bytes - 1));
    Block block = takeFree(size);
    while (block == null) { // again if other threads have taken the whole new chunk
      Chunk chunk = new Chunk(new RawPointer(), Math.max(size, CHUNK_BYTES));
      int code = allocate(chunk);
      if (code != CUresult.CUDA_SUCCESS) {
        throw CudaDriver.failure(
            device,
            "cuMemHostAlloc",
            code,
            ": " + chunk.bytes + " bytes of pinned memory for the arguments of kernel " + kernel);
      }
      add(chunk);
      block = takeFree(size);
    }
    return block;
  }

  private synchronized void add(Chunk chunk) {
    chunks.add(chunk);
    cut = 0; // the rest of the previous chunk is too small for a block
  }

  private synchronized @Nullable Block takeFree(int size) {
    Deque<Block> free = freeBySize.get(size);
    if (free != null && !free.isEmpty()) {
      return free.pop();
    }
    if (chunks.isEmpty()) {
      return null;
    }
    Chunk last = chunks.get(chunks.size() - 1);
    if (cut + size > last.bytes) {
      return null;
    }
    ByteBuffer bytes = last.address.getByteBuffer(cut, size).order(ByteOrder.nativeOrder());
    Block block = new Block(new RawPointer(last.address.address() + cut), bytes);
    cut += size;
    return block;
  }

  synchronized void giveBack(Block block) {
    freeBySize.computeIfAbsent(block.bytes.capacity(), size -> new ArrayDeque<>()).push(block);
  }

  /** Frees the memory. The context must be current, and all blocks returned. */
  synchronized void free() {
    for (Chunk chunk : chunks) {
      CudaDriver.call(device, "cuMemFreeHost", p -> cuMemFreeHost(p), chunk.address);
    }
    chunks.clear();
    freeBySize.clear();
  }
}
