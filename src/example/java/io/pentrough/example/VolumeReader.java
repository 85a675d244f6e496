package io.pentrough.example;

import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.exceptions.HdfInvalidPathException;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.datatype.FixedPoint;
import io.jhdf.object.datatype.FloatingPoint;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Reads a {@link Volume} from HDF5. */
final class VolumeReader {

  private final HdfFile hdf;
  private final String file;

  private VolumeReader(HdfFile hdf, String file) {
    this.hdf = hdf;
    this.file = file;
  }

  /**
   * Reads a volume from a file.
   *
   * @throws BadInputException if there is no such file, or it does not hold what the example needs
   */
  static Volume read(Path file, String greyPath, String labelPath) {
    if (!Files.isRegularFile(file)) {
      throw new BadInputException("There is no file " + file + ".");
    }
    try (HdfFile hdf = new HdfFile(file)) {
      requireWhole(file, hdf.getUserBlockSize());
      return new VolumeReader(hdf, file.toString()).read(greyPath, labelPath);
    } catch (BadInputException e) {
      throw e;
    } catch (IOException
        | RuntimeException e) { // jhdf answers damage with exceptions of many types
      throw new BadInputException(
          file + " cannot be read as HDF5: it is another kind of file, or damaged.", e);
    }
  }

  /** Compares with the length that the superblock states: jhdf reads zeros behind the end. */
  private static void requireWhole(Path file, long superblock) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      in.seek(superblock + 8); // behind the signature
      int version = in.readByte();
      // Version 2 says first how wide an address is; 0 and 1 say much more before.
      in.seek(superblock + (version >= 2 ? 9 : 13));
      int addressBytes = in.readByte();
      in.seek(superblock + (version >= 2 ? 12 : version == 1 ? 28 : 24) + 2L * addressBytes);
      if (addressBytes == Long.BYTES) {
        long stated = Long.reverseBytes(in.readLong()); // little endian
        if (in.length() < stated) {
          throw new BadInputException(
              file
                  + " is truncated: it has "
                  + in.length()
                  + " bytes, but should have "
                  + stated
                  + ".");
        }
      }
    }
  }

  /** Reads a volume from a file among the example's resources. */
  static Volume readResource(String name, String greyPath, String labelPath) {
    try (InputStream in = VolumeReader.class.getResourceAsStream("/" + name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing on the class path");
      }
      try (HdfFile hdf = HdfFile.fromInputStream(in)) {
        return new VolumeReader(hdf, name).read(greyPath, labelPath);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Volume read(String greyPath, String labelPath) {
    Dataset grey = dataset(greyPath);
    Dataset labels = dataset(labelPath);
    if (!(grey.getDataType() instanceof FixedPoint type && type.getSize() == 1)
        || type.isSigned()) {
      throw new BadInputException(
          in(greyPath) + " is " + typeName(grey) + ", but grey values must be uint8.");
    }
    if (!(labels.getDataType() instanceof FixedPoint)) {
      throw new BadInputException(
          in(labelPath) + " is " + typeName(labels) + ", but labels must be integers.");
    }
    int[] size = grey.getDimensions();
    if (!Arrays.equals(size, labels.getDimensions())) {
      throw new BadInputException(
          in(greyPath)
              + (" has the shape " + shape(size) + ", but " + labelPath)
              + (" has " + shape(labels.getDimensions()) + "; they must be the same."));
    }
    if (size.length != 3) {
      throw new BadInputException(
          in(greyPath) + " has the shape " + shape(size) + ", but a volume has 3 dimensions.");
    }
    long voxels = (long) size[0] * size[1] * size[2];
    if (voxels == 0 || voxels > Integer.MAX_VALUE - 8) {
      throw new BadInputException(
          in(greyPath) + " has " + voxels + " voxels, but must have 1 to 2 thousand million.");
    }

    byte[] greyValues = new byte[(int) voxels];
    readPlanes(
        grey,
        (z, values, from) -> {
          int at = z * size[1] * size[2];
          for (int i = 0; i < size[1] * size[2]; i++) {
            greyValues[at + i] = (byte) values[from + i];
          }
        });
    LabelClasses found = new LabelClasses(size[0], size[1], size[2]);
    readPlanes(labels, (z, values, from) -> found.addPlane(values, from));
    long[] labelValues = found.labelValues();
    if (labelValues.length == 1) {
      throw new BadInputException(
          in(labelPath) + " has the one label " + labelValues[0] + " only: nothing to tell apart.");
    }
    return new Volume(
        size[0], size[1], size[2], greyValues, found.finish(), labelValues, found.areBoundaries());
  }

  /** Receives a plane of z: where it begins in an array that is used again. */
  private interface PlaneSink {
    void accept(int z, long[] values, int from);
  }

  private void readPlanes(Dataset dataset, PlaneSink sink) {
    PlaneReader reader = new PlaneReader(dataset);
    int[] size = dataset.getDimensions();
    int plane = size[1] * size[2];
    int atOnce = reader.planesAtOnce();
    long[] values = new long[Math.multiplyExact(atOnce, plane)];
    for (int z = 0; z < size[0]; z += atOnce) {
      if (Thread.currentThread().isInterrupted()) {
        throw new BadInputException("Reading " + file + " was interrupted.");
      }
      int planes = Math.min(atOnce, size[0] - z);
      reader.read(z, planes, values);
      for (int i = 0; i < planes; i++) {
        sink.accept(z + i, values, i * plane);
      }
    }
  }

  private Dataset dataset(String path) {
    try {
      return hdf.getDatasetByPath(path);
    } catch (HdfInvalidPathException e) {
      List<String> there = new ArrayList<>();
      listDatasets(hdf, there);
      throw new BadInputException(
          file + " has no dataset " + path + "; it has " + String.join(", ", there) + ".", e);
    }
  }

  private static void listDatasets(Group group, List<String> paths) {
    for (Node node : group.getChildren().values()) {
      if (node instanceof Dataset) {
        paths.add(node.getPath());
      } else if (node instanceof Group child) {
        listDatasets(child, paths);
      }
    }
  }

  private String in(String path) {
    return path + " in " + file;
  }

  private static String shape(int[] size) {
    return Arrays.toString(size);
  }

  private static String typeName(Dataset dataset) {
    DataType type = dataset.getDataType();
    if (type instanceof FixedPoint integer) {
      return (integer.isSigned() ? "int" : "uint") + 8 * type.getSize();
    }
    if (type instanceof FloatingPoint) {
      return "float" + 8 * type.getSize();
    }
    return type.getClass().getSimpleName().toLowerCase(Locale.ROOT);
  }
}
