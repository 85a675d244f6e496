package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RegionTest {

  @Test
  void drawsEachVoxelOfTheClassWhosePatchFitsEquallyOftenAndNoOther() {
    Volume volume = TestVolumes.random(7, 8, 20, 3, new SplittableRandom(1));
    int from = 4;
    int to = 15;
    int margin = 2;
    Region region = new Region("test", volume, from, to, 2 * margin - 1, 1);
    for (int c = 0; c < 3; c++) {
      int eligible = 0;
      boolean[] mayBeDrawn = new boolean[volume.classes.length];
      for (int z = margin; z < volume.depth - margin; z++) {
        for (int y = margin; y < volume.height - margin; y++) {
          for (int x = from + margin; x < to - margin; x++) {
            int voxel = volume.index(z, y, x);
            mayBeDrawn[voxel] = volume.classes[voxel] == c;
            eligible += mayBeDrawn[voxel] ? 1 : 0;
          }
        }
      }

      int perVoxel = 1000;
      int[] drawn = new int[volume.classes.length];
      SplittableRandom random = new SplittableRandom(2);
      for (int i = 0; i < eligible * perVoxel; i++) {
        drawn[region.draw(c, random)]++;
      }

      for (int voxel = 0; voxel < drawn.length; voxel++) {
        if (mayBeDrawn[voxel]) {
          // 6 standard deviations of a binomial count
          assertEquals(perVoxel, drawn[voxel], 6 * Math.sqrt(perVoxel), "voxel " + voxel);
        } else {
          assertEquals(0, drawn[voxel], "voxel " + voxel);
        }
      }
      assertTrue(eligible > 10, "too few voxels to show anything");
    }
  }
}
