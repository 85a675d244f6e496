package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.CudaWork.check;
import static io.pentrough.device.cuda.CudaWork.newContext;
import static io.pentrough.testkit.Patience.patience;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxGetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuStreamGetCtx;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchStage;
import io.pentrough.DeviceBatch;
import io.pentrough.FailurePolicy;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.TestStages.Relay;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestKernels;
import io.pentrough.testkit.Patience;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import jcuda.driver.CUcontext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The application changes a thread's current context, by calls that the library does not see: each
 * call still goes to its device, and leaves the thread's context as it was.
 */
@OnCuda
@Timeout(value = Patience.TEST_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaCurrentContextTest {

  private static final CUcontext NONE = new CUcontext();

  /** What was current before the test, and must be again. */
  private CUcontext before = NONE;

  /** Another context on the same device. */
  private CUcontext other = NONE;

  @BeforeEach
  void makeContext() {
    CudaNatives.start();
    before = current();
    other = newContext(0);
  }

  @AfterEach
  void destroyContext() {
    check(cuCtxSetCurrent(before));
    check(cuCtxDestroy(other));
  }

  private static CUcontext current() {
    CUcontext current = new CUcontext();
    check(cuCtxGetCurrent(current));
    return current;
  }

  private interface Step {
    void run() throws Exception;
  }

  private static void with(CUcontext context, Step step) throws Exception {
    check(cuCtxSetCurrent(context));
    step.run();
    assertEquals(context, current(), "the call has changed the thread's current context");
  }

  @Test
  @DisplayName("between get, use and close, by both doors")
  void betweenTheCallsOfABatch() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader = Session.loader(device).consumerStream(stream).start()) {
      List<CUcontext> contexts = List.of(device.context().handle, other, NONE);
      DeviceBatch[] batch = new DeviceBatch[1];
      for (int i = 0; i < 18; i++) {
        boolean queued = i % 2 == 0;
        with(
            contexts.get(i % 3),
            () ->
                batch[0] = queued ? loader.getQueued(stream, patience()) : loader.get(patience()));
        int index = i;
        with(contexts.get(i / 3 % 3), () -> assertEquals(index, Session.numberOf(batch[0])));
        with(contexts.get((i + 1) % 3), batch[0]::close);
      }
    }
  }

  @Test
  @DisplayName("on a thread that is bound to the device")
  void onABoundThread() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        DeviceEvent event = device.newEvent();
        DeviceBuffer buffer = device.allocate(8);
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceKernel nothing = module.kernel("nothing")) {
      device.bindThread();
      for (CUcontext context : List.of(other, NONE)) {
        with(context, () -> assertOwn(device));
        with(context, () -> stream.record(event));
        with(context, event::synchronize);
        with(context, () -> nothing.cover(1, 1).launch(stream));
        with(context, () -> device.allocate(8).close());
        with(context, () -> stream.read(buffer, ByteBuffer.allocate(8)));
      }
    }
  }

  private static void assertOwn(CudaDevice device) {
    try (DeviceStream made = device.newStream()) {
      CUcontext owner = new CUcontext();
      CudaWork.inContext(device, () -> check(cuStreamGetCtx(((CudaStream) made).handle, owner)));
      assertEquals(device.context().handle, owner, "a stream was made in the current context");
    }
  }

  @Test
  @DisplayName("in a target, on a worker")
  void inATarget() throws Exception {
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    try (CudaDevice device = CudaDevice.open(0);
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    Session.SPEC,
                    (out, context) -> {
                      try {
                        with(context.index() % 2 == 0 ? other : NONE, () -> assertOwn(device));
                      } catch (Throwable t) {
                        failures.add(t);
                      }
                    })
                .workers(2)
                .start()) {
      for (int i = 0; i < 8; i++) {
        loader.get(patience()).close();
      }
    }
    assertEquals(List.of(), List.copyOf(failures));
  }

  /** Passes arrays on; its work leaves another context current on the copy thread. */
  private final class Changing implements BatchStage {
    private final Relay inner = new Relay();

    @Override
    public void declare(StageArrays arrays) {
      inner.declare(arrays);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      StageWork work = inner.prepare(slot);
      return run -> {
        check(cuCtxSetCurrent(other));
        work.queue(run);
        check(cuCtxSetCurrent(run.index() % 2 == 0 ? other : NONE));
      };
    }
  }

  @Test
  @DisplayName("in a stage, on the copy thread")
  void inAStage() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            Session.loader(device).consumerStream(stream).stage(new Changing()).start()) {
      for (int i = 0; i < 8; i++) {
        try (DeviceBatch batch =
            i % 2 == 0 ? loader.getQueued(stream, patience()) : loader.get(patience())) {
          assertEquals(i, Session.numberOf(batch));
        }
      }
    }
  }

  @Test
  @DisplayName("in a listener for skipped batches, in the middle of a get")
  void inAListener() throws Exception {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    Session.SPEC,
                    (out, context) -> {
                      if (context.index() % 2 == 0) {
                        throw new IllegalStateException("none");
                      }
                    })
                .onFailure(
                    FailurePolicy.skip(
                        20,
                        (epoch, index, cause) -> {
                          check(cuCtxSetCurrent(index % 4 == 0 ? other : NONE));
                          assertOwn(device);
                        }))
                .consumerStream(stream)
                .start()) {
      for (CUcontext mine : List.of(device.context().handle, other, NONE)) {
        for (int i = 0; i < 4; i++) {
          check(cuCtxSetCurrent(mine));
          loader.getQueued(stream, patience()).close();
        }
      }
    }
  }

  @Test
  @DisplayName("announced calls: the context is put back behind them, and nothing is kept by them")
  void announcedCalls() {
    CudaDevice device = CudaDevice.open(0);
    DeviceStream stream = device.newStream();
    for (CUcontext mine : List.of(device.context().handle, other, NONE)) {
      check(cuCtxSetCurrent(mine));
      boolean begun = device.beginCalls();
      assertEquals(device.context().handle, current());
      stream.synchronize();
      device.endCalls(device.beginCalls()); // ends the outer one's effect
      assertOwn(device);
      device.endCalls(begun);
      assertEquals(mine, current());
    }
    check(cuCtxSetCurrent(other));
    boolean begun = device.beginCalls();
    stream.close();
    device.close();
    device.bindThread(); // it is still there, until the announced calls end
    device.endCalls(begun);
    assertThrows(IllegalStateException.class, device::bindThread);
    boolean late = device.beginCalls();
    assertThrows(IllegalStateException.class, stream::synchronize);
    device.endCalls(late);
  }
}
