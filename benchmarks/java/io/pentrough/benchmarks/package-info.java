/**
 * Benchmarks: Pentrough beside the loaders that any engineer would write in a page.
 *
 * <p>A test source root: compiled with the tests, so that it cannot rot, and never published.
 * {@link io.pentrough.benchmarks.Benchmarks} is the command line; {@code benchmarks/README.md} says
 * what to run and how to read it.
 */
@NullMarked
package io.pentrough.benchmarks;

import org.jspecify.annotations.NullMarked;
