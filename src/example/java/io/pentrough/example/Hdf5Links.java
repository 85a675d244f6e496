package io.pentrough.example;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds datasets by their paths, through soft and external links, as HDF5 does.
 *
 * <p>A group's other members do not matter: they may be of any kind, or broken.
 */
final class Hdf5Links {

  /** As many as HDF5 follows for one path. */
  private static final int MAX_LINKS = 16;

  /** More are not listed in a message. */
  private static final int MAX_LISTED = 20;

  private static final int DATASPACE = 1;
  private static final int LINK_INFO = 2;
  private static final int DATATYPE = 3;
  private static final int LINK = 6;
  private static final int LAYOUT = 8;
  private static final int SYMBOL_TABLE = 0x11;

  private final Hdf5File file;
  private final String path;
  private final List<String> followed = new ArrayList<>();

  private Hdf5Links(Hdf5File file, String path) {
    this.file = file;
    this.path = path;
  }

  /** An object in a file. */
  record Found(Hdf5File file, long address) {}

  /**
   * Finds a dataset.
   *
   * @throws BadInputException if there is none, or something else has this path
   */
  static Found dataset(Hdf5File file, String path) {
    Hdf5Links links = new Hdf5Links(file, path);
    Found found = links.follow(file, file.root(), path);
    if (found == null) {
      throw new BadInputException(file.name() + " has no dataset " + path + "; " + listed(file));
    }
    Hdf5File.Header header = found.file.header(found.address);
    if (!isDataset(header)) {
      throw new BadInputException(
          path
              + " in "
              + file.name()
              + (header.has(DATATYPE) ? " is a named type" : " is a group")
              + ", but must be a dataset; "
              + listed(file));
    }
    return found;
  }

  private static boolean isDataset(Hdf5File.Header header) {
    return header.has(DATASPACE) && header.has(LAYOUT);
  }

  /** What a name in a group stands for: an address, a path, or a path in another file. */
  private record Link(long address, @Nullable String soft, @Nullable String externalFile) {}

  /** Follows a path from a group; null if it leads nowhere without a link having been followed. */
  private @Nullable Found follow(Hdf5File in, long group, String route) {
    Found at = new Found(in, route.startsWith("/") ? in.root() : group);
    for (String name : route.split("/", -1)) {
      if (name.isEmpty() || name.equals(".")) {
        continue;
      }
      Link link = links(at.file, at.address).get(name);
      if (link == null) {
        return null;
      }
      at = link.soft == null ? new Found(at.file, link.address) : followLink(at, link);
    }
    return at;
  }

  private Found followLink(Found group, Link link) {
    String target = String.valueOf(link.soft);
    followed.add(
        link.externalFile == null
            ? "a soft link to " + target
            : "an external link to " + target + " in " + link.externalFile);
    if (followed.size() > MAX_LINKS) {
      throw broken("HDF5 follows no more than " + MAX_LINKS + " links: they lead in a circle");
    }
    if (link.externalFile == null) {
      Found found = follow(group.file, group.address, target);
      if (found == null) {
        throw broken("there is no " + target);
      }
      return found;
    }
    Path external = locate(group.file, link.externalFile);
    if (external == null) {
      throw broken("there is no file " + link.externalFile + " beside " + group.file.name());
    }
    Hdf5File opened;
    try {
      opened = file.openLinked(external);
    } catch (BadInputException e) {
      throw broken(String.valueOf(e.getMessage()).replaceAll("\\.$", ""));
    }
    Found found = follow(opened, opened.root(), target);
    if (found == null) {
      throw broken(external + " has no " + target);
    }
    return found;
  }

  private BadInputException broken(String why) {
    int last = followed.size() - 1;
    String chain =
        followed.size() <= 3
            ? String.join(", then ", followed)
            : followed.get(0) + " and others, the last " + followed.get(last);
    return new BadInputException(
        path
            + " in "
            + file.name()
            + " leads through "
            + chain
            + ", but "
            + why
            + "; mend the link, or name another dataset.");
  }

  /** Looks where HDF5 looks; null if there is no such file. */
  private static @Nullable Path locate(Hdf5File from, String name) {
    Path named = Path.of(name);
    if (named.isAbsolute()) {
      if (Files.exists(named)) {
        return named;
      }
      named = named.getFileName(); // it may have moved together with the file
    }
    Path source = from.path();
    if (named == null || source == null) {
      return null;
    }
    Path beside = source.toAbsolutePath().resolveSibling(named);
    if (Files.exists(beside)) {
      return beside;
    }
    if (Files.exists(named)) {
      return named;
    }
    try {
      Path besideTarget = source.toRealPath().resolveSibling(named); // source may be a link
      return Files.exists(besideTarget) ? besideTarget : null;
    } catch (IOException e) {
      return null;
    }
  }

  private static Map<String, Link> links(Hdf5File file, long group) {
    Map<String, Link> links = new LinkedHashMap<>();
    Hdf5File.Header header = file.header(group);
    ByteBuffer table = header.find(SYMBOL_TABLE);
    if (table != null) {
      readSymbolTable(file, table, links);
      return links;
    }
    header.all(LINK).forEach(link -> readLink(file, link, links));
    ByteBuffer info = header.find(LINK_INFO);
    if (info != null) {
      info.get(); // version
      boolean ordered = (info.get() & 1) != 0;
      info.position(info.position() + (ordered ? Long.BYTES : 0));
      long heapAddress = file.address(info);
      if (heapAddress != Hdf5File.UNDEFINED) {
        Hdf5Heap heap = new Hdf5Heap(file, heapAddress);
        for (ByteBuffer record : Hdf5Tree.records(file, file.address(info))) {
          record.getInt(); // a hash
          readLink(file, heap.get(record), links);
        }
      }
    }
    return links;
  }

  private static void readSymbolTable(Hdf5File file, ByteBuffer table, Map<String, Link> links) {
    long tree = file.address(table);
    int addressBytes = file.storage().getSizeOfOffsets();
    int lengthBytes = file.storage().getSizeOfLengths();
    ByteBuffer heap = file.bytes(file.address(table), 8 + 2 * lengthBytes + addressBytes);
    Hdf5File.require("HEAP", heap);
    int heapBytes = Math.toIntExact(file.length(heap.position(8)));
    file.length(heap); // what is free
    readNames(file, tree, -1, file.bytes(file.address(heap), heapBytes), links);
  }

  /** Reads a node of a group's B-tree, and those below it. */
  private static void readNames(
      Hdf5File file, long address, int expectedLevel, ByteBuffer names, Map<String, Link> links) {
    int addressBytes = file.storage().getSizeOfOffsets();
    int lengthBytes = file.storage().getSizeOfLengths();
    ByteBuffer node = file.bytes(address, 8 + 2 * addressBytes);
    Hdf5File.require("TREE", node);
    int kind = node.get();
    int level = node.get() & 0xff;
    if (kind != 0 || (expectedLevel >= 0 && level != expectedLevel)) {
      throw new IllegalArgumentException("a node of another tree");
    }
    int entries = node.getShort() & 0xffff;
    ByteBuffer keys =
        file.bytes(address + 8 + 2L * addressBytes, entries * (lengthBytes + addressBytes));
    for (int i = 0; i < entries; i++) {
      file.length(keys); // the first name
      long child = file.address(keys);
      if (level > 0) {
        readNames(file, child, level - 1, names, links);
      } else {
        readNames(file, child, names, links);
      }
    }
  }

  private static void readNames(
      Hdf5File file, long address, ByteBuffer names, Map<String, Link> links) {
    int addressBytes = file.storage().getSizeOfOffsets();
    ByteBuffer prefix = file.bytes(address, 8);
    Hdf5File.require("SNOD", prefix);
    int count = prefix.getShort(6) & 0xffff;
    int entryBytes = 2 * addressBytes + 24;
    ByteBuffer entries = file.bytes(address + 8, count * entryBytes);
    for (int i = 0; i < count; i++) {
      entries.position(i * entryBytes);
      String name = text(names.duplicate().position(Math.toIntExact(file.address(entries))));
      long header = file.address(entries);
      boolean soft = entries.getInt() == 2;
      entries.getInt(); // reserved
      links.put(
          name,
          soft
              ? new Link(
                  Hdf5File.UNDEFINED, text(names.duplicate().position(entries.getInt())), null)
              : new Link(header, null, null));
    }
  }

  private static void readLink(Hdf5File file, ByteBuffer bytes, Map<String, Link> links) {
    bytes.get(); // version
    int flags = bytes.get();
    int kind = (flags & 8) != 0 ? bytes.get() & 0xff : 0;
    bytes.position(bytes.position() + ((flags & 4) != 0 ? Long.BYTES : 0)); // creation order
    bytes.position(bytes.position() + ((flags & 0x10) != 0 ? 1 : 0)); // ASCII is UTF-8 too
    String name = text(bytes, Math.toIntExact(Hdf5File.unsigned(bytes, 1 << (flags & 3))));
    switch (kind) {
      case 0 -> links.put(name, new Link(file.address(bytes), null, null));
      case 1 ->
          links.put(
              name, new Link(Hdf5File.UNDEFINED, text(bytes, bytes.getShort() & 0xffff), null));
      case 64 -> {
        bytes.getShort(); // length
        bytes.get(); // version and flags
        String externalFile = text(bytes);
        links.put(name, new Link(Hdf5File.UNDEFINED, text(bytes), externalFile));
      }
      default -> {
        // a kind that only a program with a plug-in follows: as if it were not there
      }
    }
  }

  private static String text(ByteBuffer bytes, int length) {
    byte[] text = new byte[length];
    bytes.get(text);
    return new String(text, StandardCharsets.UTF_8);
  }

  /** Takes a text that ends with a zero. */
  private static String text(ByteBuffer bytes) {
    int length = 0;
    while (bytes.get(bytes.position() + length) != 0) {
      length++;
    }
    String text = text(bytes, length);
    bytes.get();
    return text;
  }

  /** The datasets of a file for a message, those behind links left out. */
  private static String listed(Hdf5File file) {
    List<String> paths = new ArrayList<>();
    list(file, file.root(), "/", paths, new HashSet<>());
    if (paths.isEmpty()) {
      return "it has no dataset.";
    }
    int more = paths.size() - MAX_LISTED;
    return "it has "
        + String.join(", ", more > 0 ? paths.subList(0, MAX_LISTED) : paths)
        + (more > 0 ? " and " + more + " more." : ".");
  }

  private static void list(
      Hdf5File file, long address, String path, List<String> paths, Set<Long> seen) {
    if (!seen.add(address)) {
      return; // a group may contain itself
    }
    try {
      Hdf5File.Header header = file.header(address);
      if (isDataset(header)) {
        paths.add(path);
      } else if (header.has(SYMBOL_TABLE) || header.has(LINK_INFO)) {
        links(file, address)
            .forEach(
                (name, link) -> {
                  if (link.soft == null) {
                    String parent = path.equals("/") ? path : path + "/";
                    list(file, link.address, parent + name, paths, seen);
                  }
                });
      }
    } catch (RuntimeException e) {
      // what is broken is not listed; it is another dataset that was asked for
    }
  }
}
