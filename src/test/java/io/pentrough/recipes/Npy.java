package io.pentrough.recipes;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Files as {@code numpy.save} writes them. */
final class Npy {

  private static final int HEADER = 128;

  private Npy() {}

  /** An array of zeros whose elements have so many bytes. */
  static Path zeros(Path file, String type, int bytes, int... shape) throws IOException {
    String lengths =
        IntStream.of(shape).mapToObj(length -> length + ",").collect(Collectors.joining(" "));
    String header =
        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }".formatted(type, lengths);
    int size = IntStream.of(shape).reduce(bytes, (a, b) -> a * b);
    ByteBuffer content = ByteBuffer.allocate(HEADER + size).order(ByteOrder.LITTLE_ENDIAN);
    content.put("\u0093NUMPY\1\0".getBytes(StandardCharsets.ISO_8859_1));
    content.putShort((short) (HEADER - 10)).put(header.getBytes(StandardCharsets.US_ASCII));
    while (content.position() < HEADER - 1) {
      content.put((byte) ' ');
    }
    content.put((byte) '\n');
    return Files.write(file, content.array());
  }
}
