package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BusBytesTest {

  @Test
  @DisplayName("says what is saved, and where nothing is")
  void line() {
    assertEquals(
        "copied to the device: 2.5 MiB as uint8, with what was drawn to vary it; as float32 it"
            + " would have been 8.0 MiB, 3.2 times as much",
        new BusBytes(5 << 19, 8 << 20).toString());
    assertEquals(
        "copied to the device: 2.0 MiB as uint8, with what was drawn to vary it; as float32 it"
            + " would have been 2.0 MiB, so nothing is saved",
        new BusBytes(2 << 20, 2 << 20).toString());
  }
}
