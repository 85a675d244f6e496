package io.pentrough.example;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;

/**
 * Balanced accuracy, the mean of the classes' recalls, over a fixed draw of voxels: as many of each
 * class, the same in every run, whatever its seed.
 */
final class Evaluation {

  private static final int VOXELS_PER_CLASS = 2500;
  private static final long SEED = 19;

  private final Volume volume;
  private final int[] voxels;

  Evaluation(Volume volume, Region region) {
    this.volume = volume;
    int classes = volume.classCount();
    voxels = new int[classes * VOXELS_PER_CLASS];
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < voxels.length; i++) {
      voxels[i] = region.draw(i % classes, random);
    }
  }

  double balancedAccuracy(GreyBaseline baseline) {
    int correct = 0;
    for (int voxel : voxels) {
      if (baseline.classOf(volume.grey[voxel]) == volume.classes[voxel]) {
        correct++;
      }
    }
    return share(correct);
  }

  double balancedAccuracy(VoxelClassifier classifier) {
    int patch = classifier.patch();
    int patchVoxels = patch * patch * patch;
    byte[] patches = new byte[classifier.maxBatch() * patchVoxels];
    int[] found = new int[classifier.maxBatch()];
    int correct = 0;
    for (int first = 0; first < voxels.length; first += found.length) {
      int count = Math.min(found.length, voxels.length - first);
      for (int n = 0; n < count; n++) {
        volume.copyPatch(voxels[first + n], patch, patches, n * patchVoxels);
      }
      classifier.classify(ByteBuffer.wrap(patches, 0, count * patchVoxels), found);
      for (int n = 0; n < count; n++) {
        if (found[n] == volume.classes[voxels[first + n]]) {
          correct++;
        }
      }
    }
    return share(correct);
  }

  /** With as many voxels of each class, the mean of the recalls is the share of all. */
  private double share(int correct) {
    return (double) correct / voxels.length;
  }
}
