package io.pentrough.example;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

/** What the JVM may allocate outside its heap. */
final class DirectMemory {

  private DirectMemory() {}

  /** The bound in bytes: as -XX:MaxDirectMemorySize says, or as large as the heap may get. */
  static long limit() {
    HotSpotDiagnosticMXBean hotSpot =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    long option =
        hotSpot == null ? 0 : Long.parseLong(hotSpot.getVMOption("MaxDirectMemorySize").getValue());
    return option == 0 ? Runtime.getRuntime().maxMemory() : option;
  }
}
