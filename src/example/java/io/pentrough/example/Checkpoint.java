package io.pentrough.example;

import io.pentrough.Position;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * A training run saved on its way: a run that goes on from it ends with the same weights, bit for
 * bit, as if it had never been interrupted.
 *
 * <p>The file, big endian: magic, version, configuration (a line of text), {@link TrainingState}
 * with the loader's {@link Position}, CRC-32 of all before. The learning rate needs no place of its
 * own: it follows from the step and the configuration.
 */
final class Checkpoint {

  private static final long MAGIC = 0x50656e7472616e0aL; // "Pentran\n"
  private static final int VERSION = 2;
  private static final int CRC_BYTES = 8;

  private Checkpoint() {}

  /**
   * Writes a checkpoint.
   *
   * @param configuration what a run that goes on from it must agree with, a few words each
   * @return null, or why it could not be written, as a sentence; an older one remains then
   */
  static @Nullable String write(OutputFile file, List<String> configuration, TrainingState state) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeLong(MAGIC);
      out.writeInt(VERSION);
      out.writeUTF(String.join("; ", configuration));
      state.write(out);
      out.writeLong(crc(bytes.toByteArray(), bytes.size()));
    } catch (IOException e) {
      throw new AssertionError("an array in memory refuses bytes", e);
    }
    return file.write(bytes::writeTo);
  }

  /**
   * Brings a state to where the checkpoint was written.
   *
   * @param configuration of this run
   * @throws BadInputException if the file is no undamaged checkpoint of such a run; the state is
   *     then of no use
   */
  static void read(Path file, List<String> configuration, TrainingState state) {
    byte[] bytes = readBytes(file);
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      in.readLong(); // the magic
      int length = bytes.length - CRC_BYTES;
      if (length < Long.BYTES + Integer.BYTES || crc(bytes, length) != storedCrc(bytes, length)) {
        throw new BadInputException(
            ("--resume " + file + " is damaged: its checksum does not fit its ")
                + (bytes.length + " bytes; resume from another copy, or start anew."));
      }
      int version = in.readInt();
      if (version != VERSION) {
        throw new BadInputException(
            ("--resume " + file + " is a checkpoint of version " + version)
                + (", but this example reads version " + VERSION + "."));
      }
      requireSame(file, List.of(in.readUTF().split("; ", -1)), configuration);
      state.read(in);
    } catch (IOException | IllegalArgumentException e) { // a good checksum on wrong content
      throw new BadInputException("--resume " + file + " is no checkpoint of this example.", e);
    }
  }

  private static byte[] readBytes(Path file) {
    InputFile.requireReadable("--resume", file);
    try (InputStream in = Files.newInputStream(file)) {
      byte[] magic = in.readNBytes(Long.BYTES); // the rest only if it is one, for it may be huge
      if (magic.length < Long.BYTES || ByteBuffer.wrap(magic).getLong() != MAGIC) {
        throw new BadInputException("--resume " + file + " is no checkpoint of this example.");
      }
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      bytes.write(magic);
      in.transferTo(bytes);
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new BadInputException("--resume " + file + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static void requireSame(Path file, List<String> saved, List<String> configuration) {
    for (int i = 0; i < configuration.size(); i++) {
      String theirs = i < saved.size() ? saved.get(i) : "nothing in its place";
      if (!theirs.equals(configuration.get(i))) {
        throw new BadInputException(
            ("--resume " + file + " is of a run with " + theirs)
                + (", but this one has " + configuration.get(i) + "."));
      }
    }
  }

  private static long crc(byte[] bytes, int length) {
    CRC32 crc = new CRC32();
    crc.update(bytes, 0, length);
    return crc.getValue();
  }

  private static long storedCrc(byte[] bytes, int at) throws IOException {
    return new DataInputStream(
            new ByteArrayInputStream(Arrays.copyOfRange(bytes, at, at + CRC_BYTES)))
        .readLong();
  }
}
