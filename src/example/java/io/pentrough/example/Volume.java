package io.pentrough.example;

import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * A grey volume and the class of each of its voxels, one byte each, decoded once and kept.
 *
 * <p>Voxels lie in the order of the file: x runs fastest, z slowest. Immutable by agreement, so any
 * number of workers may read it.
 */
final class Volume {

  /** Extent along z. */
  final int depth;

  /** Extent along y. */
  final int height;

  /** Extent along x. */
  final int width;

  /** The grey values, unsigned. */
  final byte[] grey;

  /** The class of each voxel, an index into {@link #labelValues}. */
  final byte[] classes;

  /** The label that stands for each class in the file, ascending. */
  final long[] labelValues;

  /** Whether the classes are 0 for inner and 1 for boundary, found from the ids of objects. */
  final boolean boundaries;

  Volume(
      int depth,
      int height,
      int width,
      byte[] grey,
      byte[] classes,
      long[] labelValues,
      boolean boundaries) {
    this.depth = depth;
    this.height = height;
    this.width = width;
    this.grey = grey;
    this.classes = classes;
    this.labelValues = labelValues;
    this.boundaries = boundaries;
  }

  int classCount() {
    return labelValues.length;
  }

  /** What a voxel of a class is called in messages. */
  String describe(int classNumber) {
    if (boundaries) {
      return classNumber == 0 ? "inner voxel" : "boundary voxel";
    }
    return "voxel labelled " + labelValues[classNumber];
  }

  /** The position of a voxel in {@link #grey} and {@link #classes}. */
  int index(int z, int y, int x) {
    return (z * height + y) * width + x;
  }

  /** What distinguishes it from another volume: size and checksum, as one line. */
  String identity() {
    CRC32C checksum = new CRC32C();
    checksum.update(grey);
    checksum.update(classes);
    return String.format(
        Locale.ROOT,
        "a volume of %d x %d x %d with checksum %08x",
        depth,
        height,
        width,
        checksum.getValue());
  }

  /** Copies the patch around a voxel, in the order of the volume. */
  void copyPatch(int centre, int edge, byte[] target, int at) {
    int corner = centre - index(edge / 2, edge / 2, edge / 2);
    for (int z = 0; z < edge; z++) {
      for (int y = 0; y < edge; y++) {
        System.arraycopy(grey, corner + index(z, y, 0), target, at, edge);
        at += edge;
      }
    }
  }
}
