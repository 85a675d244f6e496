package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pentrough.testkit.Exhaustive;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** HDF5 files of many kinds: the numbers that h5py reads, or a sentence that says why not. */
class Hdf5CasesTest {

  private static final Path CASES = resource("/hdf5/cases.csv");

  @TempDir Path folder;

  private static Path resource(String name) {
    try {
      return Path.of(Objects.requireNonNull(Hdf5CasesTest.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  static Stream<Arguments> cases() throws IOException {
    return Files.readAllLines(CASES, UTF_8).stream()
        .map(line -> Arguments.of((Object[]) line.split(";", -1)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void readsWhatH5pyReadsOrSaysWhyNot(String name, String dataset, String expected, String words) {
    Path file = CASES.resolveSibling(name);
    if (!expected.equals("refused")) {
      assertEquals(expected, checksum(file, dataset));
      return;
    }
    String raw = name.startsWith("links") ? "volumes/raw" : "raw";
    BadInputException refused =
        assertThrows(BadInputException.class, () -> VolumeReader.read(file, raw, dataset));
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.contains(file.toString()), message);
    assertTrue(message.contains(dataset) || name.equals("open.h5"), message);
    for (String word : words.split("\\|", -1)) {
      assertTrue(message.contains(word), () -> "no \"" + word + "\" in: " + message);
    }
    if (!words.contains("signature")) {
      assertFalse(message.contains("damaged"), message);
    }
    assertEquals(1, message.lines().count(), message);
  }

  private static String checksum(Path file, String path) {
    try (Hdf5File hdf = Hdf5File.open(file)) {
      Hdf5Links.Found found = Hdf5Links.dataset(hdf, path);
      Hdf5Dataset dataset = new Hdf5Dataset(found.file(), found.address(), path);
      PlaneReader reader = new PlaneReader(dataset);
      int depth = (int) dataset.shape()[0];
      int plane = (int) (dataset.shape()[1] * dataset.shape()[2]);
      long[] values = new long[reader.planesAtOnce() * plane];
      CRC32 checksum = new CRC32();
      for (int z = 0; z < depth; z += reader.planesAtOnce()) {
        int planes = Math.min(reader.planesAtOnce(), depth - z);
        reader.read(z, planes, values);
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * planes * plane);
        bytes.asLongBuffer().put(values, 0, planes * plane);
        checksum.update(bytes.array());
      }
      return String.format("%08x", checksum.getValue());
    }
  }

  @Test
  void labelsMayBeBooleans() {
    Volume volume = VolumeReader.read(CASES.resolveSibling("types.h5"), "raw", "bool");

    assertEquals(2, volume.classCount());
    for (int i = 0; i < volume.classes.length; i++) {
      assertEquals(i % 3 == 1 ? 1 : 0, volume.classes[i]);
    }
  }

  @Test
  void saysWhatAFolderIs() throws IOException {
    Path zarr = Files.createDirectory(folder.resolve("x.zarr"));
    assertRefused(zarr, "is a folder", "Zarr", "copied into an HDF5 file");
    Path hidden = Files.createDirectory(folder.resolve("volume"));
    Files.writeString(hidden.resolve("zarr.json"), "{}");
    assertRefused(hidden, "is a folder", "Zarr");
    assertRefused(Files.createDirectory(folder.resolve("x.n5")), "is a folder", "N5");
    assertRefused(folder, "is a folder", "name a file in it");
  }

  @Test
  void saysThatAFileIsNoHdf5() throws IOException {
    assertRefused(Files.createFile(folder.resolve("empty.h5")), "no HDF5 signature");
    assertRefused(Files.writeString(folder.resolve("text.h5"), "x".repeat(3000)), "signature");
    byte[] start = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0, 0};
    assertRefused(Files.write(folder.resolve("cut.h5"), start), "is truncated");
    start[8] = 9;
    assertRefused(Files.write(folder.resolve("newer.h5"), start), "the superblock version 9");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where only administrators may make symbolic links
  void followsASymbolicLinkToTheVolume() throws IOException {
    Path link =
        Files.createSymbolicLink(folder.resolve("link.h5"), CASES.resolveSibling("links.h5"));
    assertEquals(checksum(CASES.resolveSibling("links.h5"), "out"), checksum(link, "out"));
    assertRefused(
        Files.createSymbolicLink(folder.resolve("dead.h5"), Path.of("gone.h5")),
        "There is no file");
    Path pipe = folder.resolve("device.h5");
    assertRefused(Files.createSymbolicLink(pipe, Path.of("/dev/zero")), "is a device");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void saysThatAFileMayNotBeRead() throws IOException {
    Path file = Files.copy(CASES.resolveSibling("userblock.h5"), folder.resolve("secret.h5"));
    Files.setPosixFilePermissions(file, Set.of());
    assumeTrue(!Files.isReadable(file), "root may read anything");
    assertRefused(file, "permission");
  }

  private static void assertRefused(Path file, String... words) {
    BadInputException refused =
        assertThrows(BadInputException.class, () -> VolumeReader.read(file, "raw", "labels"));
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.contains(file.toString()), message);
    for (String word : words) {
      assertTrue(message.contains(word), message);
    }
  }

  /** An external file that is cut is as bad as the file itself. */
  @Test
  void checksFilesBehindLinksToo() throws IOException {
    Path file = Files.copy(CASES.resolveSibling("links.h5"), folder.resolve("links.h5"));
    byte[] linked = Files.readAllBytes(CASES.resolveSibling("linked.h5"));
    Files.write(folder.resolve("linked.h5"), Arrays.copyOf(linked, linked.length - 9));
    BadInputException refused =
        assertThrows(BadInputException.class, () -> VolumeReader.read(file, "volumes/raw", "out"));
    assertTrue(String.valueOf(refused.getMessage()).contains("is truncated"));
  }

  /** Whatever is spoilt, it ends soon, and in a volume or a refusal. */
  @ParameterizedTest
  @MethodSource("spoilt")
  @Timeout(value = 60, unit = TimeUnit.SECONDS)
  void endsInOrderWhateverIsSpoilt(String name, String dataset) throws IOException {
    byte[] whole = Files.readAllBytes(CASES.resolveSibling(name));
    SplittableRandom random = new SplittableRandom(7);
    Path file = folder.resolve("spoilt.h5");
    int refused = 0;
    for (int i = 0; i < Exhaustive.count(60, 200); i++) {
      byte[] spoilt = whole.clone();
      for (int b = random.nextInt(1, 20); b > 0; b--) {
        spoilt[random.nextInt(spoilt.length)] =
            (byte) (random.nextBoolean() ? 0xff : random.nextInt(256));
      }
      Files.write(file, spoilt);
      try {
        VolumeReader.read(file, "raw", dataset);
      } catch (BadInputException e) {
        assertEquals(1, String.valueOf(e.getMessage()).lines().count(), e.getMessage());
        refused++;
      }
    }
    assertTrue(refused > 0, "nothing was spoilt");
  }

  static Stream<Arguments> spoilt() {
    return Stream.of(
        Arguments.of("newest.h5", "grows"),
        Arguments.of("userblock.h5", "labels"),
        Arguments.of("short_addresses.h5", "labels"),
        Arguments.of("links_latest.h5", "many/link37"));
  }
}
