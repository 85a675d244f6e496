/**
 * A loader's statistics as metrics of Micrometer, for dashboards and alarms. The only package that
 * needs {@code io.micrometer:micrometer-core}, which is an optional dependency: add it to your
 * build to use this package.
 */
@NullMarked
package io.pentrough.metrics;

import org.jspecify.annotations.NullMarked;
