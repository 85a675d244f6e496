package io.pentrough.device;

import io.pentrough.device.cuda.CudaRuns;
import io.pentrough.device.cuda.CudaSim;
import io.pentrough.testkit.Exhaustive;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ClassTemplateInvocationContext;
import org.junit.jupiter.api.extension.ClassTemplateInvocationContextProvider;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs a class once on the host; or on CUDA, see {@link CudaRuns}. */
final class EveryDevice implements ClassTemplateInvocationContextProvider {

  @Override
  public boolean supportsClassTemplate(ExtensionContext context) {
    return true;
  }

  @Override
  public Stream<ClassTemplateInvocationContext> provideClassTemplateInvocationContexts(
      ExtensionContext context) {
    if (!TestDevice.IS_CUDA) {
      return Stream.of(new OnHost());
    }
    OnEveryDevice wish = context.getRequiredTestClass().getAnnotation(OnEveryDevice.class);
    if (!wish.everySchedule() && Exhaustive.ON) {
      return CudaRuns.oncePerSchedule();
    }
    return CudaRuns.invocations(
        schedule -> wish.everySchedule() || schedule == CudaSim.Schedule.STRICT);
  }

  /** With -Dpentrough.cuda.schedule there may be none left. */
  @Override
  public boolean mayReturnZeroClassTemplateInvocationContexts(ExtensionContext context) {
    return true;
  }

  private static final class OnHost implements ClassTemplateInvocationContext, AfterEachCallback {
    @Override
    public String getDisplayName(int invocation) {
      return "host";
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
}
