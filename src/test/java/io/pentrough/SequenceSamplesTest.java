package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The samples of docs/data.md do what they say. */
class SequenceSamplesTest {

  private static final int TEXTS = 100;

  /** Text i has i % 40 tokens, which are 1000 * i and up. */
  private static SequenceSamples.Texts texts() {
    List<Integer> tokens = new ArrayList<>();
    List<Integer> begins = new ArrayList<>(List.of(0));
    for (int i = 0; i < TEXTS; i++) {
      for (int k = 0; k < i % 40; k++) {
        tokens.add(1000 * i + k);
      }
      begins.add(tokens.size());
    }
    IntBuffer buffer = IntBuffer.wrap(tokens.stream().mapToInt(Integer::intValue).toArray());
    return new SequenceSamples.Texts(
        buffer, begins, IntStream.range(0, TEXTS).map(i -> i % 7).boxed().toList());
  }

  private static final List<Integer> LENGTHS =
      IntStream.range(0, TEXTS).map(i -> i % 40).sorted().boxed().toList();

  @Test
  @DisplayName("padded: rows of the longest text's length, their ends filled with -1")
  void padded() {
    SequenceSamples sample = new SequenceSamples();
    try (Device device = HostDevice.open()) {
      sample.padded(device, texts());
    }
    List<Integer> lengths = new ArrayList<>();
    for (int batch = 0; batch < 4; batch++) {
      List<Integer> ofBatch = sample.counts.get(batch);
      int size = batch < 3 ? 32 : 4;
      int longest = Collections.max(ofBatch);
      assertEquals(List.of(size, longest), sample.shapes.get(batch));
      assertEquals(size, ofBatch.size());
      for (int row = 0; row < size; row++) {
        List<Integer> tokens = sample.tokens.get(batch).subList(row * longest, (row + 1) * longest);
        int length = ofBatch.get(row);
        assertText(tokens.subList(0, length));
        assertEquals(Collections.nCopies(longest - length, -1), tokens.subList(length, longest));
      }
      lengths.addAll(ofBatch);
    }
    assertEquals(LENGTHS, lengths.stream().sorted().toList());
  }

  @Test
  @DisplayName("ragged: all texts of a batch without padding")
  void ragged() {
    SequenceSamples sample = new SequenceSamples();
    try (Device device = HostDevice.open()) {
      sample.ragged(device, texts());
    }
    List<Integer> lengths = new ArrayList<>();
    for (int batch = 0; batch < 4; batch++) {
      List<Integer> offsets = sample.counts.get(batch);
      assertEquals(33, offsets.size());
      for (int row = 0; row < (batch < 3 ? 32 : 4); row++) {
        List<Integer> text =
            sample.tokens.get(batch).subList(offsets.get(row), offsets.get(row + 1));
        assertText(text);
        lengths.add(text.size());
      }
      assertEquals(List.of(offsets.get(32)), sample.shapes.get(batch));
    }
    assertEquals(LENGTHS, lengths.stream().sorted().toList());
  }

  private static void assertText(List<Integer> tokens) {
    for (int k = 0; k < tokens.size(); k++) {
      assertEquals(tokens.get(0) + k, tokens.get(k));
      assertEquals(tokens.size(), tokens.get(0) / 1000 % 40);
    }
  }
}
