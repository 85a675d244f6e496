package io.pentrough;

/** What a {@code get} takes: a batch on the device, or the failure that is told in its place. */
sealed interface Delivery permits DeviceSlot, SlotLedger.Failure {}
