package io.pentrough.example;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the header of a dataset says: its shape and type, where its elements lie, and how. */
final class Hdf5Dataset {

  private static final int DATASPACE = 1;
  private static final int DATATYPE = 3;
  private static final int OLD_FILL_VALUE = 4;
  private static final int FILL_VALUE = 5;
  private static final int EXTERNAL_FILES = 7;
  private static final int LAYOUT = 8;
  private static final int FILTERS = 11;

  private static final int NEVER_FILLED = 1; // a fill time

  private final Hdf5File file;
  private final String described;
  private final Hdf5Type type;
  private final long[] shape;
  private final long[] maxShape;
  private final boolean absent;
  private final Layout layout;
  private final List<Filter> filters;
  private final @Nullable ByteBuffer fill;
  private final boolean filled;

  /** Where the elements lie. */
  sealed interface Layout {}

  /** In the header itself. */
  record Compact(ByteBuffer elements) implements Layout {}

  /** In one piece, or nowhere yet. */
  record Contiguous(long address) implements Layout {}

  /** In chunks. */
  static final class Chunked implements Layout {

    /** The shape of a chunk. */
    final int[] shape;

    /** What kind of index finds the chunks, see {@link ChunkIndex}. */
    final int index;

    /** The address of the index; undefined if there is no chunk yet. */
    final long address;

    /** Whether chunks that reach beyond the dataset have not been filtered. */
    final boolean plainEdges;

    /** The one chunk that needs no index, if it has been filtered. */
    final ChunkIndex.@Nullable Chunk single;

    private Chunked(
        int[] shape,
        int index,
        long address,
        boolean plainEdges,
        ChunkIndex.@Nullable Chunk single) {
      this.shape = shape;
      this.index = index;
      this.address = address;
      this.plainEdges = plainEdges;
      this.single = single;
    }
  }

  /**
   * A filter that chunks have been through.
   *
   * @param parameter the first of its parameters when they were written; 0 if it has none
   */
  record Filter(int id, String name, int parameter) {}

  /**
   * Reads the header of a dataset.
   *
   * @param described names it, for messages
   * @throws BadInputException if its elements are kept in a way that cannot be read here
   */
  Hdf5Dataset(Hdf5File file, long address, String described) {
    this.file = file;
    this.described = described;
    Hdf5File.Header header = file.header(address);
    this.type = Hdf5Type.of(header.get(DATATYPE));
    ByteBuffer space = header.get(DATASPACE);
    int version = space.get();
    int rank = space.get();
    boolean limited = (space.get() & 1) != 0;
    this.absent = version == 2 && space.get(3) == 2;
    space.position(version == 1 ? 8 : 4);
    this.shape = lengths(space, rank);
    this.maxShape = limited ? lengths(space, rank) : shape;
    if (header.has(EXTERNAL_FILES)) {
      throw new BadInputException(
          described
              + " has its data in external files, which this example does not read; with those"
              + " files in place, `h5repack -l CONTI in.h5 out.h5` copies the data into one file.");
    }
    this.layout = layout(header.get(LAYOUT));
    this.filters = filters(header.find(FILTERS));
    ByteBuffer fillMessage = header.find(FILL_VALUE);
    ByteBuffer oldFill = header.find(OLD_FILL_VALUE);
    if (fillMessage != null) {
      int fillVersion = fillMessage.get();
      int flags = fillMessage.get();
      int time;
      boolean defined;
      boolean stated;
      if (fillVersion == 3) {
        time = (flags >> 2) & 3;
        defined = (flags & 0x10) == 0;
        stated = (flags & 0x20) != 0;
      } else {
        time = fillMessage.get();
        defined = fillMessage.get() != 0;
        stated = defined || fillVersion == 1;
      }
      this.fill = stated ? sized(fillMessage) : null;
      this.filled = defined && time != NEVER_FILLED;
    } else {
      this.fill = oldFill == null ? null : sized(oldFill);
      this.filled = true;
    }
  }

  private long[] lengths(ByteBuffer message, int rank) {
    long[] lengths = new long[rank];
    for (int i = 0; i < rank; i++) {
      lengths[i] = file.length(message); // all bits set is without limit
    }
    return lengths;
  }

  /** What follows its own length; null if that is nothing. */
  private static @Nullable ByteBuffer sized(ByteBuffer message) {
    int size = message.getInt();
    return size <= 0 ? null : message.slice(message.position(), size);
  }

  private Layout layout(ByteBuffer message) {
    int version = message.get();
    if (version < 1 || version > 5) {
      throw new BadInputException(
          described
              + " has the layout version "
              + version
              + ", which this example does not know; `h5repack --high=1 in.h5 out.h5` rewrites it"
              + " for older readers.");
    }
    if (version < 3) {
      int rank = message.get();
      int kind = message.get();
      message.position(8);
      long address = kind == 0 ? Hdf5File.UNDEFINED : file.address(message);
      int[] sizes = ints(message, rank, Integer.BYTES);
      return switch (kind) {
        case 0 -> new Compact(compact(message, message.getInt()));
        case 1 -> new Contiguous(address);
        default -> new Chunked(chunkShape(sizes), 0, address, false, null);
      };
    }
    int kind = message.get();
    return switch (kind) {
      case 0 -> new Compact(compact(message, message.getShort() & 0xffff));
      case 1 -> new Contiguous(file.address(message));
      case 2 -> version == 3 ? chunkedByTree(message) : chunkedByIndex(message);
      case 3 ->
          throw new BadInputException(
              described
                  + " is virtual: it shows other datasets, which this example does not follow;"
                  + " `h5repack -l CONTI in.h5 out.h5` copies their data into one file.");
      default ->
          throw new BadInputException(
              described + " has the unknown layout " + kind + ", which this example cannot read.");
    };
  }

  private static ByteBuffer compact(ByteBuffer message, int size) {
    return message.slice(message.position(), size);
  }

  private Chunked chunkedByTree(ByteBuffer message) {
    int rank = message.get();
    long address = file.address(message);
    return new Chunked(chunkShape(ints(message, rank, Integer.BYTES)), 0, address, false, null);
  }

  private Chunked chunkedByIndex(ByteBuffer message) {
    int flags = message.get();
    int rank = message.get();
    int sizeBytes = message.get();
    int[] chunk = chunkShape(ints(message, rank, sizeBytes));
    int index = message.get();
    ChunkIndex.Chunk single = null;
    int parameters = // which the index repeats
        switch (index) {
          case ChunkIndex.FIXED_ARRAY -> 1;
          case ChunkIndex.EXTENSIBLE_ARRAY -> 5;
          case ChunkIndex.TREE_2 -> 6;
          default -> 0;
        };
    message.position(message.position() + parameters);
    if (index == ChunkIndex.SINGLE && (flags & 2) != 0) {
      int size = Math.toIntExact(file.length(message));
      int skipped = message.getInt();
      long address = file.address(message);
      single = new ChunkIndex.Chunk(address, size, skipped);
      return new Chunked(chunk, index, address, (flags & 1) != 0, single);
    }
    return new Chunked(chunk, index, file.address(message), (flags & 1) != 0, null);
  }

  /** Of the sizes in a layout message, whose last is that of an element. */
  private int[] chunkShape(int[] sizes) {
    if (sizes.length != shape.length + 1 || sizes[shape.length] != type.bytes()) {
      throw new IllegalArgumentException("chunks do not fit the shape or type");
    }
    int[] chunk = Arrays.copyOf(sizes, shape.length);
    for (int extent : chunk) {
      if (extent < 1) {
        throw new IllegalArgumentException("a chunk of extent " + extent);
      }
    }
    return chunk;
  }

  private static int[] ints(ByteBuffer message, int count, int bytesEach) {
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = Math.toIntExact(Hdf5File.unsigned(message, bytesEach));
    }
    return values;
  }

  private static List<Filter> filters(@Nullable ByteBuffer message) {
    if (message == null) {
      return List.of();
    }
    int version = message.get();
    int count = message.get();
    message.position(version == 1 ? 8 : 2);
    List<Filter> filters = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int id = message.getShort() & 0xffff;
      int nameBytes = version == 1 || id >= 256 ? message.getShort() & 0xffff : 0;
      message.getShort(); // flags
      int parameters = message.getShort() & 0xffff;
      byte[] name = new byte[nameBytes];
      message.get(name);
      int first = parameters == 0 ? 0 : message.getInt(message.position());
      int padding = version == 1 ? parameters % 2 : 0;
      message.position(message.position() + Integer.BYTES * (parameters + padding));
      filters.add(
          new Filter(id, new String(name, StandardCharsets.UTF_8).replace("\0", ""), first));
    }
    return filters;
  }

  Hdf5File file() {
    return file;
  }

  /** Names it and its file. */
  String described() {
    return described;
  }

  Hdf5Type type() {
    return type;
  }

  /** Whether it has no shape, not even that of a single value. */
  boolean isAbsent() {
    return absent;
  }

  long[] shape() {
    return shape;
  }

  /** How large it may grow; negative where that is not limited. */
  long[] maxShape() {
    return maxShape;
  }

  Layout layout() {
    return layout;
  }

  List<Filter> filters() {
    return filters;
  }

  /**
   * The element where none was ever written.
   *
   * @throws BadInputException if nothing says what it is
   */
  long fillValue() {
    if (!filled) {
      throw new BadInputException(
          described
              + " has parts that were never written, and defines no fill value for them; write"
              + " them, or create it with a fill value.");
    }
    if (fill == null) {
      return 0;
    }
    long[] value = new long[1];
    type.decode(fill.duplicate(), 0, value, 0, 1);
    return value[0];
  }
}
