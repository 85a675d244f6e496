package io.pentrough.example;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Predicts the class of the voxel in the middle of a patch of grey values. Not thread safe. */
final class VoxelClassifier {

  private static final int HIDDEN = 96;

  private final int patch;
  private final int voxels;
  private final Mlp network;
  private final Normalisation normalisation;
  private final float[] input;
  private final int[] label;

  /**
   * An untrained classifier.
   *
   * @param patch the edge of a patch
   * @param normalisation of the grey values of patches to {@link #classify}
   */
  VoxelClassifier(int patch, int classes, int maxBatch, Normalisation normalisation, long seed) {
    this.patch = patch;
    this.normalisation = normalisation;
    voxels = patch * patch * patch;
    network = new Mlp(voxels, HIDDEN, classes, maxBatch, seed);
    input = new float[Math.multiplyExact(maxBatch, voxels)];
    label = new int[maxBatch];
  }

  /** The edge of a patch. */
  int patch() {
    return patch;
  }

  /** The network in it. */
  Mlp network() {
    return network;
  }

  /** How many patches it takes at once. */
  int maxBatch() {
    return label.length;
  }

  /**
   * Learns from a batch.
   *
   * @param images the patches, normalised, float32
   * @param labels the class of each, int32
   * @return the mean loss before this step
   */
  float train(ByteBuffer images, ByteBuffer labels, float learningRate) {
    int count = images.remaining() / (voxels * Float.BYTES);
    images.asFloatBuffer().get(input, 0, count * voxels);
    labels.asIntBuffer().get(label, 0, count);
    return network.train(input, label, count, learningRate);
  }

  /**
   * Predicts the class of each patch.
   *
   * @param images the patches, grey values, uint8
   * @param result receives the classes
   */
  void classify(ByteBuffer images, int[] result) {
    int count = images.remaining() / voxels;
    int start = images.position();
    for (int i = 0; i < count * voxels; i++) {
      input[i] = normalisation.of(images.get(start + i));
    }
    network.classify(input, count, result);
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
}
