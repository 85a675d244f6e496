package io.pentrough.example;

import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.util.random.RandomGenerator;

/**
 * The target: fills a batch with patches around random voxels, every class as likely as any other.
 * They are copied as they lie in the volume: what is to vary does so on the device.
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
          ("--batch "
                  + batch
                  + " with patches of "
                  + patch
                  + " voxels along each axis is too large: ")
              + e.getMessage(),
          e);
    }
  }

  @Override
  public void fill(HostBatch out, BatchContext context) {
    HostArray images = out.array("image");
    HostArray labels = out.array("label");
    RandomGenerator random = context.random();
    int voxels = patch * patch * patch;
    for (int n = 0; n < labels.elements(); n++) {
      int classNumber = random.nextInt(volume.classCount());
      int centre = region.draw(classNumber, random);
      labels.setInt(n, classNumber);
      copyPatch(centre, images, n * voxels);
    }
  }

  private void copyPatch(int centre, HostArray images, int at) {
    int corner = centre - volume.index(patch / 2, patch / 2, patch / 2);
    for (int z = 0; z < patch; z++) {
      for (int y = 0; y < patch; y++) {
        images.set(at, volume.grey, corner + volume.index(z, y, 0), patch);
        at += patch;
      }
    }
  }
}
