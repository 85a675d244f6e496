package io.pentrough;

/**
 * The calling thread holds a batch in every device slot, so its {@code get} would wait for itself.
 * Nothing has been taken. Close a batch first, or configure more device slots.
 *
 * <p>A batch belongs to the thread that called {@code get}. If other threads close it, configure
 * one more device slot than they hold at a time.
 *
 * <p><b>Threads.</b> Any.
 */
public final class AllSlotsHeldException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  AllSlotsHeldException(String message) {
    super(message);
  }
}
