package io.pentrough.example;

import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.Position;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.host.HostDevice;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A classifier in training, and how far it has come. Not thread safe. */
final class TrainingState {

  private static final float LEARNING_RATE = 5e-3f;

  private final VoxelClassifier classifier;
  private final float[] losses;
  private int step;
  private @Nullable Position position;

  private final LookBack image = new LookBack();
  private final LookBack label = new LookBack();

  /**
   * A training that has not begun.
   *
   * @param steps how many there will be; the learning rate falls to 0 over them
   */
  TrainingState(VoxelClassifier classifier, int steps) {
    this.classifier = classifier;
    this.losses = new float[steps];
  }

  /** Learns from the next batch, and returns the mean loss before that. */
  float learn(DeviceBatch batch) {
    float learningRate = LEARNING_RATE * (1 - (float) step / losses.length);
    float loss =
        classifier.train(
            image.at(batch.array("image")), label.at(batch.array("label")), learningRate);
    losses[step++] = loss;
    position = batch.position();
    return loss;
  }

  /** What lies on the device, for a network that runs on the host. */
  private static final class LookBack {
    private ByteBuffer copy = ByteBuffer.allocate(0);

    /** The bytes where they are, or copied back from a device with memory of its own. */
    ByteBuffer at(DeviceArray array) {
      DeviceBuffer buffer = array.buffer();
      if (buffer.device() instanceof HostDevice) {
        return HostDevice.bytes(buffer);
      }
      if (copy.capacity() != buffer.bytes()) {
        copy = ByteBuffer.allocateDirect((int) buffer.bytes()).order(ByteOrder.nativeOrder());
      }
      array.copyTo(copy.clear());
      return copy.flip();
    }
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
    return Arrays.copyOf(losses, step);
  }

  /**
   * Writes it for {@link #read}.
   *
   * @throws IllegalStateException before the first step
   */
  void write(DataOutput out) throws IOException {
    if (position == null) {
      throw new IllegalStateException("nothing has been learned that could be saved");
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
  }
}
