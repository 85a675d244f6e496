package io.pentrough.testkit;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Ends a test that hangs, and a run whose tests have used up their {@link Patience}. Registered for
 * every test, by {@code META-INF/services}.
 *
 * <p>A test that takes too long is interrupted, and fails with the stacks of all threads. One that
 * goes on nevertheless ends the JVM. Where a class or a method declares a {@code @Timeout}, that is
 * its bound; in a thread of its own JUnit alone sees to it.
 */
public final class GivesUp implements ExecutionCondition, InvocationInterceptor {

  private static final Duration GRACE = Patience.scaled(15);
  static final int HUNG = 70;

  private static final ScheduledExecutorService WATCHDOG = watchdog();

  private static ScheduledExecutorService watchdog() {
    ScheduledThreadPoolExecutor watchdog =
        new ScheduledThreadPoolExecutor(
            1,
            work -> {
              Thread thread = new Thread(work, "watchdog of the tests");
              thread.setDaemon(true);
              thread.setContextClassLoader(null);
              return thread;
            });
    watchdog.setRemoveOnCancelPolicy(true);
    return watchdog;
  }

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return Patience.isExhausted()
        ? ConditionEvaluationResult.disabled(
            "tests have failed after long waits: the rest is not run")
        : ConditionEvaluationResult.enabled("");
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    watch(invocation, method, context);
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    watch(invocation, method, context);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    watch(invocation, method, context);
  }

  @Override
  public void interceptAfterEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    watch(invocation, method, context);
  }

  private static void watch(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    Timeout declared =
        declared(method.getExecutable()).or(() -> declared(method.getTargetClass())).orElse(null);
    long start = System.nanoTime();
    try {
      if (declared != null && declared.threadMode() == ThreadMode.SEPARATE_THREAD) {
        invocation.proceed();
        return;
      }
      Duration bound =
          declared == null
              ? Patience.TEST
              : Duration.of(declared.value(), declared.unit().toChronoUnit());
      Watch watch = new Watch(context.getUniqueId(), bound);
      Throwable thrown = null;
      try {
        invocation.proceed();
      } catch (Throwable t) {
        thrown = t;
      }
      thrown = watch.end(thrown);
      if (thrown != null) {
        throw thrown;
      }
    } catch (Throwable t) {
      Patience.spend(System.nanoTime() - start);
      throw t;
    }
  }

  private static Optional<Timeout> declared(AnnotatedElement element) {
    return AnnotationSupport.findAnnotation(element, Timeout.class);
  }

  /** Of one method of a test. */
  private static final class Watch implements Runnable {
    private final Thread tester = Thread.currentThread();
    private final String test;
    private final Duration bound;
    private ScheduledFuture<?> next;
    private boolean hasEnded;
    private Throwable @Nullable [] stacks;

    Watch(String test, Duration bound) {
      this.test = test;
      this.bound = bound;
      next = WATCHDOG.schedule(this, bound.toNanos(), TimeUnit.NANOSECONDS);
    }

    @Override
    public synchronized void run() {
      if (hasEnded) {
        return;
      }
      if (stacks == null) {
        stacks = Stacks.ofAll();
        tester.interrupt();
        next = WATCHDOG.schedule(this, GRACE.toNanos(), TimeUnit.NANOSECONDS);
        return;
      }
      System.err.println(test + " hangs, and heeds no interrupt: this JVM is ended.");
      for (Throwable stack : Stacks.ofAll()) {
        stack.printStackTrace();
      }
      Runtime.getRuntime().halt(HUNG);
    }

    /** What the test shall throw, if anything. */
    synchronized @Nullable Throwable end(@Nullable Throwable thrown) {
      hasEnded = true;
      next.cancel(false);
      if (stacks == null) {
        return thrown;
      }
      Thread.interrupted();
      AssertionError hung = new AssertionError("interrupted after " + bound, thrown);
      for (Throwable stack : stacks) {
        hung.addSuppressed(stack);
      }
      return hung;
    }
  }
}
