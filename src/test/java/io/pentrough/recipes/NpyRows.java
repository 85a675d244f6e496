package io.pentrough.recipes;

import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.data.Dataset;
import io.pentrough.data.NpyArray;
import io.pentrough.data.Sample;
import java.io.IOException;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;

// [npy-rows]
/** Two arrays of NumPy with a row for each sample: in two .npy files, or in one .npz file. */
public record NpyRows(NpyArray images, NpyArray labels) implements Dataset {

  public NpyRows {
    if (images.rows() != labels.rows()) {
      throw new IllegalArgumentException("not a label for each image: " + images + ", " + labels);
    }
  }

  @Override
  public void read(long index, Sample out) {
    images.copyRow(index, out.array("image"));
    labels.copyRow(index, out.array("label"));
  }

  @Override
  public long size() {
    return images.rows();
  }

  public static BatchSpec spec(int batchSize) { // NumPy's integers have 64 bits
    return BatchSpec.builder()
        .array("image", DType.FLOAT32, batchSize, 28, 28)
        .array("label", DType.INT64, batchSize)
        .build();
  }

  public static NpyRows ofNpy(Path images, Path labels) throws IOException {
    return new NpyRows(NpyArray.map(images), NpyArray.map(labels));
  }

  /** What {@code numpy.savez(file, image=..., label=...)} has written. */
  public static NpyRows ofNpz(Path file) throws IOException {
    return new NpyRows(entry(file, "image"), entry(file, "label"));
  }

  private static NpyArray entry(Path file, String name) throws IOException {
    try (ZipFile zip = ZipFile.builder().setPath(file).get()) {
      ZipArchiveEntry entry = zip.getEntry(name + ".npy");
      if (entry == null) {
        throw new IOException(file + " has no array '" + name + "'");
      }
      if (entry.getMethod() != ZipEntry.STORED) {
        throw new IOException(file + " is compressed: write it with numpy.savez instead");
      }
      return NpyArray.map(file, entry.getDataOffset());
    }
  }
}
// [/npy-rows]
