package io.pentrough.device.cuda;

import io.pentrough.device.cuda.CudaSim.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ClassTemplateInvocationContext;
import org.junit.jupiter.api.extension.ClassTemplateInvocationContextProvider;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Runs a class under every schedule of the software driver:
 *
 * <ul>
 *   <li>{@code -Dpentrough.cuda.seeds=N}: how many seeds of the seeded schedule, default 3
 *   <li>{@code -Dpentrough.cuda.seed=N}: the first of them, default 0
 *   <li>{@code -Dpentrough.cuda.schedule=SEEDED}: this schedule only
 *   <li>{@code -Dpentrough.cuda=real}: once, on the driver of this machine
 * </ul>
 *
 * After each test the software driver must have nothing left, and nothing to complain of.
 */
public final class CudaRuns implements ClassTemplateInvocationContextProvider {

  /** Whether the tests run on a real driver. */
  public static final boolean REAL = "real".equals(System.getProperty("pentrough.cuda"));

  /** Late enough to be noticed, and not so late that tests take minutes. */
  private static final long LAG_MICROS = 300;

  @Override
  public boolean supportsClassTemplate(ExtensionContext context) {
    return true;
  }

  @Override
  public Stream<ClassTemplateInvocationContext> provideClassTemplateInvocationContexts(
      ExtensionContext context) {
    if (REAL) {
      return Stream.of(new OnRealDriver());
    }
    CudaSim.load();
    return runs().map(run -> (ClassTemplateInvocationContext) run);
  }

  private static Stream<Run> runs() {
    String only = System.getProperty("pentrough.cuda.schedule");
    List<Run> runs = new ArrayList<>();
    for (Schedule schedule : Schedule.values()) {
      if (only == null || only.equals(schedule.name())) {
        long from = Long.getLong("pentrough.cuda.seed", 0);
        int seeds = schedule == Schedule.SEEDED ? Integer.getInteger("pentrough.cuda.seeds", 3) : 1;
        LongStream.range(from, from + seeds).forEach(seed -> runs.add(new Run(schedule, seed)));
      }
    }
    return runs.stream();
  }

  private static final class OnRealDriver implements ClassTemplateInvocationContext {
    @Override
    public String getDisplayName(int invocation) {
      return "real driver";
    }
  }

  private record Run(Schedule schedule, long seed)
      implements ClassTemplateInvocationContext, BeforeEachCallback, AfterEachCallback {

    @Override
    public String getDisplayName(int invocation) {
      return schedule + (schedule == Schedule.SEEDED ? " " + seed : "");
    }

    @Override
    public List<Extension> getAdditionalExtensions() {
      return List.of(this);
    }

    @Override
    public void beforeEach(ExtensionContext context) {
      CudaSim.reset();
      CudaSim.configure(schedule, seed);
      CudaSim.lag(LAG_MICROS);
    }

    @Override
    public void afterEach(ExtensionContext context) {
      SoftwareCuda.check(context);
    }
  }
}
