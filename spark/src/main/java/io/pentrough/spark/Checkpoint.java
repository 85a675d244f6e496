package io.pentrough.spark;

import io.pentrough.Position;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * What one entry of the store holds: where the data go on, and the state of the training there.
 *
 * <p>Big endian: magic, version, the job's name, attempt, number, position, state, CRC-32C of all
 * before. Strings and states have their length in front.
 */
final class Checkpoint {

  private static final long MAGIC = 0x50656e7463686b0aL; // "Pentchk\n"
  private static final int VERSION = 1;

  /** Half of what an array can hold, so that an entry is an array too. */
  private static final int MAX_STATE = 1 << 30;

  final int attempt;
  final int number;
  final Position position;
  final byte[] state;

  /**
   * A checkpoint.
   *
   * @param attempt of the job, from 1
   * @param number from 1, counted through all attempts
   * @param position of the whole
   * @param state the user's
   */
  Checkpoint(int attempt, int number, Position position, byte[] state) {
    this.attempt = attempt;
    this.number = number;
    this.position = position;
    this.state = state;
  }

  CheckpointName name() {
    return new CheckpointName(attempt, number);
  }

  /**
   * The content of the entry.
   *
   * @throws RefusedException if the state is too large
   */
  byte[] encode(String job) {
    requireSize(state.length);
    byte[] owner = job.getBytes(StandardCharsets.UTF_8);
    byte[] where = position.toString().getBytes(StandardCharsets.US_ASCII);
    // Of its exact size, as a growing one would need the memory several times.
    ByteBuffer out =
        ByteBuffer.allocate(
            2 * Long.BYTES + 6 * Integer.BYTES + owner.length + where.length + state.length);
    out.putLong(MAGIC).putInt(VERSION);
    out.putInt(owner.length).put(owner);
    out.putInt(attempt).putInt(number);
    out.putInt(where.length).put(where);
    out.putInt(state.length).put(state);
    out.putLong(crc(out.array(), out.position()));
    return out.array();
  }

  static void requireSize(int state) {
    if (state > MAX_STATE) {
      throw new RefusedException(
          "a state has " + state + " bytes, but a checkpoint holds at most " + MAX_STATE);
    }
  }

  /**
   * Reads what {@link #encode} has written.
   *
   * @param where the entry, for messages
   * @throws RefusedException if it is damaged, or no checkpoint of this job
   */
  static Checkpoint decode(byte[] bytes, CheckpointName name, String job, String where) {
    if (bytes.length < Long.BYTES || ByteBuffer.wrap(bytes).getLong() != MAGIC) {
      throw new RefusedException(
          where
              + " is no checkpoint of Pentrough; move it away, or give the job a store of its own");
    }
    int length = bytes.length - Long.BYTES;
    if (length < Long.BYTES + Integer.BYTES
        || crc(bytes, length) != ByteBuffer.wrap(bytes).getLong(length)) {
      throw damaged(where, bytes.length);
    }
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes, 0, length))) {
      in.readLong(); // the magic
      int version = in.readInt();
      if (version != VERSION) {
        throw new RefusedException(
            where + " is of format " + version + ", but this Pentrough reads format " + VERSION);
      }
      String theirs = new String(readBytes(in), StandardCharsets.UTF_8);
      if (!theirs.equals(job)) {
        throw new RefusedException(
            where
                + (" is of the job '" + theirs + "', but this is '" + job)
                + "'; give each job a store of its own");
      }
      Checkpoint read =
          new Checkpoint(
              in.readInt(),
              in.readInt(),
              Position.parse(new String(readBytes(in), StandardCharsets.US_ASCII)),
              readBytes(in));
      if (!read.name().equals(name)) {
        throw new RefusedException(
            where + " was renamed: it is " + read.name() + "; give it its name back, or delete it");
      }
      return read;
    } catch (IOException | IllegalArgumentException e) { // such as a position of a later version
      throw new RefusedException(
          (where + " is whole, but cannot be read: " + e.getMessage() + "; use the Pentrough that")
              + " has written it, or delete it, and the job goes on from an older one",
          e);
    }
  }

  private static RefusedException damaged(String where, int bytes) {
    return new RefusedException(
        (where + " is damaged: its checksum does not fit its " + bytes + " bytes; delete it, and")
            + " the job goes on from an older one, if there is one");
  }

  private static byte[] readBytes(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > in.available()) {
      throw new IOException("a length of " + length);
    }
    return in.readNBytes(length);
  }

  private static long crc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return crc.getValue();
  }
}
