package io.pentrough.augment;

import java.nio.ByteBuffer;
import java.util.random.RandomGenerator;

/** Draws the {@link Parameters} of each sample of a batch. Immutable; for any number of threads. */
final class AugmentDraws {

  final int samples;
  final int channels;
  final Boxes boxes;
  private final Geometry geometry;
  private final GreyValues grey;

  /** How many words a sample takes. */
  final int words;

  private final ThreadLocal<Geometry.Draft> drafts = ThreadLocal.withInitial(Geometry.Draft::new);

  AugmentDraws(int samples, int channels, Geometry geometry, Boxes boxes, GreyValues grey) {
    this.samples = samples;
    this.channels = channels;
    this.geometry = geometry;
    this.boxes = boxes;
    this.grey = grey;
    words = Parameters.words(boxes.count(), channels);
  }

  /** How many bytes a batch takes. */
  int bytes() {
    return Integer.BYTES * words * samples;
  }

  /** Where the parameters of a sample begin, in bytes. */
  int offset(int sample) {
    if (sample < 0 || sample >= samples) {
      throw new IndexOutOfBoundsException(
          "there is no sample " + sample + ": a batch has " + samples + ", counted from 0");
    }
    return Integer.BYTES * words * sample;
  }

  /** Always draws as many numbers, in the same order. */
  void draw(RandomGenerator random, ByteBuffer parameters) {
    Geometry.Draft draft = drafts.get();
    for (int n = 0; n < samples; n++) {
      int at = offset(n);
      geometry.draw(random, draft, parameters, at);
      parameters.putInt(at + 4 * Parameters.KEY, random.nextInt());
      parameters.putInt(at + 4 * (Parameters.KEY + 1), random.nextInt());
      for (int b = 0; b < boxes.count(); b++) {
        drawBox(random, parameters, at + 4 * (Parameters.BOXES + Parameters.BOX_WORDS * b));
      }
      int channel = at + 4 * (Parameters.BOXES + Parameters.BOX_WORDS * boxes.count());
      for (int c = 0; c < channels; c++) {
        grey.draw(random, c, parameters, channel + 4 * Parameters.CHANNEL_WORDS * c);
      }
    }
  }

  private void drawBox(RandomGenerator random, ByteBuffer parameters, int at) {
    for (int axis = 0; axis < 3; axis++) {
      int length = boxes.size().along(axis);
      int free = geometry.patch().along(axis) - length;
      int begin = free == 0 ? 0 : random.nextInt(free + 1);
      parameters.putInt(at + 8 * axis, begin);
      parameters.putInt(at + 8 * axis + 4, begin + length);
    }
  }
}
