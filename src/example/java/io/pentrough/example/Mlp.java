package io.pentrough.example;

import dev.ludovic.netlib.blas.BLAS;
import dev.ludovic.netlib.blas.JavaBLAS;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * A perceptron with one hidden layer of rectified units, trained with Adam on the cross-entropy of
 * the softmax.
 *
 * <p>The same seed and batches give the same weights bit for bit: one thread, a fixed order of
 * summation, {@link StrictMath}. Not thread safe.
 */
final class Mlp {

  private static final BLAS JAVA_BLAS = javaBlas();

  private static final float MEAN_DECAY = 0.9f;
  private static final float SQUARE_DECAY = 0.999f;
  private static final float EPSILON = 1e-8f;

  final int inputs;
  final int hidden;
  final int classes;

  // All parameters in one array, so that the optimiser is one loop: the hidden layer's weights, a
  // row of inputs per unit, and its biases; the same for the output layer.
  final float[] parameters;
  final float[] gradient;
  private final float[] gradientMean;
  private final float[] gradientSquare;
  private int updates;
  final int hiddenBias;
  final int outputWeight;
  final int outputBias;

  // Of one batch; row by row, a sample each.
  private final float[] activation;
  private final float[] activationGradient;
  private final float[] score;

  Mlp(int inputs, int hidden, int classes, int maxBatch, long seed) {
    this.inputs = inputs;
    this.hidden = hidden;
    this.classes = classes;
    hiddenBias = inputs * hidden;
    outputWeight = hiddenBias + hidden;
    outputBias = outputWeight + hidden * classes;
    parameters = new float[outputBias + classes];
    gradient = new float[parameters.length];
    gradientMean = new float[parameters.length];
    gradientSquare = new float[parameters.length];
    activation = new float[maxBatch * hidden];
    activationGradient = new float[maxBatch * hidden];
    score = new float[maxBatch * classes];

    SplittableRandom random = new SplittableRandom(seed);
    initialise(random, 0, hiddenBias, inputs);
    initialise(random, outputWeight, outputBias, hidden);
  }

  /** He's initialisation; the biases stay 0. */
  private void initialise(SplittableRandom random, int from, int to, int fanIn) {
    float limit = (float) Math.sqrt(6.0 / fanIn);
    for (int i = from; i < to; i++) {
      parameters[i] = (2 * random.nextFloat() - 1) * limit;
    }
  }

  /**
   * One step of the optimiser.
   *
   * @param input the samples, one after another
   * @param label the class of each
   * @param count how many samples
   * @return the mean loss before the step
   */
  float train(float[] input, int[] label, int count, float learningRate) {
    float loss = backward(input, label, count);
    update(learningRate);
    return loss;
  }

  /** One step of the optimiser by {@link #gradient}. */
  void update(float learningRate) {
    float rate = nextRate(learningRate);
    for (int i = 0; i < parameters.length; i++) {
      float g = gradient[i];
      gradientMean[i] += (1 - MEAN_DECAY) * (g - gradientMean[i]);
      gradientSquare[i] += (1 - SQUARE_DECAY) * (g * g - gradientSquare[i]);
      parameters[i] -= rate * gradientMean[i] / ((float) Math.sqrt(gradientSquare[i]) + EPSILON);
    }
  }

  /** Counts an update, and returns its rate: Adam's means start at 0, which is made good for. */
  float nextRate(float learningRate) {
    updates++;
    double meanCorrection = 1 - StrictMath.pow(MEAN_DECAY, updates);
    double squareCorrection = 1 - StrictMath.pow(SQUARE_DECAY, updates);
    return (float) (learningRate * Math.sqrt(squareCorrection) / meanCorrection);
  }

  /**
   * The most probable class of each sample.
   *
   * @param result receives the classes
   */
  void classify(float[] input, int count, int[] result) {
    forward(input, count);
    for (int n = 0; n < count; n++) {
      int best = 0;
      for (int c = 1; c < classes; c++) {
        if (score[n * classes + c] > score[n * classes + best]) {
          best = c;
        }
      }
      result[n] = best;
    }
  }

  /** Writes the weights and the optimiser's state for {@link #read}. */
  void write(DataOutput out) throws IOException {
    out.writeInt(updates);
    out.writeInt(parameters.length);
    for (float[] values : state()) {
      for (float value : values) {
        out.writeFloat(value);
      }
    }
  }

  /**
   * Takes over what another network has written.
   *
   * @throws IllegalArgumentException if it was one of another size
   */
  void read(DataInput in) throws IOException {
    int savedUpdates = in.readInt();
    int length = in.readInt();
    if (length != parameters.length) {
      throw new IllegalArgumentException(length + " parameters, not " + parameters.length);
    }
    for (float[] values : state()) {
      for (int i = 0; i < length; i++) {
        values[i] = in.readFloat();
      }
    }
    updates = savedUpdates;
  }

  /** The weights and the optimiser's state, but for the number of updates. */
  List<float[]> state() {
    return List.of(parameters, gradientMean, gradientSquare);
  }

  // BLAS counts by columns: a sample is a column of its matrices.

  private void forward(float[] input, int count) {
    for (int n = 0; n < count; n++) {
      System.arraycopy(parameters, hiddenBias, activation, n * hidden, hidden);
      System.arraycopy(parameters, outputBias, score, n * classes, classes);
    }
    JAVA_BLAS.sgemm(
        "T",
        "N",
        hidden,
        count,
        inputs,
        1,
        parameters,
        0,
        inputs,
        input,
        0,
        inputs,
        1,
        activation,
        0,
        hidden);
    for (int i = 0; i < count * hidden; i++) {
      activation[i] = Math.max(activation[i], 0);
    }
    JAVA_BLAS.sgemm(
        "T",
        "N",
        classes,
        count,
        hidden,
        1,
        parameters,
        outputWeight,
        hidden,
        activation,
        0,
        hidden,
        1,
        score,
        0,
        classes);
  }

  /** Computes the gradient of the mean loss, and returns that loss. */
  float backward(float[] input, int[] label, int count) {
    forward(input, count);
    double loss = 0;
    for (int n = 0; n < count; n++) {
      loss += scoreGradient(n * classes, label[n], 1f / count);
    }

    JAVA_BLAS.sgemm(
        "N",
        "T",
        hidden,
        classes,
        count,
        1,
        activation,
        0,
        hidden,
        score,
        0,
        classes,
        0,
        gradient,
        outputWeight,
        hidden);
    sumSamples(score, classes, count, outputBias);

    JAVA_BLAS.sgemm(
        "N",
        "N",
        hidden,
        count,
        classes,
        1,
        parameters,
        outputWeight,
        hidden,
        score,
        0,
        classes,
        0,
        activationGradient,
        0,
        hidden);
    for (int i = 0; i < count * hidden; i++) {
      if (activation[i] <= 0) {
        activationGradient[i] = 0;
      }
    }
    JAVA_BLAS.sgemm(
        "N",
        "T",
        inputs,
        hidden,
        count,
        1,
        input,
        0,
        inputs,
        activationGradient,
        0,
        hidden,
        0,
        gradient,
        0,
        inputs);
    sumSamples(activationGradient, hidden, count, hiddenBias);
    return (float) (loss / count);
  }

  /** Replaces one sample's scores by the gradient of its loss, and returns that loss. */
  private double scoreGradient(int from, int label, float weight) {
    float highest = score[from];
    for (int c = 1; c < classes; c++) {
      highest = Math.max(highest, score[from + c]);
    }
    double sum = 0;
    for (int c = 0; c < classes; c++) {
      sum += StrictMath.exp(score[from + c] - highest);
    }
    double loss = StrictMath.log(sum) - (score[from + label] - highest);
    for (int c = 0; c < classes; c++) {
      double probability = StrictMath.exp(score[from + c] - highest) / sum;
      score[from + c] = (float) (probability - (c == label ? 1 : 0)) * weight;
    }
    return loss;
  }

  private void sumSamples(float[] samples, int length, int count, int at) {
    Arrays.fill(gradient, at, at + length, 0);
    for (int n = 0; n < count; n++) {
      for (int i = 0; i < length; i++) {
        gradient[at + i] += samples[n * length + i];
      }
    }
  }

  /**
   * The matrix products in Java: no library to install, and 11 GFLOP/s on one core.
   *
   * <p>Loading them tries the native ones too and says, untruly, that it will use them; that line
   * would stand in the middle of the progress bar.
   */
  private static BLAS javaBlas() {
    Logger logger = Logger.getLogger("dev.ludovic.netlib");
    Level level = logger.getLevel();
    logger.setLevel(Level.OFF);
    System.setProperty("dev.ludovic.netlib.blas.allowNative", "false");
    try {
      return JavaBLAS.getInstance();
    } finally {
      logger.setLevel(level);
    }
  }
}
