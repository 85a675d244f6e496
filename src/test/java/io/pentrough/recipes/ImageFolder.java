package io.pentrough.recipes;

import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.imageio.stream.FileImageInputStream;
import javax.imageio.stream.ImageInputStream;

// [image-folder]
/**
 * Images in a folder for each class. They are stretched to the size of the batch's images, whatever
 * their aspect ratio.
 */
public record ImageFolder(List<Path> files, List<Integer> labels, List<String> classes)
    implements Dataset {

  @Override
  public void read(long index, Sample out) throws IOException {
    HostArray image = out.array("image");
    Path file = files.get((int) index);
    try (ImageInputStream in = new FileImageInputStream(file.toFile())) {
      byte[] planes = Pictures.planes(in, image.dimension(1), image.dimension(2));
      image.set(0, planes, 0, planes.length);
    } catch (IOException | RuntimeException e) { // a decoder may throw anything
      throw new IOException(file + ": " + e, e);
    }
    out.array("label").setInt(0, labels.get((int) index));
  }

  @Override
  public long size() {
    return files.size();
  }

  public static BatchSpec spec(int batchSize, int height, int width) {
    return BatchSpec.builder()
        .array("image", DType.UINT8, batchSize, 3, height, width)
        .array("label", DType.INT32, batchSize)
        .build();
  }

  public static ImageFolder of(Path root) throws IOException {
    List<Path> files = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    List<String> classes = new ArrayList<>();
    for (Path folder : children(root, Files::isDirectory)) {
      for (Path file : children(folder, Files::isRegularFile)) {
        files.add(file);
        labels.add(classes.size());
      }
      classes.add(folder.getFileName().toString());
    }
    if (files.isEmpty()) {
      throw new IOException(
          (classes.isEmpty() ? "no class folder in " : "no files in the class folders of ") + root);
    }
    return new ImageFolder(files, labels, classes);
  }

  private static List<Path> children(Path folder, Predicate<Path> which) throws IOException {
    try (Stream<Path> children = Files.list(folder)) {
      return children
          .filter(which)
          .filter(path -> !path.getFileName().toString().startsWith(".")) // such as .DS_Store
          .sorted() // the system lists them in any order
          .toList();
    }
  }
}
// [/image-folder]
