package io.pentrough.recipes;

import io.pentrough.HostArray;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarFile;

// [tar-shards]
/**
 * Tar files of WebDataset. Files that follow each other and have one name up to the first dot are a
 * sample: 000017.png and 000017.cls. They are looked up once, and then read in any order.
 */
public record TarShards(List<Map<String, Member>> samples) implements Dataset {

  /** Where a file lies in a shard. */
  public record Member(Path shard, String name, long offset, int bytes) {}

  @Override
  public void read(long index, Sample out) throws IOException {
    HostArray image = out.array("image");
    Map<String, Member> files = samples.get((int) index);
    try (ImageInputStream in =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes(files, "png")))) {
      byte[] planes = Pictures.planes(in, image.dimension(1), image.dimension(2));
      image.set(0, planes, 0, planes.length);
      String label = new String(bytes(files, "cls"), StandardCharsets.US_ASCII);
      out.array("label").setInt(0, Integer.parseInt(label.strip()));
    } catch (IOException | RuntimeException e) { // a decoder may throw anything
      throw new IOException(files.values() + ": " + e, e);
    }
  }

  @Override
  public long size() {
    return samples.size();
  }

  public static TarShards of(List<Path> shards) throws IOException {
    List<Map<String, Member>> samples = new ArrayList<>();
    for (Path shard : shards) {
      String last = "";
      try (TarFile tar = new TarFile(shard)) {
        for (TarArchiveEntry file : tar.getEntries()) {
          String name = file.getName();
          int dot = name.indexOf('.', name.lastIndexOf('/') + 1);
          if (file.isFile() && dot >= 0) {
            if (!name.substring(0, dot).equals(last)) {
              samples.add(new HashMap<>());
              last = name.substring(0, dot);
            }
            Member member = new Member(shard, name, file.getDataOffset(), (int) file.getSize());
            samples.get(samples.size() - 1).put(name.substring(dot + 1), member);
          }
        }
      } catch (IOException e) {
        throw new IOException(shard + ": " + e.getMessage(), e);
      }
    }
    if (samples.isEmpty()) {
      throw new IOException("no samples in " + shards);
    }
    return new TarShards(samples);
  }

  private static byte[] bytes(Map<String, Member> files, String extension) throws IOException {
    Member member = files.get(extension);
    if (member == null) {
      throw new IOException("the sample has no ." + extension);
    }
    try (FileChannel shard = FileChannel.open(member.shard)) {
      return Channels.newInputStream(shard.position(member.offset)).readNBytes(member.bytes);
    }
  }
}
// [/tar-shards]
