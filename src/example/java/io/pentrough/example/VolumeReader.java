package io.pentrough.example;

import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.exceptions.HdfInvalidPathException;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.datatype.FixedPoint;
import io.jhdf.object.datatype.FloatingPoint;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Array;
import java.math.BigInteger;
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
      return new VolumeReader(hdf, file.toString()).read(greyPath, labelPath);
    } catch (BadInputException e) {
      throw e;
    } catch (RuntimeException e) { // jhdf answers damage with exceptions of many types
      throw new BadInputException(
          file + " cannot be read as HDF5: it is another kind of file, or damaged.", e);
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
    readRows(
        grey,
        size,
        (row, at) -> {
          int[] values = (int[]) row; // what jhdf makes of uint8
          for (int i = 0; i < values.length; i++) {
            greyValues[at + i] = (byte) values[i];
          }
        });

    byte[] classes = new byte[(int) voxels];
    LabelClasses found = new LabelClasses(in(labelPath));
    readRows(
        labels,
        size,
        (row, at) -> {
          int count = Array.getLength(row);
          for (int i = 0; i < count; i++) {
            long value =
                row instanceof BigInteger[] unsigned
                    ? unsigned[i].longValue()
                    : Array.getLong(row, i);
            classes[at + i] = found.classOf(value);
          }
        });
    long[] labelValues = found.sortAscending(classes);
    if (labelValues.length == 1) {
      throw new BadInputException(
          in(labelPath) + " has the one label " + labelValues[0] + " only: nothing to tell apart.");
    }
    return new Volume(size[0], size[1], size[2], greyValues, classes, labelValues);
  }

  /** Receives a run of voxels along x: a Java array of some integer type, and its place. */
  private interface RowSink {
    void accept(Object row, int at);
  }

  /** Reads chunk by chunk, or slice by slice, so that no second copy of the volume arises. */
  private static void readRows(Dataset dataset, int[] size, RowSink sink) {
    int[] step =
        dataset instanceof ChunkedDataset chunked
            ? chunked.getChunkDimensions()
            : new int[] {1, size[1], size[2]};
    for (int z = 0; z < size[0]; z += step[0]) {
      for (int y = 0; y < size[1]; y += step[1]) {
        for (int x = 0; x < size[2]; x += step[2]) {
          int[] extent = {
            Math.min(step[0], size[0] - z),
            Math.min(step[1], size[1] - y),
            Math.min(step[2], size[2] - x)
          };
          Object[] box = (Object[]) dataset.getData(new long[] {z, y, x}, extent);
          for (int dz = 0; dz < extent[0]; dz++) {
            Object[] slice = (Object[]) box[dz];
            for (int dy = 0; dy < extent[1]; dy++) {
              sink.accept(slice[dy], ((z + dz) * size[1] + y + dy) * size[2] + x);
            }
          }
        }
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
