package io.pentrough.device.cuda;

import jcuda.Pointer;

/** A pointer of JCuda's whose address can be read, which JCuda keeps to itself. */
final class RawPointer extends Pointer {

  /** Points nowhere, until the driver writes an address into it. */
  RawPointer() {}

  /** A number where the driver takes a pointer. */
  RawPointer(long address) {
    super(address);
  }

  long address() {
    return getNativePointer();
  }
}
