package io.pentrough;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.BeforeTestExecutionCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Ends a run in which tests fail because something they wait for does not come. Each of them waits
 * as long as a loaded machine may need; some are enough to know that the run has failed, and a
 * thousand would take hours. Registered for every test, by {@code META-INF/services}.
 */
public final class GivesUp
    implements ExecutionCondition, BeforeTestExecutionCallback, AfterTestExecutionCallback {

  private static final int FAILURES = 2;
  private static final Duration SLOW = Duration.ofSeconds(2);
  private static final AtomicInteger SLOW_FAILURES = new AtomicInteger();
  private static final ExtensionContext.Namespace MINE =
      ExtensionContext.Namespace.create(GivesUp.class);

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return SLOW_FAILURES.get() < FAILURES
        ? ConditionEvaluationResult.enabled("")
        : ConditionEvaluationResult.disabled(
            FAILURES + " tests have failed after a long wait: the rest is not run");
  }

  @Override
  public void beforeTestExecution(ExtensionContext context) {
    context.getStore(MINE).put(context.getUniqueId(), System.nanoTime());
  }

  @Override
  public void afterTestExecution(ExtensionContext context) {
    long started = context.getStore(MINE).get(context.getUniqueId(), Long.class);
    if (context.getExecutionException().isPresent()
        && System.nanoTime() - started > SLOW.toNanos()) {
      SLOW_FAILURES.incrementAndGet();
    }
  }
}
