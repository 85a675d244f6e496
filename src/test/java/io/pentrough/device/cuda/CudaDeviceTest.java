package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.CudaWork.check;
import static io.pentrough.device.cuda.CudaWork.newContext;
import static io.pentrough.testkit.Patience.patience;
import static jcuda.driver.JCudaDriver.CU_STREAM_LEGACY;
import static jcuda.driver.JCudaDriver.CU_STREAM_PER_THREAD;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxGetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamQuery;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUgraph;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a CUDA device promises beyond the contract. */
@OnCuda
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaDeviceTest {

  /** What was current before the test, and must be again. */
  private final CUcontext before = new CUcontext();

  @BeforeEach
  void remember() {
    CudaNatives.start();
    check(cuCtxGetCurrent(before));
  }

  @AfterEach
  void putBack() {
    check(cuCtxSetCurrent(before));
  }

  private static String messageOf(Class<? extends Throwable> type, Executable misuse) {
    return String.valueOf(assertThrows(type, misuse).getMessage());
  }

  private static CUcontext current() {
    CUcontext current = new CUcontext();
    check(cuCtxGetCurrent(current));
    return current;
  }

  private static CUstream newStream(CUcontext context, int flags) {
    CUcontext was = current();
    check(cuCtxSetCurrent(context));
    CUstream stream = new CUstream();
    check(cuStreamCreate(stream, flags));
    check(cuCtxSetCurrent(was));
    return stream;
  }

  // ---- devices

  @Test
  void theDevicesAreListed() {
    assertEquals(java.util.Optional.empty(), CudaDevice.whyUnavailable());
    List<CudaDevice.Info> devices = CudaDevice.list();
    assertFalse(devices.isEmpty());
    for (int i = 0; i < devices.size(); i++) {
      CudaDevice.Info info = devices.get(i);
      assertEquals(i, info.ordinal());
      assertFalse(info.name().isBlank());
      assertTrue(info.memoryBytes() > 0);
      assertTrue(info.computeMajor() > 0);
      assertTrue(info.toString().startsWith("cuda:" + i + " (" + info.name()), info.toString());
    }
    try (CudaDevice device = CudaDevice.open(0)) {
      assertEquals(devices.get(0), device.info());
      assertEquals("cuda:0", device.name());
      assertTrue(
          device.description().matches("cuda:0 \\(.*, CUDA driver \\d+\\.\\d+\\)"),
          device.description());
      if (!CudaRuns.REAL) {
        assertTrue(device.description().contains("no GPU"), device.description());
      }
    }
  }

  @Test
  void eachDeviceHasAPlaceAndAnIdentifier() {
    Set<Object> all = new HashSet<>();
    int count = CudaDevice.list().size();
    for (int i = 0; i < count; i++) {
      CudaDevice device = CudaDevice.open(i);
      String place = device.pciBusId();
      UUID uuid = device.uuid();
      device.close();
      assertTrue(place.matches("[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\\.[0-7]"), place);
      assertEquals(List.of(place, uuid), List.of(device.pciBusId(), device.uuid()));
      if (!CudaRuns.REAL) {
        assertEquals("0000:3B:00.0", CudaDevices.pciBusId(0));
        assertEquals("9a8bb8a9-decf-fced-1203-3021564774%02x".formatted(i), uuid.toString());
      }
      assertTrue(all.add(place) && all.add(uuid), "two devices are the same");
    }
  }

  @Test
  void aDeviceThatIsNotThereIsNamed() {
    int count = CudaDevice.list().size();
    for (int ordinal : new int[] {-1, count, Integer.MAX_VALUE}) {
      String message = messageOf(IllegalArgumentException.class, () -> CudaDevice.open(ordinal));
      assertTrue(message.startsWith("there is no CUDA device " + ordinal + ": "), message);
      assertTrue(message.contains("this machine has "), message);
    }
  }

  @Test
  @DisplayName("a call on a thread of the application leaves its current context as it was")
  void contextsComeAndGo() throws Exception {
    CUcontext own = newContext(0);
    try (CudaDevice device = CudaDevice.open(0)) {
      assertNotEquals(new CUcontext(), current(), "open makes the context current");
      for (CUcontext mine : List.of(own, new CUcontext())) {
        check(cuCtxSetCurrent(mine));
        try (DeviceStream stream = device.newStream();
            DeviceEvent event = device.newEvent();
            PinnedBuffer pinned = device.allocatePinned(8);
            DeviceBuffer buffer = device.allocate(8)) {
          stream.copyToDevice(pinned, 0, buffer, 0, 8);
          stream.record(event);
          stream.waitFor(event);
          event.synchronize();
          assertTrue(event.isComplete());
          event.park(1);
          assertFalse(stream.isCapturing());
          stream.copyToHost(buffer, 0, pinned, 0, 8);
          stream.read(buffer, ByteBuffer.allocate(8));
          stream.synchronize();
          device.map(pinned).close();
          assertThrows(DeviceException.class, () -> device.allocate(1L << 50));
        }
        assertEquals(mine, current());
      }
      check(cuCtxSetCurrent(own));
      Session.run(device);
      assertEquals(own, current());
    }
    assertEquals(own, current());
    check(cuCtxSetCurrent(new CUcontext()));
    check(cuCtxDestroy(own));
  }

  @Test
  @DisplayName("a thread bound to one device may open another: calls on the first still go there")
  void aBoundThreadOpensAnotherDevice() throws Exception {
    int other = CudaDevice.list().size() - 1; // on a machine with one GPU the same
    try (CudaDevice zero = CudaDevice.open(0)) {
      Caller<Void> bound =
          Caller.start(
              () -> {
                zero.bindThread();
                try (CudaDevice another = CudaDevice.open(other)) {
                  Session.run(zero);
                  Session.run(another);
                }
                Session.run(zero);
                return null;
              });
      bound.result();
    }
  }

  @Test
  @DisplayName("of a device that is given back, nothing reaches the driver any more")
  void aDeviceGivenBackIsNotAsked() {
    CudaDevice device = CudaDevice.open(0);
    CUstream stream = newStream(current(), 1);
    DeviceStream usual = device.defaultStream();
    CudaDevice still = CudaDevice.open(0); // the context lives on, but not for the first
    device.close();
    for (Executable late :
        List.<Executable>of(
            () -> device.wrap(stream),
            device::bindThread,
            usual::synchronize,
            usual::isCapturing)) {
      assertThrows(IllegalStateException.class, late);
    }
    check(cuStreamDestroy(stream));
    still.close();
  }

  @Test
  @DisplayName("the default stream's late calls give nothing back a second time")
  void aDeviceIsGivenBackOnce() {
    CudaDevice device = CudaDevice.open(0);
    DeviceStream usual = device.defaultStream();
    DeviceBuffer buffer = device.allocate(4);
    DeviceBuffer empty = buffer.slice(0, 0, () -> {});
    DeviceEvent event = device.newEvent();
    PinnedBuffer pinned = device.allocatePinned(4);
    try (CudaDevice still = CudaDevice.open(0)) {
      device.close();
      usual.copyToDevice(pinned, 0, buffer, 0, 4); // the context is there as long as the buffer
      usual.record(event);
      usual.read(buffer, ByteBuffer.allocate(4));
      for (AutoCloseable last : List.of(buffer, event, pinned)) {
        assertDoesNotThrow(last::close);
      }
      for (Executable late :
          List.<Executable>of(
              () -> usual.read(buffer, ByteBuffer.allocate(4)),
              () -> usual.read(empty, ByteBuffer.allocate(4)),
              () -> usual.copyToDevice(pinned, 0, buffer, 0, 4),
              () -> usual.copyToHost(buffer, 0, pinned, 0, 4),
              () -> usual.record(event),
              () -> usual.waitFor(event),
              usual::synchronize,
              usual::isCapturing,
              () -> device.map(pinned),
              () -> device.newEvent(),
              device::bindThread)) {
        assertThrows(IllegalStateException.class, late);
        usual.close();
        device.close();
      }
      still.allocate(4).close(); // its context is still retained
    }
    try (CudaDevice again = CudaDevice.open(0)) {
      again.allocate(4).close();
    }
  }

  @Test
  @DisplayName("a device closed under a call on its default stream is given back behind it")
  void closedUnderTheDefaultStream() throws Exception {
    try (CudaDevice still = CudaDevice.open(0)) {
      CudaDevice device = CudaDevice.open(0);
      CudaWork.Word word = new CudaWork.Word(still);
      word.hold(device.defaultStream());
      Caller<Boolean> synchronize = Caller.run(device.defaultStream()::synchronize);
      Patience.until("it is in the driver", () -> CudaWork.areWaiting(synchronize.thread));
      device.close();
      device.bindThread(); // not given back: the call is under way
      word.open();
      synchronize.result();
      assertThrows(IllegalStateException.class, device::bindThread);
      word.free();
    }
  }

  @Test
  void aContextOfTheApplicationStaysTheApplications() throws Exception {
    CUcontext own = newContext(0);
    CUcontext was = current();
    CudaDevice device = CudaDevice.attach(own);
    assertEquals("cuda:0", device.name());
    assertEquals(was, current(), "attach makes nothing current");
    Session.run(device);
    device.close();
    device.close();
    CUstream stillThere = newStream(own, 0);
    check(cuCtxSetCurrent(own));
    check(cuStreamDestroy(stillThere));
    check(cuCtxSetCurrent(was));
    check(cuCtxDestroy(own));
  }

  @Test
  void anAttachedContextKnowsItsDevice() {
    int last = CudaDevice.list().size() - 1;
    CUcontext own = newContext(last);
    try (CudaDevice device = CudaDevice.attach(own)) {
      assertEquals("cuda:" + last, device.name());
      assertEquals(CudaDevice.list().get(last), device.info());
    }
    check(cuCtxDestroy(own));
  }

  @Test
  void aDeviceIsGivenBackWithTheLastOfWhatItHandedOut() {
    CudaDevice device = CudaDevice.open(0);
    DeviceBuffer buffer = device.allocate(4);
    device.close();
    assertEquals(1, device.liveResources().handles());
    try (CudaDevice again = CudaDevice.open(0);
        DeviceBuffer other = again.allocate(4)) {
      assertEquals(4, other.bytes());
    }
    buffer.close();
    assertEquals(0, device.liveResources().handles());
  }

  @Test
  @DisplayName("each loader works on its own device")
  void twoDevices() throws Exception {
    if (CudaDevice.list().size() < 2) {
      return; // a real machine with one GPU; the software driver has two
    }
    try (CudaDevice zero = CudaDevice.open(0);
        CudaDevice one = CudaDevice.open(1)) {
      Caller<Void> first =
          Caller.start(
              () -> {
                Session.run(zero);
                return null;
              });
      Caller<Void> second =
          Caller.start(
              () -> {
                Session.run(one);
                return null;
              });
      first.result();
      second.result();
      try (DeviceStream stream = one.newStream();
          PinnedBuffer pinned = one.allocatePinned(1);
          DeviceBuffer buffer = zero.allocate(1)) {
        String message =
            messageOf(
                IllegalArgumentException.class, () -> stream.copyToDevice(pinned, 0, buffer, 0, 1));
        assertTrue(message.contains("belongs to another device"), message);
      }
    }
  }

  @Test
  @DisplayName("a target runs in the context of its loader's device, on every worker")
  void targetsHaveTheirDevicesContext() throws Exception {
    for (CudaDevice.Info info : CudaDevice.list()) {
      Queue<CUcontext> seen = new ConcurrentLinkedQueue<>();
      CyclicBarrier both = new CyclicBarrier(2);
      try (CudaDevice device = CudaDevice.open(info.ordinal());
          BackgroundLoader loader =
              BackgroundLoader.builder(
                      device,
                      Session.SPEC,
                      (out, context) -> {
                        seen.add(current());
                        if (context.index() < 2) {
                          both.await(); // so that both workers have a batch
                        }
                      })
                  .workers(2)
                  .start()) {
        for (int i = 0; i < 6; i++) {
          loader.get(patience()).close();
        }
        assertEquals(Set.of(device.context().handle), Set.copyOf(seen));
      }
    }
  }

  // ---- streams of the application

  @Test
  void aWrappedStreamIsTheSameStreamAndIsNotDestroyed() {
    try (CudaDevice device = CudaDevice.open(0)) {
      CUcontext primary = current();
      CUstream stream = newStream(primary, 1);
      CUstream other = newStream(primary, 1);
      DeviceStream wrapped = device.wrap(stream);
      try (DeviceStream again = device.wrap(stream);
          DeviceStream different = device.wrap(other)) {
        assertEquals(wrapped, again);
        assertEquals(wrapped.hashCode(), again.hashCode());
        assertNotEquals(wrapped, different);
        assertSame(device, wrapped.device());
      }
      wrapped.close();
      wrapped.close();
      assertThrows(IllegalStateException.class, wrapped::synchronize);
      check(cuStreamQuery(stream));
      check(cuStreamDestroy(stream));
      check(cuStreamDestroy(other));
    }
  }

  @Test
  void theDefaultStreamIsTheLegacyOne() {
    try (CudaDevice device = CudaDevice.open(0)) {
      assertSame(device.defaultStream(), device.wrap(new CUstream()));
      assertSame(device.defaultStream(), device.wrap(CU_STREAM_LEGACY));
      try (CudaDevice again = CudaDevice.open(0)) {
        assertNotEquals(device.defaultStream(), again.defaultStream());
      }
      String message =
          messageOf(IllegalArgumentException.class, () -> device.wrap(CU_STREAM_PER_THREAD));
      assertTrue(message.contains("another stream on each thread"), message);
    }
  }

  @Test
  @DisplayName("a new stream does not wait for the default stream, as a blocking one would")
  void newStreamsDoNotBlock() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        PinnedBuffer pinned = device.allocatePinned(4);
        DeviceBuffer buffer = device.allocate(4)) {
      CudaWork.Word word = new CudaWork.Word(device);
      word.hold(device.defaultStream());
      stream.copyToDevice(pinned, 0, buffer, 0, 4);
      stream.synchronize(); // would not return
      word.open();
      word.free();
    }
  }

  @Test
  @DisplayName("bindThread makes a device's context current for the application's own calls")
  void ownCallsForTheFirstOfTwoDevices() {
    if (CudaDevice.list().size() < 2) {
      return; // as above
    }
    try (CudaDevice first = CudaDevice.open(0);
        CudaDevice second = CudaDevice.open(1)) { // whose context is current now
      CUstream early = new CUstream();
      check(cuStreamCreate(early, 0));
      String message = messageOf(IllegalArgumentException.class, () -> first.wrap(early));
      assertTrue(message.contains("bindThread()"), message);
      second.wrap(early).close();
      check(cuStreamDestroy(early));

      first.bindThread();
      CUstream own = new CUstream();
      check(cuStreamCreate(own, 0));
      first.wrap(own).close();
      check(cuStreamDestroy(own));
    }
  }

  @Test
  void aStreamOfAnotherContextIsRefused() {
    CUcontext own = newContext(0);
    CUstream stream = newStream(own, 0);
    try (CudaDevice device = CudaDevice.open(0)) {
      String message = messageOf(IllegalArgumentException.class, () -> device.wrap(stream));
      assertTrue(message.contains("another context than cuda:0"), message);
    }
    check(cuCtxSetCurrent(own));
    check(cuStreamDestroy(stream));
    check(cuCtxSetCurrent(before));
    check(cuCtxDestroy(own));
  }

  @Test
  @DisplayName(
      "I2: the default stream covers blocking streams: their work is done before a slot is reused")
  void theDefaultStreamCoversBlockingStreams() throws Exception {
    try (CudaDevice device = CudaDevice.open(0)) {
      CUstream blocking = newStream(current(), 0);
      try (DeviceStream work = device.wrap(blocking);
          BackgroundLoader loader = Session.loader(device).deviceSlots(1).start()) {
        for (int i = 0; i < 10; i++) {
          long[] seen = {-1};
          DeviceBatch batch = loader.get(patience());
          try (PinnedBuffer copy = device.allocatePinned(8)) {
            work.copyToHost(batch.array(0).buffer().slice(80, 8, () -> {}), 0, copy, 0, 8);
            batch.close(); // recorded on the default stream, behind the blocking one
            work.synchronize();
            seen[0] = copy.unsafeBuffer().getLong(0);
          }
          assertEquals(i, seen[0]);
        }
      }
      check(cuStreamDestroy(blocking));
    }
  }

  // ---- capture

  @Test
  @DisplayName("get and close are refused on a stream under capture; the batch can be closed later")
  void captureIsRefused() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader = Session.loader(device).consumerStream(stream).start()) {
      DeviceBatch batch = loader.get(patience());
      CUstream handle = ((CudaStream) stream).handle;
      check(cuStreamBeginCapture(handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
      assertTrue(stream.isCapturing());
      for (Executable refused :
          List.<Executable>of(
              batch::close,
              loader::get,
              () -> loader.get(patience()),
              () -> loader.getQueued(stream, patience()))) {
        String message = messageOf(IllegalStateException.class, refused);
        assertTrue(message.startsWith("the stream is being captured into a graph"), message);
      }
      check(cuStreamEndCapture(handle, new CUgraph()));
      assertFalse(stream.isCapturing());
      batch.close();
      loader.get(patience()).close();
    }
  }

  @Test
  @DisplayName("a blocking stream under capture makes the default stream one, too")
  void captureReachesTheDefaultStream() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceEvent event = device.newEvent();
        BackgroundLoader loader = Session.loader(device).start()) {
      CUstream blocking = newStream(current(), 0);
      DeviceBatch batch = loader.get(patience());
      check(cuStreamBeginCapture(blocking, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL));
      for (Executable refused : List.<Executable>of(batch::close, () -> loader.get(patience()))) {
        String message = messageOf(IllegalStateException.class, refused);
        assertTrue(message.startsWith("the stream is being captured into a graph"), message);
      }
      try (DeviceStream lost = device.wrap(blocking)) {
        check(cuStreamEndCapture(blocking, new CUgraph())); // to ask did it no harm
        check(cuStreamBeginCapture(blocking, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
        assertThrows(DeviceException.class, () -> device.defaultStream().record(event));
        assertTrue(lost.isCapturing(), "a capture that is lost is one until it is ended");
      }
      cuStreamEndCapture(blocking, new CUgraph());
      batch.close();
      loader.get(patience()).close();
      check(cuStreamDestroy(blocking));
    }
  }

  @Test
  @DisplayName("a loader at work does not break a capture of the application, whatever its mode")
  void captureIsNotBroken() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream consumer = device.newStream();
        DeviceStream captured = device.newStream();
        BackgroundLoader loader = Session.loader(device).consumerStream(consumer).start()) {
      CUstream handle = ((CudaStream) captured).handle;
      check(cuStreamBeginCapture(handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL));
      for (int i = 0; i < 8; i++) { // library threads query, copy and record meanwhile
        loader.get(patience()).close();
      }
      check(cuStreamEndCapture(handle, new CUgraph()));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("a consumer that watches its copy breaks no capture, of its own thread or another")
  void watchingBreaksNoCapture(boolean ownThread) throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream consumer = device.newStream();
        DeviceStream captured = device.newStream();
        BackgroundLoader loader = Session.loader(device).consumerStream(consumer).start()) {
      setCopyMicros(200); // so that the consumer waits for each copy
      CUstream handle = ((CudaStream) captured).handle;
      Callable<Integer> begin =
          () -> cuStreamBeginCapture(handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL);
      loader.get(patience()).close(); // so that the length of a copy is known
      ExecutorService other = Executors.newSingleThreadExecutor();
      try {
        check(ownThread ? begin.call() : inContext(other, device, begin));
        for (int i = 0; i < 20; i++) {
          loader.get(patience()).close();
        }
        Callable<Integer> end = () -> cuStreamEndCapture(handle, new CUgraph());
        check(ownThread ? end.call() : inContext(other, device, end));
      } finally {
        other.shutdownNow();
        setCopyMicros(0);
      }
    }
  }

  private static void setCopyMicros(long micros) {
    if (!CudaRuns.REAL) {
      CudaSim.bandwidth(0, micros);
    }
  }

  private static int inContext(ExecutorService thread, CudaDevice device, Callable<Integer> call)
      throws Exception {
    return Patience.result(
        thread.submit(
            () -> {
              device.bindThread();
              return call.call();
            }));
  }

  // ---- memory

  @Test
  void pointersAreAddresses() {
    try (CudaDevice device = CudaDevice.open(0);
        HostDevice host = HostDevice.open();
        DeviceBuffer foreign = host.allocate(1)) {
      DeviceBuffer buffer = device.allocate(1024);
      AtomicInteger asked = new AtomicInteger();
      DeviceBuffer slice = buffer.slice(100, 300, asked::incrementAndGet);
      DeviceBuffer inner = slice.slice(28, 4, () -> {});
      CUdeviceptr whole = CudaDevice.pointer(buffer);
      // By their text: to JCuda, pointers into one allocation are equal wherever they point.
      assertEquals(whole.withByteOffset(100).toString(), CudaDevice.pointer(slice).toString());
      int before = asked.get();
      assertEquals(whole.withByteOffset(128).toString(), CudaDevice.pointer(inner).toString());
      assertTrue(asked.get() > before, "the guard of the outer slice");
      assertEquals(
          "pointer() works on CUDA devices only, and this buffer belongs to host: HostDevice.bytes shows"
              + " it",
          messageOf(IllegalArgumentException.class, () -> CudaDevice.pointer(foreign)));
      buffer.close();
      assertThrows(IllegalStateException.class, () -> CudaDevice.pointer(buffer));
      assertThrows(IllegalStateException.class, () -> CudaDevice.pointer(inner));
    }
  }

  @Test
  void aReadLargerThanItsStagingBufferIsWhole() {
    int bytes = (5 << 19) + 3;
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        PinnedBuffer pinned = device.allocatePinned(bytes);
        DeviceBuffer buffer = device.allocate(bytes)) {
      byte[] content = new byte[bytes];
      new java.util.Random(7).nextBytes(content);
      pinned.unsafeBuffer().put(content);
      stream.copyToDevice(pinned, 0, buffer, 0, bytes);
      ByteBuffer read = ByteBuffer.allocate(bytes);
      stream.read(buffer, read);
      assertArrayEquals(content, read.array());
      assertEquals(bytes, read.position());
    }
  }

  @Test
  @DisplayName("I7: a stream closed in the middle of a read stays for the rest of it")
  void aReadOutlivesItsStream() {
    try (CudaDevice device = CudaDevice.open(0);
        PinnedBuffer pinned = device.allocatePinned(3);
        DeviceBuffer buffer = device.allocate(3)) {
      DeviceStream stream = device.newStream();
      pinned.unsafeBuffer().put(new byte[] {1, 2, 3});
      stream.copyToDevice(pinned, 0, buffer, 0, 3);
      ByteBuffer read = ByteBuffer.allocate(3);
      stream.read(buffer.slice(0, 3, stream::close), read); // asked right before the copy
      assertArrayEquals(new byte[] {1, 2, 3}, read.array());
    }
  }

  // ---- events

  @Test
  void timeIsMeasuredWhereItWasAskedFor() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceEvent a = device.newEvent();
        DeviceEvent b = device.newEvent()) {
      String message = messageOf(IllegalStateException.class, () -> device.elapsedMillis(a, b));
      assertTrue(message.contains("timing(true)"), message);
      device.defaultStream().record(a);
      device.defaultStream().record(b);
      device.defaultStream().synchronize();
      CudaWork.inContext(
          device,
          () ->
              assertEquals(
                  CUresult.CUDA_ERROR_INVALID_HANDLE,
                  cuEventElapsedTime(new float[1], ((CudaEvent) a).handle, ((CudaEvent) b).handle),
                  "an event measures time that nobody asked for"));
    }
    try (CudaDevice device = CudaDevice.builder().timing(true).open(0);
        DeviceStream stream = device.newStream();
        DeviceEvent from = device.newEvent();
        DeviceEvent to = device.newEvent()) {
      assertThrows(IllegalStateException.class, () -> device.elapsedMillis(from, to));
      stream.record(from);
      stream.record(to);
      stream.synchronize();
      assertTrue(device.elapsedMillis(from, to) >= 0);
    }
  }

  @Test
  void anEventClosedUnderItsUserIsDestroyedBehindTheLastUse() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream()) {
      for (int i = 0; i < 50; i++) {
        DeviceEvent event = device.newEvent();
        stream.record(event);
        Caller<Void> polls =
            Caller.start(
                () -> {
                  while (true) {
                    event.isComplete();
                  }
                });
        event.close();
        polls.failure(IllegalStateException.class);
        Patience.join(polls.thread);
      }
    }
  }

  // ---- JCuda's own switch

  @Test
  @DisplayName("whether JCuda throws is the application's business, and both ways work")
  void exceptionsOfJCuda() throws Exception {
    JCudaDriver.setExceptionsEnabled(true);
    try (CudaDevice device = CudaDevice.open(0)) {
      Session.run(device);
      String message = messageOf(DeviceException.class, () -> device.allocate(1L << 50));
      assertTrue(message.contains("cuMemAlloc failed with 2 CUDA_ERROR_OUT_OF_MEMORY"), message);
      assertThrows(jcuda.CudaException.class, () -> JCudaDriver.cuDeviceGet(new CUdevice(), 4711));
    } finally {
      JCudaDriver.setExceptionsEnabled(false);
    }
  }

  @Test
  @DisplayName("with JCuda's exceptions on, a poll in vain costs that exception and no more")
  void pollsWithExceptionsOn() {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceEvent event = device.newEvent()) {
      CudaWork.Word word = new CudaWork.Word(device);
      word.hold(stream);
      stream.record(event);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      JCudaDriver.setExceptionsEnabled(true);
      int polls = 200;
      event.isComplete();
      long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
      for (int i = 0; i < polls; i++) {
        assertFalse(event.isComplete());
      }
      long bytes = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
      JCudaDriver.setExceptionsEnabled(false);
      word.open();
      stream.synchronize();
      word.free();
      assertTrue(bytes < 4_000L * polls, bytes + " bytes for " + polls + " polls");
    } finally {
      JCudaDriver.setExceptionsEnabled(false);
    }
  }

  @Test
  @DisplayName("a failure names the call, the number, CUDA's name and text, and the device")
  void failuresAreToldInWords() {
    try (CudaDevice device = CudaDevice.open(0)) {
      String message = messageOf(DeviceException.class, () -> device.allocate(1L << 50));
      assertTrue(
          message.matches(
              "cuda:0: cuMemAlloc failed with 2 CUDA_ERROR_OUT_OF_MEMORY \\(out of memory\\):"
                  + " 1125899906842624 bytes were asked for and \\d+ of \\d+ are free;"
                  + " ask for less, or for fewer slots"),
          message);
    }
  }
}
