package io.pentrough;

/**
 * The calling thread holds a lease of every device slot, so its {@code get} would wait for itself.
 * Nothing has been taken. Close a batch first, or configure more device slots.
 *
 * <p>A lease counts as held by the thread that got it. If other threads close your leases,
 * configure one more device slot than they hold at a time.
 *
 * <p><b>Threads.</b> Any.
 */
public final class AllSlotsHeldException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  AllSlotsHeldException(String message) {
    super(message);
  }
}
