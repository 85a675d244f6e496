package io.pentrough.benchmarks;

import io.pentrough.ArraySpec;
import io.pentrough.BatchSpec;
import io.pentrough.DType;

/** What a batch consists of: one array of data, one of labels. */
enum Shape {
  /** A patch of a volume with its labels. */
  CNN(
      BatchSpec.builder()
          .array("data", DType.FLOAT32, 1, 1, 23, 185, 185)
          .array("label", DType.INT16, 1, 1, 16, 96, 96)
          .build()),
  /** Rows of a table. */
  SMALL(
      BatchSpec.builder()
          .array("data", DType.FLOAT32, 64, 784)
          .array("label", DType.INT32, 64)
          .build()),
  /** Pictures. */
  LARGE(
      BatchSpec.builder()
          .array("data", DType.FLOAT32, 32, 3, 224, 224)
          .array("label", DType.INT64, 32)
          .build());

  @SuppressWarnings("ImmutableEnumChecker") // it is immutable
  final BatchSpec spec;

  Shape(BatchSpec spec) {
    this.spec = spec;
  }

  ArraySpec data() {
    return spec.array("data");
  }

  ArraySpec label() {
    return spec.array("label");
  }

  /** What a batch carries, without gaps. */
  long bytes() {
    return data().bytes() + label().bytes();
  }
}
