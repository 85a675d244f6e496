package io.pentrough;

/** What a look at the loader gives a consumer: a batch, the failure in its place, or what to do. */
sealed interface Outcome permits DeviceSlot, Failure, Meanwhile {}
