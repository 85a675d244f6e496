package io.pentrough.device;

/** The type of a kernel's parameter. */
public enum KernelParameter {
  /** 32 bits, an integer. */
  INT32(4),
  /** 64 bits, a pointer or an integer. PTX does not always distinguish the two. */
  POINTER_OR_INT64(8),
  /** 32 bits, a floating-point number. */
  FLOAT32(4),
  /** 64 bits, a floating-point number. */
  FLOAT64(8);

  private final int bytes;

  KernelParameter(int bytes) {
    this.bytes = bytes;
  }

  /**
   * The size.
   *
   * @return 4 or 8
   */
  public int bytes() {
    return bytes;
  }
}
