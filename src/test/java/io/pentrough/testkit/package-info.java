/** What tests of all packages wait with, watch and fill. */
@NullMarked
package io.pentrough.testkit;

import org.jspecify.annotations.NullMarked;
