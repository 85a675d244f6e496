package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.device.cuda.TroubledDriver;
import io.pentrough.example.DeviceNetwork.Shape;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a step of the training asks of the driver and of the Java heap. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(TroubledDriver.class)
class StepCostTest {

  @Test
  @DisplayName(
      "a step is 6 kernels, 5 products and the copy of the loss, and the loader's batch and stage")
  void calls() throws Exception {
    int few = 20;
    int many = 60;
    Map<String, Long> before = calls(few);
    Map<String, Long> after = calls(many);
    Map<String, Long> steps = new TreeMap<>();
    after.forEach(
        (call, count) -> {
          long more = count - before.getOrDefault(call, 0L);
          if (more != 0) {
            steps.put(call, more);
          }
        });
    steps.forEach(
        (call, count) ->
            System.out.printf("%s: %.2f a step%n", call, (double) count / (many - few)));
    Map<String, Long> exact = new TreeMap<>();
    exact.put("cuLaunchKernel", 6L + 1); // and that of the loader's stage
    exact.put("cublasSgemm_v2", 5L);
    exact.put("cuMemcpyDtoHAsync_v2", 1L); // the loss
    exact.put("cuMemcpyHtoDAsync_v2", 1L); // the batch
    exact.put("cuEventRecord", 4L); // the batch copied, ready, given back; the loss copied
    exact.put("cuStreamWaitEvent", 2L); // for the batch given back before into its slot; the copy
    exact.put("cuStreamIsCapturing", 2L);
    // The loader may have copied one batch more, or one less, ahead of the last step.
    Map<String, Long> ofCopy =
        Map.of(
            "cuMemcpyHtoDAsync_v2",
            1L,
            "cuLaunchKernel",
            1L,
            "cuEventRecord",
            2L,
            "cuStreamWaitEvent",
            2L);
    long ahead = steps.getOrDefault("cuMemcpyHtoDAsync_v2", 0L) - (many - few);
    assertTrue(Math.abs(ahead) <= 3, "batches ahead: " + ahead);
    for (Map.Entry<String, Long> call : steps.entrySet()) {
      String name = call.getKey();
      long count = call.getValue();
      if (name.equals("cuCtxGetCurrent")) { // polls of the loss's event among them
        assertTrue(count <= 20L * (many - few), name + ": " + count);
      } else if (name.equals("cuThreadExchangeStreamCaptureMode")) { // around polls
        assertTrue(count <= 2 * steps.getOrDefault("cuEventQuery", 0L), name + ": " + count);
      } else if (!name.equals("cuEventQuery") && !name.equals("cuEventSynchronize")) { // polls
        long expected =
            exact.getOrDefault(name, 0L) * (many - few) + ofCopy.getOrDefault(name, 0L) * ahead;
        assertEquals(expected, count, name);
        exact.remove(name);
      }
    }
    assertEquals(Map.of(), exact, "never called");
  }

  private static Map<String, Long> calls(int steps) throws Exception {
    CudaSim.reset();
    CudaSim.configure(Schedule.THREADS, 0);
    try (CudaDevice device = CudaDevice.open(0)) {
      DeviceTraining.run(device, steps);
    }
    return CudaSim.calls();
  }

  @Test
  @DisplayName("what a step costs, printed")
  void cost() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int steps = 50;
    long queueing = Long.MAX_VALUE;
    long whole = Long.MAX_VALUE;
    long bytes = Long.MAX_VALUE;
    try (CudaDevice device = CudaDevice.open(0);
        DeviceNetwork network = new DeviceNetwork(device, new Shape(17, 27, 9, 3), 1)) {
      for (int round = 0; round < 6; round++) {
        long allocated = threads.getCurrentThreadAllocatedBytes();
        long start = System.nanoTime();
        for (int step = 0; step < steps; step++) {
          network.train(1e-3f);
        }
        queueing = Math.min(queueing, System.nanoTime() - start);
        bytes = Math.min(bytes, threads.getCurrentThreadAllocatedBytes() - allocated);
        network.stream.synchronize();
        whole = Math.min(whole, System.nanoTime() - start);
      }
    }
    System.out.printf(
        "a step of a small network: %d us to queue, %d us until it is done, %d bytes of heap%n",
        queueing / steps / 1000, whole / steps / 1000, bytes / steps);
    assertTrue(bytes / steps < 4096, bytes / steps + " bytes of heap a step");
  }
}
