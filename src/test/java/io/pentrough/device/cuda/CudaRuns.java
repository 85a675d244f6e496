package io.pentrough.device.cuda;

import io.pentrough.device.TestDevice;
import io.pentrough.device.cuda.CudaSim.Schedule;
import io.pentrough.testkit.Exhaustive;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ClassTemplateInvocationContext;
import org.junit.jupiter.api.extension.ClassTemplateInvocationContextProvider;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestInstanceFactoryContext;
import org.junit.jupiter.api.extension.TestInstancePreConstructCallback;

/**
 * Runs a class under every schedule of the software driver; under THREADS and LAG only where
 * everything is swept ({@code -Pexhaustive}):
 *
 * <ul>
 *   <li>{@code -Dpentrough.cuda.seeds=N}: how many seeds of the seeded schedule, default 1
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

  private static volatile long seed;

  /** The seed of the run under way, whatever its schedule; 0 on a real driver. */
  public static long seed() {
    return seed;
  }

  @Override
  public boolean supportsClassTemplate(ExtensionContext context) {
    return true;
  }

  @Override
  public Stream<ClassTemplateInvocationContext> provideClassTemplateInvocationContexts(
      ExtensionContext context) {
    return invocations(schedule -> true);
  }

  /**
   * Each run of a class, with the extensions it needs.
   *
   * @param takes which schedules the class takes
   */
  public static Stream<ClassTemplateInvocationContext> invocations(Predicate<Schedule> takes) {
    if (REAL) {
      return Stream.of(new OnRealDriver());
    }
    CudaSim.load();
    return runs().filter(run -> takes.test(run.schedule())).map(run -> run);
  }

  /** A run under each schedule, with the first seed. */
  public static Stream<ClassTemplateInvocationContext> oncePerSchedule() {
    Set<Schedule> had = EnumSet.noneOf(Schedule.class);
    return invocations(had::add);
  }

  private static Stream<Run> runs() {
    String only = System.getProperty("pentrough.cuda.schedule");
    List<Run> runs = new ArrayList<>();
    for (Schedule schedule : Schedule.values()) {
      if (only == null ? !isNeedless(schedule) : only.equals(schedule.name())) {
        long from = Long.getLong("pentrough.cuda.seed", 0);
        int seeds = schedule == Schedule.SEEDED ? Integer.getInteger("pentrough.cuda.seeds", 1) : 1;
        LongStream.range(from, from + seeds).forEach(seed -> runs.add(new Run(schedule, seed)));
      }
    }
    return runs.stream();
  }

  /** Whatever may happen in THREADS may happen in STRICT; RACE is LAG that looks on. */
  private static boolean isNeedless(Schedule schedule) {
    return (schedule == Schedule.THREADS || schedule == Schedule.LAG) && !Exhaustive.ON;
  }

  private static final class OnRealDriver
      implements ClassTemplateInvocationContext, AfterEachCallback {
    @Override
    public String getDisplayName(int invocation) {
      return "real driver";
    }

    @Override
    public List<Extension> getAdditionalExtensions() {
      return List.of(this);
    }

    @Override
    public void afterEach(ExtensionContext context) {
      TestDevice.closeOpened();
    }
  }

  private record Run(Schedule schedule, long seed)
      implements ClassTemplateInvocationContext,
          TestInstancePreConstructCallback,
          AfterEachCallback {

    @Override
    public String getDisplayName(int invocation) {
      return schedule + (schedule == Schedule.SEEDED ? " " + seed : "");
    }

    @Override
    public void prepareInvocation(ExtensionContext context) {
      CudaRuns.seed = seed;
    }

    @Override
    public List<Extension> getAdditionalExtensions() {
      return List.of(this);
    }

    /** Tests may open the device for a field. */
    @Override
    public void preConstructTestInstance(
        TestInstanceFactoryContext factory, ExtensionContext context) {
      CudaReserve.forget();
      CudaSim.reset();
      CudaSim.configure(schedule, seed);
      CudaSim.lag(LAG_MICROS);
    }

    @Override
    public void afterEach(ExtensionContext context) {
      try {
        TestDevice.closeOpened();
      } finally {
        CudaReserve.giveBack();
        SoftwareCuda.check(context);
      }
    }
  }
}
