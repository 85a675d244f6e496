package io.pentrough.example;

import io.jhdf.HdfFile;
import io.jhdf.checksum.ChecksumUtils;
import io.jhdf.storage.HdfBackingStorage;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An HDF5 file and the parts that everything in it is made of: bytes at an address, and the
 * messages of an object's header.
 *
 * <p>jhdf opens the file and knows its structures for names. What its header says of a dataset is
 * read here, for jhdf drops some of it without a word (whether a fill value is defined, which
 * filters a chunk was spared, shared types), and with it numbers would be others.
 *
 * <p>Where the structure is damaged, methods throw unchecked exceptions of many types.
 */
final class Hdf5File implements AutoCloseable {

  /** The address of what does not exist. */
  static final long UNDEFINED = -1;

  private static final byte[] SIGNATURE = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  private static final int FIRST_USER_BLOCK = 512;

  private static final int CONTINUATION = 0x10;
  private static final int SHARED = 2; // a flag of a message
  private static final int MAX_BLOCKS = 10_000; // more blocks of a header are a circle

  private final HdfFile hdf;
  private final HdfBackingStorage storage;
  private final @Nullable FileChannel channel;
  private final @Nullable Path path;
  private final String name;
  private final List<Hdf5File> linked = new ArrayList<>();

  private Hdf5File(HdfFile hdf, @Nullable Path path, String name) {
    this.hdf = hdf;
    this.storage = hdf.getHdfBackingStorage();
    this.channel = storage.inMemory() ? null : storage.getFileChannel();
    this.path = path;
    this.name = name;
  }

  /**
   * Opens a file.
   *
   * @throws BadInputException if there is none, or if it is not a whole HDF5 file
   */
  static Hdf5File open(Path file) {
    requireReadable(file);
    try {
      requireWhole(file);
      return new Hdf5File(new HdfFile(file), file, file.toString());
    } catch (IOException e) {
      throw new BadInputException(file + " cannot be read: " + e.getMessage() + ".", e);
    } catch (BadInputException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new BadInputException(file + " is damaged: its superblock cannot be parsed.", e);
    }
  }

  /** Opens a file that lies in memory, and is known to be sound. */
  static Hdf5File open(byte[] content, String name) {
    return new Hdf5File(HdfFile.fromBytes(content), null, name);
  }

  private static void requireReadable(Path file) {
    if (Files.notExists(file)) {
      throw new BadInputException("There is no file " + file + ".");
    }
    if (Files.isDirectory(file)) {
      throw new BadInputException(file + " is a folder, but must be an HDF5 file" + advice(file));
    }
    if (!Files.isReadable(file)) {
      throw new BadInputException(file + " cannot be read: there is no permission to.");
    }
    if (!Files.isRegularFile(file)) {
      throw new BadInputException(file + " is a device, pipe or socket, but must be an HDF5 file.");
    }
  }

  private static String advice(Path folder) {
    String kind = "";
    if (holds(folder, ".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json")
        || folder.toString().endsWith(".zarr")) {
      kind = "Zarr";
    } else if (holds(folder, "attributes.json") || folder.toString().endsWith(".n5")) {
      kind = "N5";
    }
    return kind.isEmpty()
        ? "; name a file in it."
        : "; it looks like "
            + kind
            + ", whose arrays must be copied into an HDF5 file first, for example by Python's "
            + (kind.equals("Zarr") ? "zarr" : "zarr (before 3) or z5py")
            + " and h5py.";
  }

  private static boolean holds(Path folder, String... names) {
    return Arrays.stream(names).anyMatch(name -> Files.exists(folder.resolve(name)));
  }

  /** Compares with what the superblock states: nobody else notices that the end is missing. */
  private static void requireWhole(Path file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      long superblock = superblock(in);
      if (superblock < 0) {
        throw new BadInputException(
            file + " is another kind of file, or damaged: it has no HDF5 signature.");
      }
      in.seek(superblock + SIGNATURE.length);
      int version = in.readByte();
      if (version > 3) {
        throw new BadInputException(
            file
                + " has the superblock version "
                + version
                + ", which this example does not know; `h5repack --high=2 in.h5 out.h5` rewrites it"
                + " for older readers.");
      }
      // Version 2 says first how wide an address is; 0 and 1 say much more before.
      in.seek(superblock + (version >= 2 ? 9 : 13));
      int addressBytes = in.readByte();
      in.seek(superblock + 11);
      if (version == 3 && (in.readByte() & 1) != 0) {
        throw new BadInputException(
            file
                + " is open for writing, or its writer crashed: close it there, or, if nothing"
                + " writes to it any more, run `h5clear -s "
                + file.getFileName()
                + "`.");
      }
      in.seek(superblock + (version >= 2 ? 12 : version == 1 ? 28 : 24) + 2L * addressBytes);
      byte[] stated = new byte[addressBytes];
      in.readFully(stated);
      long length = unsigned(ByteBuffer.wrap(stated), addressBytes);
      if (in.length() < length) {
        throw new BadInputException(
            file
                + " is truncated: it has "
                + in.length()
                + " bytes, but should have "
                + length
                + ".");
      }
    } catch (EOFException e) {
      throw new BadInputException(file + " is truncated: it ends within its superblock.", e);
    }
  }

  /** Where the superblock is: at the start, or behind a user block; negative if nowhere. */
  private static long superblock(RandomAccessFile in) throws IOException {
    byte[] found = new byte[SIGNATURE.length];
    for (long at = 0;
        at + SIGNATURE.length <= in.length();
        at = at == 0 ? FIRST_USER_BLOCK : 2 * at) {
      in.seek(at);
      in.readFully(found);
      if (Arrays.equals(found, SIGNATURE)) {
        return at;
      }
    }
    return -1;
  }

  String name() {
    return name;
  }

  /** Where it lies; null if in memory. */
  @Nullable Path path() {
    return path;
  }

  /** The address of the root group. */
  long root() {
    return hdf.getAddress();
  }

  /** For jhdf's structures. */
  HdfBackingStorage storage() {
    return storage;
  }

  /** Opens a file that a link leads to, and closes it with this one. */
  Hdf5File openLinked(Path file) {
    Hdf5File opened = open(file);
    linked.add(opened);
    return opened;
  }

  /**
   * Reads bytes.
   *
   * @return a little endian buffer of just them
   */
  ByteBuffer bytes(long address, int length) {
    long from = address + storage.getUserBlockSize();
    if (address < 0 || length < 0 || from > storage.size() - length) {
      throw new IllegalArgumentException("no " + length + " bytes at address " + address);
    }
    if (channel == null) {
      return storage.readBufferFromAddress(address, length);
    }
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    try {
      while (bytes.hasRemaining()) {
        if (channel.read(bytes, from + bytes.position()) < 0) {
          throw new IllegalArgumentException("the file has become shorter");
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
    return bytes.flip();
  }

  /** Reads bytes that end with their checksum. */
  ByteBuffer checkedBytes(long address, int length) {
    ByteBuffer bytes = bytes(address, length);
    ChecksumUtils.validateChecksum(bytes.duplicate().order(bytes.order()));
    return bytes.limit(length - Integer.BYTES);
  }

  /** Takes a signature of 4 letters from the bytes. */
  static void require(String signature, ByteBuffer bytes) {
    for (int i = 0; i < signature.length(); i++) {
      if (bytes.get() != signature.charAt(i)) {
        throw new IllegalArgumentException("no signature " + signature);
      }
    }
  }

  /** Takes an address from the bytes, which may be {@link #UNDEFINED}. */
  long address(ByteBuffer bytes) {
    int size = storage.getSizeOfOffsets();
    long address = unsigned(bytes, size);
    return size < Long.BYTES && address == (1L << (8 * size)) - 1 ? UNDEFINED : address;
  }

  /** Takes a length from the bytes; negative if there is no limit. */
  long length(ByteBuffer bytes) {
    int size = storage.getSizeOfLengths();
    long length = unsigned(bytes, size);
    return size < Long.BYTES && length == (1L << (8 * size)) - 1 ? -1 : length;
  }

  /** Takes a little endian number of up to 8 bytes from the bytes. */
  static long unsigned(ByteBuffer bytes, int size) {
    if (size > Long.BYTES) {
      throw new IllegalArgumentException("a number of " + size + " bytes");
    }
    long value = 0;
    for (int i = 0; i < size; i++) {
      value |= (bytes.get() & 0xffL) << (8 * i);
    }
    return value;
  }

  /** A message of an object's header: its content, or what leads to it if it is shared. */
  private record Message(int type, boolean shared, ByteBuffer content) {}

  /** The header of an object. */
  final class Header {

    private final List<Message> messages;

    private Header(List<Message> messages) {
      this.messages = messages;
    }

    boolean has(int type) {
      return messages.stream().anyMatch(message -> message.type == type);
    }

    /** The contents of all messages of a type, which are not of the kind that is shared. */
    List<ByteBuffer> all(int type) {
      return messages.stream()
          .filter(message -> message.type == type)
          .map(message -> message.content.duplicate().order(ByteOrder.LITTLE_ENDIAN))
          .toList();
    }

    /** The content of the one message of a type; null if there is none. */
    @Nullable ByteBuffer find(int type) {
      for (Message message : messages) {
        if (message.type == type) {
          ByteBuffer content = message.content.duplicate().order(ByteOrder.LITTLE_ENDIAN);
          return message.shared ? shared(type, content) : content;
        }
      }
      return null;
    }

    private @Nullable ByteBuffer shared(int type, ByteBuffer content) {
      int version = content.get();
      int kind = content.get();
      if (version == 3 && kind == 1) {
        throw new UnsupportedOperationException("it is kept in a table of shared messages");
      }
      if (version == 1) {
        content.position(8);
      }
      return header(Hdf5File.this.address(content)).find(type);
    }

    /** As {@link #find}, of a message that must be there. */
    ByteBuffer get(int type) {
      ByteBuffer content = find(type);
      if (content == null) {
        throw new IllegalArgumentException("no message of type " + type);
      }
      return content;
    }
  }

  /** Reads the header of the object at an address. */
  Header header(long address) {
    List<Message> messages = new ArrayList<>();
    if (bytes(address, 1).get() == 1) {
      ByteBuffer prefix = bytes(address, 16);
      int count = prefix.getShort(2) & 0xffff;
      readBlocks(bytes(address + 16, prefix.getInt(8)), 1, 0, count, messages);
    } else {
      ByteBuffer prefix = bytes(address, 6);
      require("OHDR", prefix);
      int flags = prefix.get(5);
      int start = 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0);
      int sizeBytes = 1 << (flags & 3);
      int size = Math.toIntExact(unsigned(bytes(address + start, sizeBytes), sizeBytes));
      start += sizeBytes;
      ByteBuffer block = checkedBytes(address, Math.addExact(start + Integer.BYTES, size));
      readBlocks(block.position(start), 2, flags, Integer.MAX_VALUE, messages);
    }
    return new Header(messages);
  }

  private void readBlocks(
      ByteBuffer first, int version, int flags, int count, List<Message> messages) {
    Deque<ByteBuffer> blocks = new ArrayDeque<>(List.of(first));
    boolean ordered = version == 2 && (flags & 4) != 0;
    int prefixBytes = version == 1 ? 8 : ordered ? 6 : 4;
    for (int read = 0; !blocks.isEmpty(); read++) {
      if (read == MAX_BLOCKS) {
        throw new IllegalArgumentException("a header in a circle");
      }
      ByteBuffer block = blocks.remove();
      while (block.remaining() >= prefixBytes && messages.size() < count) {
        int type = version == 1 ? block.getShort() & 0xffff : block.get() & 0xff;
        int size = block.getShort() & 0xffff;
        int messageFlags = block.get();
        block.position(block.position() + (version == 1 ? 3 : ordered ? 2 : 0));
        ByteBuffer content = block.slice(block.position(), size).order(ByteOrder.LITTLE_ENDIAN);
        block.position(block.position() + size);
        messages.add(new Message(type, (messageFlags & SHARED) != 0, content));
        if (type == CONTINUATION) {
          long address = address(content.duplicate().order(ByteOrder.LITTLE_ENDIAN));
          ByteBuffer rest = content.duplicate().order(ByteOrder.LITTLE_ENDIAN);
          int length = Math.toIntExact(length(rest.position(storage.getSizeOfOffsets())));
          if (version == 1) {
            blocks.add(bytes(address, length));
          } else {
            ByteBuffer next = checkedBytes(address, length);
            require("OCHK", next);
            blocks.add(next);
          }
        }
      }
    }
  }

  @Override
  public void close() {
    linked.forEach(Hdf5File::close);
    hdf.close();
  }
}
