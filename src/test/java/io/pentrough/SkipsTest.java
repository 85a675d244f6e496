package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.Caller;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** How many failures a policy leaves out, without a loader around it. */
class SkipsTest {

  private static Failure failure(long index, boolean contradicts) {
    return new Failure(0, index, 0, contradicts, new IllegalStateException());
  }

  @Test
  @DisplayName("exactly as many as the policy says, each told once; a contradiction never")
  void theBound() {
    List<Long> told = new ArrayList<>();
    StatsRecorder stats = new StatsRecorder(1, 1, 1, 1);
    Skips skips =
        new Skips(FailurePolicy.skip(2, (epoch, index, cause) -> told.add(index)), null, stats);
    assertFalse(skips.leavesOut(failure(0, true)));
    assertTrue(skips.leavesOut(failure(1, false)));
    assertTrue(skips.leavesOut(failure(2, false)));
    assertFalse(skips.leavesOut(failure(3, false)), "the bound is two");
    assertEquals(2, stats.snapshot(0).skips());
    skips.takePending().forEach(Runnable::run);
    assertFalse(skips.arePending());
    assertEquals(List.of(1L, 2L), told);
  }

  @Test
  @DisplayName("whoever leaves a failure out reports it, and nobody else")
  void byWhoever() throws Exception {
    List<Long> told = new ArrayList<>();
    StatsRecorder stats = new StatsRecorder(1, 1, 1, 1);
    Skips skips =
        new Skips(FailurePolicy.skip(9, (epoch, index, cause) -> told.add(index)), null, stats);
    assertTrue(skips.leavesOut(failure(1, false)));
    assertTrue(
        Caller.run(
                () -> {
                  assertTrue(skips.leavesOut(failure(2, false)));
                  skips.takePending().forEach(Runnable::run);
                  assertEquals(List.of(2L), told);
                  assertFalse(skips.arePending());
                })
            .result());
    assertTrue(skips.arePending());
    skips.takePending().forEach(Runnable::run);
    assertEquals(List.of(2L, 1L), told);
  }
}
