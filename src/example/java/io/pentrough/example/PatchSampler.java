package io.pentrough.example;

import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.util.random.RandomGenerator;

/**
 * The target: fills a batch with patches around random voxels, every class as likely as any other,
 * each patch flipped at random along each axis.
 *
 * <p>It keeps no state that changes, and takes its random numbers from the context: so any number
 * of workers may run it at once, and their number does not change the batches.
 */
final class PatchSampler implements BatchTarget {

  private final Volume volume;
  private final Region region;
  private final int patch;

  PatchSampler(Volume volume, Region region, int patch) {
    this.volume = volume;
    this.region = region;
    this.patch = patch;
  }

  /**
   * The batches it fills.
   *
   * @throws BadInputException if they are too large
   */
  static BatchSpec spec(int batch, int patch) {
    try {
      return BatchSpec.builder()
          .array("image", DType.UINT8, batch, patch, patch, patch)
          .array("label", DType.INT32, batch)
          .build();
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          "--batch " + batch + " with --patch " + patch + " is too large: " + e.getMessage(), e);
    }
  }

  @Override
  public void fill(HostBatch out, BatchContext context) {
    HostArray images = out.array("image");
    HostArray labels = out.array("label");
    RandomGenerator random = context.random();
    byte[] mirrored = new byte[patch];
    int voxels = patch * patch * patch;
    for (int n = 0; n < labels.elements(); n++) {
      int classNumber = random.nextInt(volume.classCount());
      int centre = region.draw(classNumber, random);
      labels.setInt(n, classNumber);
      copyPatch(centre, random.nextInt(8), images, n * voxels, mirrored);
    }
  }

  /** Copies a patch row by row; each of the three bits of flips turns an axis round. */
  private void copyPatch(int centre, int flips, HostArray images, int at, byte[] mirrored) {
    int corner = centre - volume.index(patch / 2, patch / 2, patch / 2);
    int last = patch - 1;
    for (int z = 0; z < patch; z++) {
      for (int y = 0; y < patch; y++) {
        int sourceZ = (flips & 1) == 0 ? z : last - z;
        int sourceY = (flips & 2) == 0 ? y : last - y;
        int row = corner + volume.index(sourceZ, sourceY, 0);
        if ((flips & 4) == 0) {
          images.set(at, volume.grey, row, patch);
        } else {
          for (int x = 0; x < patch; x++) {
            mirrored[x] = volume.grey[row + last - x];
          }
          images.set(at, mirrored, 0, patch);
        }
        at += patch;
      }
    }
  }
}
