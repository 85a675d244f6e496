package io.pentrough.device.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.ClassTemplate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A class of tests that run on CUDA: on the software driver under each of its schedules and several
 * seeds, or once on a real driver, see {@link CudaRuns}. After each test nothing may be left.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@ClassTemplate
@ExtendWith(CudaRuns.class)
@Tag("cuda")
public @interface OnCuda {}
