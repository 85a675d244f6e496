/**
 * What a target reads, and in which order.
 *
 * <p>No argument may be null. A null argument throws a {@link
 * NullPointerException} that names the parameter, and leaves everything as it was. Nothing here
 * returns null.
 *
 * <p>Nothing here may import an implementation of a device.
 */
@NullMarked
package io.pentrough.data;

import org.jspecify.annotations.NullMarked;
