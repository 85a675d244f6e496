package io.pentrough.example;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Saves a run on its way. A checkpoint that fails is reported, and the run goes on. */
final class Checkpoints {

  private final OutputFile file;
  private final List<String> configuration;
  private int written;
  private int failed;
  private @Nullable String lastFailure;

  Checkpoints(OutputFile file, List<String> configuration) {
    this.file = file;
    this.configuration = configuration;
  }

  /** Saves the state; the learner must have settled. The first failure of a row is reported. */
  void save(TrainingState state, Progress progress) {
    String failure = Checkpoint.write(file, configuration, state);
    if (failure == null) {
      written++;
    } else {
      failed++;
      if (lastFailure == null) {
        progress.say(
            failure + " The run goes on after step " + state.step() + " without this checkpoint.");
      }
    }
    lastFailure = failure;
  }

  /** Whether the file holds what was to be saved last. */
  boolean isLastSaved() {
    return written > 0 && lastFailure == null;
  }

  /** How many checkpoints are missing, as a sentence; null if none. */
  @Nullable String missing() {
    if (failed == 0) {
      return null;
    }
    return failed
        + " of "
        + (failed + written)
        + " checkpoints could not be written"
        + (lastFailure == null ? "; the last one was." : "; the last one is among them.");
  }
}
