package io.pentrough.example;

import static io.pentrough.example.CuBlas.PLAIN;
import static io.pentrough.example.CuBlas.TRANSPOSED;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.example.CuBlas.Matrix;
import java.util.List;
import jcuda.driver.CUstream;
import jcuda.jcublas.JCublas2;

/**
 * An {@link Mlp} on the GPU: the same layers, gradient and optimiser, in the same layout. cuBLAS
 * multiplies the matrices, kernels/train.cu does the rest.
 *
 * <p>Everything is set up once; a step queues kernels and products and no more. No kernel adds in
 * an order that could change, so the same batches give the same weights bit for bit, as far as
 * cuBLAS does. They differ from the host's in the last bits: matrix products sum in another order,
 * a product and a sum may be rounded once, exponentials are in single precision.
 *
 * <p>Not thread safe.
 */
final class DeviceMlp implements AutoCloseable {

  static final KernelSource KERNELS = KernelSource.ofResource(DeviceMlp.class, "train.ptx");

  private static final int THREADS = 256;

  private final Closing open = new Closing();
  private final DeviceStream stream;
  private final Mlp host;
  private final CuBlas blas;
  private final DeviceModule module;

  private final DeviceBuffer parameters;
  private final DeviceBuffer gradient;
  private final DeviceBuffer gradientMean;
  private final DeviceBuffer gradientSquare;
  private final PinnedBuffer exchange;

  private final DeviceKernel addBiasAndRectify;
  private final DeviceKernel softmaxLoss;
  private final DeviceKernel sumScores;
  private final DeviceKernel rectifyGradient;
  private final DeviceKernel sumActivations;
  private final DeviceKernel adam;

  // By columns, as BLAS counts: a sample is a column, as in Mlp.
  private final Matrix activation;
  private final Matrix activationGradient;
  private final Matrix score;
  private final Matrix hiddenWeight;
  private final Matrix hiddenWeightGradient;
  private final Matrix outputWeight;
  private final Matrix outputWeightGradient;

  /**
   * A network with the host's weights.
   *
   * @param stream where its work is queued
   * @param cudaStream the same stream, for cuBLAS
   * @param host the network to take the weights from, and to {@link #download} them to
   * @throws DeviceException if the device refuses; nothing is left
   */
  DeviceMlp(CudaDevice device, DeviceStream stream, CUstream cudaStream, Mlp host, int maxBatch) {
    this.stream = stream;
    this.host = host;
    int units = host.hidden;
    int length = host.parameters.length;
    try {
      CudaDevice.loadLibrary(JCublas2.class); // says what is missing; CuBlas would fail for good
      blas = open.later(new CuBlas(cudaStream));
      module = open.later(device.load(KERNELS));

      parameters = floats(device, length);
      gradient = floats(device, length);
      gradientMean = floats(device, length);
      gradientSquare = floats(device, length);
      DeviceBuffer activations = floats(device, (long) maxBatch * units);
      DeviceBuffer activationGradients = floats(device, (long) maxBatch * units);
      DeviceBuffer scores = floats(device, (long) maxBatch * host.classes);
      DeviceBuffer hiddenBias = part(parameters, host.hiddenBias, units);
      DeviceBuffer outputBias = part(parameters, host.outputBias, host.classes);

      activation = matrix(activations, 0, units);
      activationGradient = matrix(activationGradients, 0, units);
      score = matrix(scores, 0, host.classes);
      hiddenWeight = matrix(parameters, 0, host.inputs);
      hiddenWeightGradient = matrix(gradient, 0, host.inputs);
      outputWeight = matrix(parameters, host.outputWeight, units);
      outputWeightGradient = matrix(gradient, host.outputWeight, units);

      // What changes from step to step is set in train.
      addBiasAndRectify =
          kernel("addBiasAndRectify").set(0, activations).set(1, hiddenBias).setInt(2, units);
      softmaxLoss =
          kernel("softmaxLoss")
              .set(0, scores)
              .set(1, outputBias)
              .setInt(3, host.classes)
              .grid(1, 1, 1)
              .block(THREADS, 1, 1);
      sumScores =
          kernel("sumRows")
              .set(0, scores)
              .setInt(1, host.classes)
              .set(3, part(gradient, host.outputBias, host.classes))
              .cover(host.classes, THREADS);
      rectifyGradient = kernel("rectifyGradient").set(0, activationGradients).set(1, activations);
      sumActivations =
          kernel("sumRows")
              .set(0, activationGradients)
              .setInt(1, units)
              .set(3, part(gradient, host.hiddenBias, units))
              .cover(units, THREADS);
      adam =
          kernel("adam")
              .set(0, parameters)
              .set(1, gradient)
              .set(2, gradientMean)
              .set(3, gradientSquare)
              .setInt(5, length)
              .cover(length, THREADS);

      exchange = open.later(device.allocatePinned(length * (long) Float.BYTES));
      List<float[]> state = host.state();
      for (int i = 0; i < state.size(); i++) {
        put(state.get(i), state().get(i));
      }
    } catch (Throwable t) {
      open.closeAfter(t);
      throw t;
    }
  }

  private DeviceBuffer floats(CudaDevice device, long count) {
    return open.later(device.allocate(count * Float.BYTES));
  }

  private static DeviceBuffer part(DeviceBuffer of, int from, int count) {
    return of.slice((long) from * Float.BYTES, (long) count * Float.BYTES, () -> {});
  }

  private static Matrix matrix(DeviceBuffer in, int from, int stride) {
    return new Matrix(CudaDevice.pointer(in).withByteOffset((long) from * Float.BYTES), stride);
  }

  private DeviceKernel kernel(String name) {
    return open.later(module.kernel(name));
  }

  /** In the order of {@link Mlp#state}. */
  private List<DeviceBuffer> state() {
    return List.of(parameters, gradientMean, gradientSquare);
  }

  private void put(float[] values, DeviceBuffer to) {
    exchange.unsafeBuffer().asFloatBuffer().put(values);
    stream.copyToDevice(exchange, 0, to, 0, (long) values.length * Float.BYTES);
    stream.synchronize(); // the exchange is used again
  }

  private void get(DeviceBuffer from, float[] values) {
    stream.copyToHost(from, 0, exchange, 0, (long) values.length * Float.BYTES);
    stream.synchronize();
    exchange.unsafeBuffer().asFloatBuffer().get(values);
  }

  /** Gives the host the weights and the optimiser's state, behind all that is queued. */
  void download() {
    List<float[]> values = host.state();
    for (int i = 0; i < values.size(); i++) {
      get(state().get(i), values.get(i));
    }
  }

  /** Gives the host the gradient of the last step. */
  void downloadGradient() {
    get(gradient, host.gradient);
  }

  /**
   * Queues one step of the optimiser.
   *
   * @param image the samples, one after another, float32; read until the step is over
   * @param label the class of each, int32
   * @param count how many samples
   * @param losses the mean loss before the step goes here
   * @param slot which of these floats
   */
  void train(
      DeviceBuffer image,
      DeviceBuffer label,
      int count,
      float learningRate,
      DeviceBuffer losses,
      int slot) {
    backward(image, label, count, losses, slot);
    adam.setFloat(4, host.nextRate(learningRate)).launch(stream);
  }

  /** Queues the gradient of the mean loss, and that loss. */
  void backward(DeviceBuffer image, DeviceBuffer label, int count, DeviceBuffer losses, int slot) {
    int inputs = host.inputs;
    int units = host.hidden;
    int classes = host.classes;
    Matrix input = matrix(image, 0, inputs);

    blas.multiply(units, count, inputs, hiddenWeight, TRANSPOSED, input, PLAIN, activation);
    cover(addBiasAndRectify, 3, count * units);
    blas.multiply(classes, count, units, outputWeight, TRANSPOSED, activation, PLAIN, score);
    softmaxLoss.set(2, label).setInt(4, count).set(5, losses).setInt(6, slot).launch(stream);

    blas.multiply(
        units, classes, count, activation, PLAIN, score, TRANSPOSED, outputWeightGradient);
    sumScores.setInt(2, count).launch(stream);
    blas.multiply(units, count, classes, outputWeight, PLAIN, score, PLAIN, activationGradient);
    cover(rectifyGradient, 2, count * units);
    blas.multiply(
        inputs, units, count, input, PLAIN, activationGradient, TRANSPOSED, hiddenWeightGradient);
    sumActivations.setInt(2, count).launch(stream);
  }

  private void cover(DeviceKernel kernel, int parameter, int elements) {
    kernel.setInt(parameter, elements).cover(elements, THREADS).launch(stream);
  }

  @Override
  public void close() {
    open.close();
  }
}
