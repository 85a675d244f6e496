/** Datasets of the formats that people have, as docs/recipes.md shows them. */
@NullMarked
package io.pentrough.recipes;

import org.jspecify.annotations.NullMarked;
