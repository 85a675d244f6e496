package io.pentrough;

import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Memory of a slot, pinned in name only. */
record TestMemory(ByteBuffer memory) implements PinnedBuffer {

  TestMemory(long bytes) {
    this(ByteBuffer.allocateDirect((int) bytes));
  }

  @Override
  public long bytes() {
    return memory.capacity();
  }

  @Override
  public ByteBuffer unsafeBuffer() {
    return memory.duplicate().clear().order(ByteOrder.nativeOrder());
  }

  @Override
  public void close() {}
}
