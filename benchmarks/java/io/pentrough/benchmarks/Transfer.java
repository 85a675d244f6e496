package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** How fast bytes come to a device and back: from ordinary memory, from pinned, by the loader. */
final class Transfer {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Copies that are queued before somebody waits. */
  private static final int QUEUED = 8;

  private final long from;
  private final long to;
  private final long measureNanos;

  private interface Work {
    void run() throws Exception;
  }

  Transfer(long from, long to, double seconds) {
    this.from = from;
    this.to = to;
    measureNanos = (long) (seconds * 1e9);
  }

  void run(Device device, PrintStream out, Path folder) throws Exception {
    Machine machine = Machine.watch(out);
    out.println("device: " + device.description());
    out.println(Devices.warning(device));
    List<String> ways =
        List.of(
            "pageable, to device",
            "pinned, to device",
            "pinned and queued, to device",
            "loader, to device",
            "pageable, to host",
            "pinned, to host",
            "pinned and queued, to host");
    Table table =
        new Table(
            "GB/s",
            ways.get(0),
            ways.get(1),
            ways.get(2),
            ways.get(3),
            ways.get(4),
            ways.get(5),
            ways.get(6));
    LineChart chart = new LineChart(device.description(), "bytes", "GB/s");
    for (long bytes = from; bytes <= to; bytes *= 4) {
      double[] rates = rates(device, (int) bytes);
      Object[] cells = new Object[1 + rates.length];
      cells[0] = size(bytes);
      for (int i = 0; i < rates.length; i++) {
        cells[1 + i] = String.format(Locale.ROOT, "%.3f", rates[i]);
        chart.point(ways.get(i), (double) bytes, rates[i]);
      }
      table.row(cells);
    }
    out.println(machine.others());
    out.println();
    out.println(table);
    write(chart, device, out, folder);
  }

  private static void write(LineChart chart, Device device, PrintStream out, Path folder)
      throws IOException {
    String kind = device instanceof HostDevice ? "host" : "cuda";
    chart.write(folder.resolve("transfer-" + kind + ".png"), out);
  }

  static String size(long bytes) {
    return bytes < 1 << 20 ? (bytes >> 10) + " KiB" : (bytes >> 20) + " MiB";
  }

  private double[] rates(Device device, int bytes) throws Exception {
    double[] rates = new double[7];
    try (PinnedBuffer pinned = device.allocatePinned(bytes);
        DeviceBuffer there = device.allocate(bytes);
        DeviceStream stream = device.newStream()) {
      Pageable pageable = pageable(there);
      rates[0] = rate(bytes, 1, () -> pageable.toDevice());
      rates[1] = rate(bytes, 1, () -> toDevice(stream, pinned, there, 1));
      rates[2] = rate(bytes, QUEUED, () -> toDevice(stream, pinned, there, QUEUED));
      rates[4] = rate(bytes, 1, () -> pageable.toHost());
      rates[5] = rate(bytes, 1, () -> toHost(stream, there, pinned, 1));
      rates[6] = rate(bytes, QUEUED, () -> toHost(stream, there, pinned, QUEUED));
    }
    BatchSpec spec = BatchSpec.builder().array("data", DType.UINT8, bytes).build();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, (out, context) -> {})
            .hostSlots(2)
            .deviceSlots(2)
            .start()) {
      rates[3] = rate(bytes, 1, () -> loader.get(PATIENCE).close());
    }
    return rates;
  }

  static void toDevice(DeviceStream stream, PinnedBuffer from, DeviceBuffer to, int times) {
    for (int i = 0; i < times; i++) {
      stream.copyToDevice(from, 0, to, 0, to.bytes());
    }
    stream.synchronize();
  }

  static void toHost(DeviceStream stream, DeviceBuffer from, PinnedBuffer to, int times) {
    for (int i = 0; i < times; i++) {
      stream.copyToHost(from, 0, to, 0, to.bytes());
    }
    stream.synchronize();
  }

  /** GB per second of work that moves so many bytes so many times. */
  private double rate(long bytes, int times, Work work) throws Exception {
    long warm = System.nanoTime();
    int warmups = 0;
    do {
      work.run();
      warmups++;
    } while (warmups < 3 || System.nanoTime() - warm < measureNanos / 3);
    long began = System.nanoTime();
    long now;
    long moved = 0;
    do {
      work.run();
      moved += bytes * times;
      now = System.nanoTime();
    } while (now - began < measureNanos);
    return (double) moved / (now - began);
  }

  /** Copies between ordinary memory and the device, done when they return. */
  interface Pageable {
    void toDevice();

    void toHost();
  }

  static Pageable pageable(DeviceBuffer there) {
    int bytes = (int) there.bytes();
    ByteBuffer here = ByteBuffer.allocateDirect(bytes);
    if (there.device() instanceof HostDevice) {
      ByteBuffer copy = ByteBuffer.allocateDirect(bytes);
      return new Pageable() {
        @Override
        public void toDevice() {
          copy.put(0, here, 0, bytes);
        }

        @Override
        public void toHost() {
          here.put(0, copy, 0, bytes);
        }
      };
    }
    CUdeviceptr address = CudaDevice.pointer(there);
    Pointer memory = Pointer.to(here);
    return new Pageable() {
      @Override
      public void toDevice() {
        check(JCudaDriver.cuMemcpyHtoD(address, memory, bytes));
      }

      @Override
      public void toHost() {
        check(JCudaDriver.cuMemcpyDtoH(memory, address, bytes));
      }
    };
  }

  static void check(int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new IllegalStateException("CUDA: " + CUresult.stringFor(code));
    }
  }
}
