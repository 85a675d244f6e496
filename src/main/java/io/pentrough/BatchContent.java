package io.pentrough;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a loader's batches are: given with the arrays spelled out, or to be inferred. */
final class BatchContent {

  private final @Nullable Job given;
  private final @Nullable ArraySource source;
  private List<String> names = List.of();
  private final Map<String, DType> dtypes = new HashMap<>();

  BatchContent(Job given) {
    this.given = given;
    this.source = null;
  }

  BatchContent(ArraySource source) {
    this.given = null;
    this.source = source;
  }

  void names(List<String> value) {
    requireSource();
    names = value;
  }

  void dtype(String name, DType dtype) {
    requireSource();
    dtypes.put(Objects.requireNonNull(name, "name"), Objects.requireNonNull(dtype, "dtype"));
  }

  BatchSpec spec() {
    if (given == null) {
      throw new IllegalStateException(
          "the arrays are inferred from the first batch, so their size is not known before start():"
              + " leave plan() out, or give a BatchSpec");
    }
    return given.spec();
  }

  /** What a worker has to do for each batch; infers it where needed, on this thread. */
  Job job(LoaderOptions options, InferredTarget.Start first) {
    if (given != null) {
      return given;
    }
    BatchContext context = new BatchContext(0, options.seed());
    InferredTarget target = InferredTarget.infer(requireSource(), context, first, names, dtypes);
    return new Job(target.spec(), target);
  }

  private ArraySource requireSource() {
    if (source == null) {
      throw new IllegalStateException(
          "the arrays were given by a BatchSpec: names and types belong there, so leave"
              + " names() and dtype() out");
    }
    return source;
  }
}
