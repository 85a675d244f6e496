/** Tests of the loader and its engine. */
@NullMarked
package io.pentrough;

import org.jspecify.annotations.NullMarked;
