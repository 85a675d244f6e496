package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import java.util.Random;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A network on the host and the same on a device, with batches to learn. */
final class DeviceNetwork implements AutoCloseable {

  /** How many samples, and the layers. */
  record Shape(int samples, int inputs, int hidden, int classes) {}

  /** Room for more samples than there are: a stride taken from it would show. */
  private static final int SPARE = 3;

  private final Closing open = new Closing();
  private final Shape shape;
  private final Random random;
  private final PinnedBuffer pinned;
  private final DeviceBuffer image;
  private final DeviceBuffer label;
  private final DeviceBuffer losses;

  final DeviceStream stream;
  final Mlp host;
  final Mlp onDevice;
  final DeviceMlp device;
  final float[] input;
  final int[] labels;

  DeviceNetwork(CudaDevice cuda, Shape shape, long seed) {
    this(cuda, shape, seed, false);
  }

  /**
   * A network with random weights and biases, and a first batch.
   *
   * @param blasElsewhere leaves cuBLAS on a stream that waits for nobody
   */
  DeviceNetwork(CudaDevice cuda, Shape shape, long seed, boolean blasElsewhere) {
    this.shape = shape;
    random = new Random(seed);
    host = mlp();
    for (int i = 0; i < host.parameters.length; i++) {
      boolean bias = i >= host.outputBias || (i >= host.hiddenBias && i < host.outputWeight);
      if (bias) { // a new network's are 0, with which any would do
        host.parameters[i] = random.nextFloat() - 0.5f;
      }
    }
    onDevice = mlp();
    System.arraycopy(host.parameters, 0, onDevice.parameters, 0, host.parameters.length);
    input = new float[shape.samples * shape.inputs];
    labels = new int[shape.samples];

    CUstream own = stream();
    stream = open.later(cuda.wrap(own));
    CUstream blas = blasElsewhere ? stream() : own;
    open.later(JCudaDriver::cuCtxSynchronize);
    pinned = open.later(cuda.allocatePinned(4L * (input.length + shape.samples)));
    image = open.later(cuda.allocate(4L * input.length));
    label = open.later(cuda.allocate(4L * shape.samples));
    losses = open.later(cuda.allocate(4 * 4));
    device = open.later(new DeviceMlp(cuda, stream, blas, onDevice, shape.samples + SPARE));
    nextBatch();
  }

  private Mlp mlp() {
    return new Mlp(shape.inputs, shape.hidden, shape.classes, shape.samples + SPARE, 1);
  }

  private CUstream stream() {
    CUstream made = new CUstream();
    int code = JCudaDriver.cuStreamCreate(made, CUstream_flags.CU_STREAM_NON_BLOCKING);
    assertEquals(CUresult.CUDA_SUCCESS, code);
    open.later(() -> assertEquals(CUresult.CUDA_SUCCESS, JCudaDriver.cuStreamDestroy(made)));
    return made;
  }

  /** Puts the next batch on the device, and waits until it is there. */
  void nextBatch() {
    byte[] values = new byte[input.length];
    random.nextBytes(values);
    for (int n = 0; n < shape.samples; n++) {
      labels[n] = random.nextInt(shape.classes);
      // Something to learn.
      values[n * shape.inputs] = (byte) (labels[n] * 255 / (shape.classes - 1));
      pinned.unsafeBuffer().putInt(4 * (input.length + n), labels[n]);
    }
    for (int i = 0; i < values.length; i++) {
      input[i] = ((values[i] & 0xff) - 127.5f) / 74;
      pinned.unsafeBuffer().putFloat(4 * i, input[i]);
    }
    stream.copyToDevice(pinned, 0, image, 0, 4L * input.length);
    stream.copyToDevice(pinned, 4L * input.length, label, 0, 4L * shape.samples);
    stream.synchronize();
  }

  /** Queues the gradient of the batch. */
  void backward() {
    device.backward(image, label, shape.samples, losses, 2);
  }

  /** Queues a step with the batch. */
  void train(float rate) {
    device.train(image, label, shape.samples, rate, losses, 2);
  }

  /** The loss of the last step; waits for it. */
  float loss() {
    stream.copyToHost(losses, 8, pinned, 0, 4);
    stream.synchronize();
    return pinned.unsafeBuffer().getFloat(0);
  }

  @Override
  public void close() {
    open.close();
  }
}
