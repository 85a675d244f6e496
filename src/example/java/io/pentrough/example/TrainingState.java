package io.pentrough.example;

import io.pentrough.BatchTimeoutException;
import io.pentrough.DeviceBatch;
import io.pentrough.Position;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInput;
import java.io.DataInputStream;
import java.io.DataOutput;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A classifier in training, and how far it has come. Not thread safe. */
final class TrainingState {

  private static final float LEARNING_RATE = 5e-3f;

  private final VoxelClassifier classifier;
  private final float[] losses;
  private int step;
  private int known;
  private @Nullable Position position;
  private boolean rehearsing;

  /**
   * A training that has not begun.
   *
   * @param steps how many there will be; the learning rate falls to 0 over them
   */
  TrainingState(VoxelClassifier classifier, int steps) {
    this.classifier = classifier;
    this.losses = new float[steps];
  }

  /** Learns from the next batch; the loss before that gets known now or some steps later. */
  void learn(Learner learner, DeviceBatch batch) {
    float learningRate = LEARNING_RATE * (1 - (float) step / losses.length);
    learner.learn(batch, learningRate);
    step++;
    position = batch.position();
  }

  /** Takes the loss of the first step whose loss is not known yet. */
  void lossGotKnown(float loss) {
    if (!rehearsing) {
      losses[known++] = loss;
    }
  }

  /**
   * Runs steps that leave no trace here, on a learner that has settled and is not used afterwards:
   * in the end, the classifier is as before.
   */
  <T> T rehearse(Rehearsal<T> steps) throws InterruptedException, BatchTimeoutException {
    byte[] network = saveNetwork();
    rehearsing = true;
    try {
      return steps.run();
    } finally {
      rehearsing = false;
      restoreNetwork(network);
    }
  }

  private byte[] saveNetwork() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      classifier.writeNetwork(new DataOutputStream(bytes));
    } catch (IOException e) {
      throw new AssertionError("writing into memory", e);
    }
    return bytes.toByteArray();
  }

  private void restoreNetwork(byte[] bytes) {
    try {
      classifier.readNetwork(new DataInputStream(new ByteArrayInputStream(bytes)));
    } catch (IOException e) {
      throw new AssertionError("reading from memory", e);
    }
  }

  /** Steps whose result is thrown away. */
  interface Rehearsal<T> {
    T run() throws InterruptedException, BatchTimeoutException;
  }

  /** Of how many steps the loss is known: of all when the learner has settled. */
  int known() {
    return known;
  }

  /** How many batches it has learned from. */
  int step() {
    return step;
  }

  boolean isDone() {
    return step == losses.length;
  }

  /** Where the loader goes on; null before the first step. */
  @Nullable Position position() {
    return position;
  }

  /** The loss of each step so far. */
  float[] losses() {
    return Arrays.copyOf(losses, known);
  }

  /** The loss of a step whose loss is known. */
  float loss(int ofStep) {
    return losses[ofStep];
  }

  /**
   * Writes it for {@link #read}.
   *
   * @throws IllegalStateException before the first step, or if the learner has not settled
   */
  void write(DataOutput out) throws IOException {
    if (position == null) {
      throw new IllegalStateException("nothing has been learned that could be saved");
    }
    if (known < step) {
      throw new IllegalStateException("the learner has not settled");
    }
    out.writeInt(step);
    for (int i = 0; i < step; i++) {
      out.writeFloat(losses[i]);
    }
    out.writeUTF(position.toString());
    classifier.writeNetwork(out);
  }

  /**
   * Goes where another one was.
   *
   * @throws IllegalArgumentException if it was one of another size, or nothing of the kind
   */
  void read(DataInput in) throws IOException {
    int saved = in.readInt();
    if (saved < 1 || saved > losses.length) {
      throw new IllegalArgumentException("step " + saved + " of " + losses.length);
    }
    for (int i = 0; i < saved; i++) {
      losses[i] = in.readFloat();
    }
    position = Position.parse(in.readUTF());
    classifier.readNetwork(in);
    step = saved;
    known = saved;
  }
}
