package io.pentrough;

/**
 * What a {@code get} comes upon: a batch on the device, the failure that is told in its place,
 * failures that are left out, or nothing yet.
 */
sealed interface Delivery permits DeviceSlot, SlotLedger.Failure, Skips, Meanwhile {}
