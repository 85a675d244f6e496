package io.pentrough;

import io.pentrough.data.Batches;
import io.pentrough.data.Dataset;
import io.pentrough.data.Padding;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The samples of docs/data.md, about samples of different lengths. */
final class SequenceSamples {

  // [texts]
  /** Texts as token ids, one text after the other in a mapped file, and a class for each text. */
  record Texts(IntBuffer tokens, List<Integer> begins, List<Integer> classes) implements Dataset {
    @Override
    public long size() {
      return classes.size();
    }

    @Override
    public int length(long index, String array) { // called for Padding.toLongest() only
      int i = (int) index;
      return begins.get(i + 1) - begins.get(i);
    }

    @Override
    public void read(long index, Sample out) {
      int i = (int) index;
      int length = length(index, "tokens");
      out.array("tokens", length).set(0, tokens.slice(begins.get(i), length));
      out.array("class").setInt(0, classes.get(i));
    }
  }

  // [/texts]

  /** What was trained with: the shape of the tokens, then tokens and lengths or offsets. */
  final List<List<Integer>> shapes = new ArrayList<>();

  final List<List<Integer>> tokens = new ArrayList<>();
  final List<List<Integer>> counts = new ArrayList<>();

  private void train(DeviceArray texts, DeviceArray lengthsOrOffsets) {
    shapes.add(list(texts.shape()));
    tokens.add(list(copy(texts)));
    counts.add(list(copy(lengthsOrOffsets)));
  }

  private static int[] copy(DeviceArray array) {
    int[] values = new int[array.elements()];
    array.copyTo(values);
    return values;
  }

  private static List<Integer> list(int[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  void padded(Device device, Texts texts) {
    // [padded]
    BatchSpec spec =
        BatchSpec.builder()
            .array("class", DType.INT32, 32)
            .array("lengths", DType.INT32, 32)
            .variableArray("tokens", DType.INT32, 32, 512) // a text has at most 512 tokens
            .build();
    Batches batches =
        Batches.of(texts, 32)
            .shuffled()
            .pad("tokens", Padding.toLongest().value(-1))
            .lengths("tokens", "lengths");
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).seed(42).start()) {
      for (DeviceBatch batch : loader.epoch()) {
        DeviceArray tokens = batch.array("tokens"); // [batch.size(), length of the longest text]
        train(tokens, batch.array("lengths"));
      }
    }
    // [/padded]
  }

  void ragged(Device device, Texts texts) {
    // [ragged]
    BatchSpec spec =
        BatchSpec.builder()
            .array("class", DType.INT32, 32)
            .array("offsets", DType.INT32, 33) // text i is tokens offsets[i] to offsets[i + 1] - 1
            .variableArray("tokens", DType.INT32, 8192) // room for 32 texts together
            .build();
    Batches batches = Batches.of(texts, 32).shuffled().ragged("tokens", "offsets");
    // [/ragged]
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).seed(42).start()) {
      for (DeviceBatch batch : loader.epoch()) {
        train(batch.array("tokens"), batch.array("offsets"));
      }
    }
  }
}
