package io.pentrough.example;

import io.jhdf.exceptions.UnsupportedHdfException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;

/** Reads a {@link Volume} from HDF5. */
final class VolumeReader {

  private final Hdf5File hdf;

  private VolumeReader(Hdf5File hdf) {
    this.hdf = hdf;
  }

  /**
   * Reads a volume from a file.
   *
   * @throws BadInputException if there is no such file, or it does not hold what the example needs
   */
  static Volume read(Path file, String greyPath, String labelPath) {
    try (Hdf5File hdf = Hdf5File.open(file)) {
      return new VolumeReader(hdf).read(greyPath, labelPath);
    }
  }

  /** Reads a volume from a file among the example's resources. */
  static Volume readResource(String name, String greyPath, String labelPath) {
    try (InputStream in = VolumeReader.class.getResourceAsStream("/" + name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing on the class path");
      }
      try (Hdf5File hdf = Hdf5File.open(in.readAllBytes(), name)) {
        return new VolumeReader(hdf).read(greyPath, labelPath);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Volume read(String greyPath, String labelPath) {
    Hdf5Dataset grey = open(greyPath);
    Hdf5Dataset labels = open(labelPath);
    Hdf5Type type = grey.type();
    if (!type.integer() || type.enumerated() || type.signed() || type.bytes() != 1) {
      throw new BadInputException(
          in(greyPath) + " is " + type.name() + ", but grey values must be uint8.");
    }
    if (!labels.type().integer()) {
      throw new BadInputException(
          in(labelPath) + " is " + labels.type().name() + ", but labels must be integers.");
    }
    requireShape(grey, greyPath);
    requireShape(labels, labelPath);
    long[] shape = grey.shape();
    if (!Arrays.equals(shape, labels.shape())) {
      throw new BadInputException(
          in(greyPath)
              + (" has the shape " + Arrays.toString(shape) + ", but " + labelPath)
              + (" has " + Arrays.toString(labels.shape()) + "; they must be the same."));
    }
    int[] size = Arrays.stream(shape).mapToInt(Math::toIntExact).toArray();

    byte[] greyValues = new byte[size[0] * size[1] * size[2]];
    readPlanes(
        grey,
        greyPath,
        (z, values, from) -> {
          int at = z * size[1] * size[2];
          for (int i = 0; i < size[1] * size[2]; i++) {
            greyValues[at + i] = (byte) values[from + i];
          }
        });
    LabelClasses found = new LabelClasses(size[0], size[1], size[2]);
    readPlanes(labels, labelPath, (z, values, from) -> found.addPlane(values, from));
    long[] labelValues = found.labelValues();
    if (labelValues.length == 1) {
      throw new BadInputException(
          in(labelPath) + " has the one label " + labelValues[0] + " only: nothing to tell apart.");
    }
    return new Volume(
        size[0], size[1], size[2], greyValues, found.finish(), labelValues, found.areBoundaries());
  }

  private Hdf5Dataset open(String path) {
    try {
      Hdf5Links.Found found = Hdf5Links.dataset(hdf, path);
      return new Hdf5Dataset(found.file(), found.address(), in(path));
    } catch (RuntimeException | StackOverflowError e) {
      throw cannotRead(path, e);
    }
  }

  /** Receives a plane of z: where it begins in an array that is used again. */
  private interface PlaneSink {
    void accept(int z, long[] values, int from);
  }

  private void readPlanes(Hdf5Dataset dataset, String path, PlaneSink sink) {
    int depth = (int) dataset.shape()[0];
    int plane = (int) (dataset.shape()[1] * dataset.shape()[2]);
    try {
      PlaneReader reader = new PlaneReader(dataset);
      int atOnce = reader.planesAtOnce();
      long[] values = new long[Math.multiplyExact(atOnce, plane)];
      for (int z = 0; z < depth; z += atOnce) {
        if (Thread.currentThread().isInterrupted()) {
          throw new BadInputException("Reading " + hdf.name() + " was interrupted.");
        }
        int planes = Math.min(atOnce, depth - z);
        reader.read(z, planes, values);
        for (int i = 0; i < planes; i++) {
          sink.accept(z + i, values, i * plane);
        }
      }
    } catch (RuntimeException | StackOverflowError e) {
      throw cannotRead(path, e);
    }
  }

  private void requireShape(Hdf5Dataset dataset, String path) {
    if (dataset.isAbsent()) {
      throw new BadInputException(in(path) + " is empty, but a volume has 3 dimensions.");
    }
    long[] shape = dataset.shape();
    if (shape.length != 3) {
      throw new BadInputException(
          in(path)
              + (shape.length == 0
                  ? " is a single value"
                  : " has the shape " + Arrays.toString(shape))
              + ", but a volume has 3 dimensions.");
    }
    double voxels = 1.0 * shape[0] * shape[1] * shape[2]; // a long might overflow
    if (voxels < 1 || voxels > Integer.MAX_VALUE - 8) {
      throw new BadInputException(
          in(path)
              + (" has the shape " + Arrays.toString(shape))
              + ", but must have 1 to 2 thousand million voxels.");
    }
  }

  private BadInputException cannotRead(String path, Throwable e) {
    if (e instanceof BadInputException refused) {
      return refused;
    }
    if (e instanceof UncheckedIOException) {
      return new BadInputException(in(path) + " cannot be read: " + e.getMessage() + ".", e);
    }
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof UnsupportedOperationException
          || cause instanceof UnsupportedHdfException) {
        return new BadInputException(
            in(path)
                + (" cannot be read by this example (" + cause.getMessage())
                + "); `h5repack in.h5 out.h5` writes it anew.",
            e);
      }
    }
    // What damage leads to has many types, here and in jhdf.
    return new BadInputException(
        in(path)
            + " is damaged: its structure cannot be parsed ("
            + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage())
            + ").",
        e);
  }

  private String in(String path) {
    return path + " in " + hdf.name();
  }
}
