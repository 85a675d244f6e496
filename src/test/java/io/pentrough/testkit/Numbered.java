package io.pentrough.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostBatch;
import io.pentrough.device.TestDevice;

/** The plainest batch: one number, which the target sets to the batch's index. */
public final class Numbered {

  public static final BatchSpec SPEC = BatchSpec.builder().array("number", DType.INT64, 1).build();

  private Numbered() {}

  public static void fill(HostBatch out, BatchContext context) {
    out.array(0).setLong(0, context.index());
  }

  /** What the batch holds on the device now. */
  public static long number(DeviceBatch batch) {
    return TestDevice.bytes(batch.array(0).buffer()).getLong(0);
  }

  /** Checks that a lease is of that index and holds its data, and closes it. */
  public static void check(long index, DeviceBatch lease) {
    try (lease) {
      assertEquals(index, lease.index());
      assertEquals(index, number(lease));
    }
  }
}
