package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.fails;
import static io.pentrough.device.cuda.RawCuda.ok;
import static io.pentrough.device.cuda.RawCuda.value;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import io.pentrough.device.cuda.RawCuda.Stream;
import java.util.List;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stream capture in the software CUDA driver: what others may do meanwhile. */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverCaptureTest {

  private static final int GLOBAL = 0;
  private static final int THREAD_LOCAL = 1;
  private static final int RELAXED = 2;
  private static final int ACTIVE = 1;
  private static final int INVALIDATED = 2;
  private static final int SIZE = 4096;

  @Test
  void whatIsCapturedDoesNotRun() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent captured = cuda.event();
      Memory memory = cuda.memory(SIZE);
      Pinned pinned = cuda.pinned(SIZE, 1);
      Pinned back = cuda.pinned(SIZE);
      ok(cuStreamBeginCapture(stream, GLOBAL));
      ok(cuMemcpyHtoDAsync(memory, pinned, SIZE, stream));
      ok(cuEventRecord(captured, stream));
      assertEquals(ACTIVE, status(stream));
      end(stream);
      assertEquals(0, status(stream));
      ok(cuMemcpyDtoHAsync(back, memory, SIZE, stream));
      ok(cuStreamSynchronize(stream));
      assertEquals(0xCD, value(back));
      fails(907, cuEventQuery(captured)); // CUDA_ERROR_CAPTURED_EVENT, which JCuda cannot name
      ok(cuEventRecord(captured, stream));
      ok(cuEventSynchronize(captured));
    }
  }

  @Test
  void anUnsafeCallOfAnyThreadInvalidatesAGlobalCapture() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent event = cuda.event();
      ok(cuStreamBeginCapture(stream, GLOBAL));
      SoftwareDriverTest.inThread(
          () -> {
            cuda.makeCurrent();
            ok(cuEventRecord(event, cuda.stream())); // safe
            fails(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuEventQuery(event));
            fails(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc(new Memory(), 1));
          });
      assertEquals(INVALIDATED, status(stream));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
      ok(cuEventSynchronize(event)); // over
    }
  }

  @Test
  void aRelaxedThreadDisturbsNoCapture() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent event = cuda.event();
      ok(cuStreamBeginCapture(stream, GLOBAL));
      SoftwareDriverTest.inThread(
          () -> {
            cuda.makeCurrent();
            int[] mode = {RELAXED};
            ok(cuThreadExchangeStreamCaptureMode(mode));
            assertEquals(GLOBAL, mode[0]);
            ok(cuEventQuery(event));
            cuda.memory(1);
            ok(cuThreadExchangeStreamCaptureMode(mode));
            assertEquals(RELAXED, mode[0]);
          });
      int[] mode = {RELAXED};
      ok(cuThreadExchangeStreamCaptureMode(mode)); // its own thread's as well
      ok(cuEventQuery(event));
      ok(cuThreadExchangeStreamCaptureMode(mode));
      end(stream);
    }
  }

  @Test
  void aThreadLocalCaptureConcernsItsThreadOnly() throws InterruptedException {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      CUevent event = cuda.event();
      ok(cuStreamBeginCapture(stream, THREAD_LOCAL));
      SoftwareDriverTest.inThread(
          () -> {
            cuda.makeCurrent();
            ok(cuEventQuery(event));
            // CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD
            fails(908, cuStreamEndCapture(stream, new CUgraph()));
          });
      fails(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuEventQuery(event));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
    }
  }

  @Test
  void aCapturingStreamIsNotAskedOrAwaited() {
    try (RawCuda cuda = RawCuda.primary()) {
      Stream stream = cuda.stream();
      ok(cuStreamBeginCapture(stream, RELAXED));
      fails(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamQuery(stream));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
      ok(cuStreamBeginCapture(stream, RELAXED));
      fails(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(stream));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
      fails(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture(CU_STREAM_LEGACY, GLOBAL));
    }
  }

  @Test
  void theDefaultStreamDisturbsTheCaptureOfABlockingOne() {
    try (RawCuda cuda = RawCuda.primary()) {
      CUevent event = cuda.event();
      Stream nonBlocking = cuda.stream(RawCuda.NON_BLOCKING);
      ok(cuStreamBeginCapture(nonBlocking, GLOBAL));
      ok(cuEventRecord(event, null));
      end(nonBlocking);
      Stream blocking = cuda.stream(RawCuda.BLOCKING);
      ok(cuStreamBeginCapture(blocking, GLOBAL));
      fails(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuEventRecord(event, null));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, new CUgraph()));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {GLOBAL, THREAD_LOCAL, RELAXED})
  void whateverItsModeACaptureOfABlockingStreamBarsTheDefaultStream(int mode) {
    try (RawCuda cuda = RawCuda.primary()) {
      CUevent event = cuda.event();
      Stream blocking = cuda.stream(RawCuda.BLOCKING);
      ok(cuStreamBeginCapture(blocking, mode));
      for (CUstream usual : List.of(new CUstream(), CU_STREAM_LEGACY)) {
        fails(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuStreamIsCapturing(usual, new int[1]));
      }
      assertEquals(ACTIVE, status(blocking), "to ask does no harm");
      fails(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuEventRecord(event, null));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, new CUgraph()));
    }
  }

  @Test
  void aCaptureBarsNoDefaultStreamOfAnotherContext() {
    try (RawCuda cuda = RawCuda.primary();
        RawCuda other = RawCuda.own()) {
      CUevent event = other.event();
      cuda.makeCurrent();
      Stream blocking = cuda.stream(RawCuda.BLOCKING);
      ok(cuStreamBeginCapture(blocking, GLOBAL));
      other.makeCurrent();
      ok(cuStreamIsCapturing(new CUstream(), new int[1]));
      ok(cuEventRecord(event, null));
      cuda.makeCurrent();
      end(blocking);
    }
  }

  @Test
  void aCaptureDependsOnNothingOutside() {
    try (RawCuda cuda = RawCuda.primary()) {
      CUevent event = cuda.event();
      Stream stream = cuda.stream();
      Stream other = cuda.stream();
      ok(cuEventRecord(event, other));
      ok(cuStreamBeginCapture(stream, GLOBAL));
      fails(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(stream, event, 0));
      fails(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
    }
  }

  private static int status(Stream stream) {
    int[] status = new int[1];
    ok(cuStreamIsCapturing(stream, status));
    return status[0];
  }

  private static void end(Stream stream) {
    CUgraph graph = new CUgraph();
    ok(cuStreamEndCapture(stream, graph));
    ok(cuGraphDestroy(graph));
  }
}
