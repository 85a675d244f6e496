package io.pentrough;

/**
 * What a {@code get} comes upon: a batch on the device, the failure that is told in its place, or
 * failures that are left out.
 */
sealed interface Delivery permits DeviceSlot, SlotLedger.Failure, Skips {}
