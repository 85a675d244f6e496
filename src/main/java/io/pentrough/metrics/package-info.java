/**
 * A loader's statistics as metrics of Micrometer, for dashboards and alarms.
 *
 * <p>This package needs {@code io.micrometer:micrometer-core}, which is an optional dependency: add
 * it to your build to use the package. Nothing else in the library needs it.
 */
@NullMarked
package io.pentrough.metrics;

import org.jspecify.annotations.NullMarked;
