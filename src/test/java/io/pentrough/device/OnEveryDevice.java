package io.pentrough.device;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.ClassTemplate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A class of tests of what holds on every device. It runs on the host where Maven runs the tests
 * without CUDA; and where it runs those with CUDA, like {@link
 * io.pentrough.device.cuda.OnCuda @OnCuda}. Its tests open the device with {@link
 * TestDevice#open()}; after each test nothing may be left.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@ClassTemplate
@ExtendWith(EveryDevice.class)
@Tag("everyDevice")
public @interface OnEveryDevice {

  /**
   * Whether it takes every schedule of the software driver, or only the strict one; where
   * everything is swept ({@code -Pexhaustive}), then each schedule once.
   */
  boolean everySchedule() default true;
}
