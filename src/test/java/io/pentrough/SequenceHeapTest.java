package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.data.Batches;
import io.pentrough.data.Dataset;
import io.pentrough.data.LastBatch;
import io.pentrough.data.Padding;
import io.pentrough.data.Sample;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** I6: samples of different lengths take no Java heap either. */
class SequenceHeapTest {

  private static final int BATCHES = 1_000;

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("lengths", DType.INT32, 8)
          .variableArray("tokens", DType.INT32, 8, 20)
          .array("mask", DType.UINT8, 8, 20)
          .variableArray("offsets", DType.INT64, 9)
          .variableArray("points", DType.FLOAT32, 200, 3)
          .build();

  /** The last batch of an epoch is a partial one. */
  private static final Dataset TEXTS =
      new Dataset() {
        @Override
        public long size() {
          return 1001;
        }

        @Override
        public int length(long index, String array) {
          return (int) (index % 20);
        }

        @Override
        public void read(long index, Sample out) {
          int length = length(index, "tokens");
          HostArray tokens = out.array("tokens", length);
          for (int i = 0; i < length; i++) {
            tokens.setInt(i, i);
          }
          out.array("mask", length).fillZero();
          out.array("points", length).fillZero();
        }
      };

  @ParameterizedTest
  @EnumSource
  @DisplayName("I6: a batch of padded and ragged samples allocates nothing")
  void nothingPerBatch(LastBatch lastBatch) throws Exception {
    Batches batches =
        Batches.of(TEXTS, 8)
            .shuffled()
            .lastBatch(lastBatch)
            .pad("tokens", Padding.toLongest())
            .lengths("tokens", "lengths")
            .pad("mask", Padding.toMaximum().value(1))
            .ragged("points", "offsets");
    HostBatch batch = new HostBatch(SPEC, new TestMemory(SPEC.slotBytes()), 0, null);
    BatchContext context = new BatchContext(0, 0);
    long bytes = Allocations.bytesOf(() -> fill(batches, batch, context));
    assertEquals(0, bytes, "in " + BATCHES + " batches");
  }

  private static void fill(Batches batches, HostBatch batch, BatchContext context)
      throws Exception {
    int batchesPerEpoch = (int) batches.batchesPerEpoch();
    for (int i = 0; i < BATCHES; i++) {
      context.begin(i / batchesPerEpoch, i % batchesPerEpoch, 0);
      batch.open();
      batches.fill(batch, context);
      batch.close();
      context.end();
    }
  }
}
