package io.pentrough.device.cuda;

import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Runs tests on the software CUDA driver, and lets none pass that leaves something behind: a leak,
 * a violation, an asynchronous copy of memory that is not pinned. A test that means to do such a
 * thing takes it from {@link CudaSim} itself. On failure it says which schedule and seed to repeat.
 *
 * <p>The schedule and the seed of a test are those of the system properties {@code
 * pentrough.softwareCuda.schedule}, by default the strict one, and {@code
 * pentrough.softwareCuda.seed}, unless it configures others.
 */
public final class SoftwareCuda
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback {

  @Override
  public void beforeAll(ExtensionContext context) {
    CudaSim.load();
    JCudaDriver.setExceptionsEnabled(false);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    CudaSim.reset();
    CudaSim.configure(
        CudaSim.Schedule.valueOf(
            System.getProperty("pentrough.softwareCuda.schedule", CudaSim.Schedule.STRICT.name())),
        Long.getLong("pentrough.softwareCuda.seed", 0));
  }

  @Override
  public void afterEach(ExtensionContext context) {
    check(context);
  }

  /** Fails a test that leaks or breaks a rule; says of one that failed how the driver was set. */
  static void check(ExtensionContext context) {
    List<String> problems = problems();
    CudaSim.reset();
    Throwable failure = context.getExecutionException().orElse(null);
    if (failure == null && problems.isEmpty()) {
      return;
    }
    AssertionError error =
        new AssertionError(
            "software CUDA driver, %s: %s"
                .formatted(
                    CudaSim.configuration(),
                    problems.isEmpty() ? "nothing to report" : String.join("\n  ", problems)));
    if (failure == null) {
      throw error;
    }
    failure.addSuppressed(error);
  }

  /** What is wrong with the way the driver was used since the last reset; takes it. */
  static List<String> problems() {
    awaitLateThreads();
    List<String> problems = new ArrayList<>();
    CudaSim.violations().forEach(violation -> problems.add("violation: " + violation));
    CudaSim.leaks().forEach(leak -> problems.add("leak: " + leak));
    long copies = CudaSim.pageableAsyncCopies();
    if (copies > 0) {
      problems.add(copies + " asynchronous copies from or to memory that is not pinned");
    }
    return problems;
  }

  /**
   * A worker of a forgotten loader may still be binding itself, which keeps the context so long. A
   * closed loader may still give its memory back, and must not do so in the next test.
   */
  private static void awaitLateThreads() {
    Patience.until("the threads of loaders have ended", () -> Threads.of("").isEmpty());
  }
}
