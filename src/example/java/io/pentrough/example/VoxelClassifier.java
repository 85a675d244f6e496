package io.pentrough.example;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Tells the class of the voxel in the middle of a patch of grey values. Not thread safe. */
final class VoxelClassifier {

  private static final int HIDDEN = 96;

  private final int patch;
  private final int voxels;
  private final Mlp network;
  private final float[] normalised = new float[256];
  private final float[] input;
  private final int[] label;

  /**
   * An untrained classifier.
   *
   * @param patch the edge of a patch
   * @param greyHistogram of the training region, for the normalisation of the grey values
   */
  VoxelClassifier(int patch, int classes, int maxBatch, int[][] greyHistogram, long seed) {
    this.patch = patch;
    voxels = patch * patch * patch;
    network = new Mlp(voxels, HIDDEN, classes, maxBatch, seed);
    input = new float[Math.multiplyExact(maxBatch, voxels)];
    label = new int[maxBatch];

    double count = 0;
    double sum = 0;
    double squares = 0;
    for (int[] ofClass : greyHistogram) {
      for (int grey = 0; grey < 256; grey++) {
        count += ofClass[grey];
        sum += (double) ofClass[grey] * grey;
        squares += (double) ofClass[grey] * grey * grey;
      }
    }
    double mean = sum / count;
    double deviation = Math.sqrt(Math.max(squares / count - mean * mean, 1)); // 1: a flat volume
    for (int grey = 0; grey < 256; grey++) {
      normalised[grey] = (float) ((grey - mean) / deviation);
    }
  }

  /** The edge of a patch. */
  int patch() {
    return patch;
  }

  /** The network in it. */
  Mlp network() {
    return network;
  }

  /** The network's input for each grey value. */
  float[] normalised() {
    return normalised;
  }

  /** How many patches it takes at once. */
  int maxBatch() {
    return label.length;
  }

  /**
   * Learns from a batch.
   *
   * @param images the patches, uint8
   * @param labels the class of each, int32
   * @return the mean loss before this step
   */
  float train(ByteBuffer images, ByteBuffer labels, float learningRate) {
    int count = load(images);
    labels.asIntBuffer().get(label, 0, count);
    return network.train(input, label, count, learningRate);
  }

  /**
   * Tells the class of each patch.
   *
   * @param images the patches, uint8
   * @param result receives the classes
   */
  void classify(ByteBuffer images, int[] result) {
    network.classify(input, load(images), result);
  }

  /** Writes the network's weights and its optimiser's state. */
  void writeNetwork(DataOutput out) throws IOException {
    network.write(out);
  }

  /**
   * Takes over what {@link #writeNetwork} has written.
   *
   * @throws IllegalArgumentException if that was a network of another size
   */
  void readNetwork(DataInput in) throws IOException {
    network.read(in);
  }

  private int load(ByteBuffer images) {
    int length = images.remaining();
    int start = images.position();
    for (int i = 0; i < length; i++) {
      input[i] = normalised[images.get(start + i) & 0xff];
    }
    return length / voxels;
  }
}
