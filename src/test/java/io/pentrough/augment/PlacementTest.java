package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where a patch may begin, along the axis x. */
class PlacementTest {

  @ParameterizedTest
  @CsvSource({"8, 8, 0", "8, 4, 2", "9, 4, 2", "8, 5, 1"})
  @DisplayName("without a crop the patch lies in the middle, or half a voxel before it")
  void middle(int source, int patch, int offset) {
    Placement placement =
        new Placement(along(source), along(patch), null, along(patch), null, false);
    assertRange(offset, offset, placement);
  }

  @ParameterizedTest
  @CsvSource({"8, 8, 0, 0", "8, 4, 0, 4", "9, 4, 0, 5"})
  @DisplayName("a crop lies anywhere within the source")
  void crop(int source, int patch, int first, int last) {
    Placement placement =
        new Placement(along(source), along(patch), null, along(patch), null, true);
    assertRange(first, last, placement);
  }

  @ParameterizedTest
  @CsvSource({
    "8, 4, 4, 4, 2, 2", // the label's source begins 2 behind the image's, and has no room
    "8, 4, 6, 4, 1, 3",
    "8, 4, 6, 2, 0, 4", // the label's patch begins 1 inside the image's: the image decides
    "8, 4, 4, 2, 1, 3",
    "9, 3, 5, 3, 2, 4",
  })
  @DisplayName("a crop with a label leaves neither the image's source nor the label's")
  void label(int source, int patch, int labelSource, int labelPatch, int first, int last) {
    Placement placement =
        new Placement(
            along(source), along(patch), along(labelSource), along(labelPatch), null, true);
    assertRange(first, last, placement);
  }

  private static Size along(int x) {
    return new Size(1, 1, x);
  }

  private static void assertRange(int first, int last, Placement placement) {
    Geometry geometry = placement.geometry(Set.of(), Set.of(), false);
    assertEquals(new Size(0, 0, first), geometry.first());
    assertEquals(new Size(0, 0, last), geometry.last());
  }
}
