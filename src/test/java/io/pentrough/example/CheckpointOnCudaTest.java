package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.OnCuda;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint holds what the device has learned, though losses and weights come later. */
@OnCuda
@Tag("softwareDriver")
class CheckpointOnCudaTest {

  @TempDir Path folder;
  private Path volume;

  @BeforeEach
  void writeVolume() {
    byte[][][] raw = TestVolumes.raw(6, 6, 30);
    Random random = new Random(1);
    for (byte[][] slice : raw) {
      for (byte[] row : slice) {
        random.nextBytes(row);
      }
    }
    volume =
        TestVolumes.write(
            folder.resolve("v.h5"), raw, true, TestVolumes.labels(6, 6, 30, 3), 6, 6, 6);
  }

  @Test
  @DisplayName("an interrupted run ends like an uninterrupted one bit for bit")
  void interruptedAndResumed() throws Exception {
    Path whole = folder.resolve("whole");
    Path part = folder.resolve("part");
    assertEquals(0, train(0, "--checkpoint", whole));
    assertEquals(Train.INTERRUPTED, train(3, "--checkpoint", part));
    assertTrue(Files.size(part) < Files.size(whole), "not interrupted");
    assertEquals(0, train(0, "--resume", part, "--checkpoint", part));
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(part));
  }

  @Test
  @DisplayName("a killed run goes on from a regular checkpoint, and ends the same")
  void regularCheckpoints() throws Exception {
    Path whole = folder.resolve("whole");
    Path saved = folder.resolve("saved");
    assertEquals(0, train(0, "--checkpoint", whole));
    Path regular = folder.resolve("regular");
    int[] size = {0};
    assertEquals(
        0,
        train(
            () -> {
              if (Files.exists(regular) && size[0]++ == 0) {
                Files.copy(regular, saved);
              }
            },
            "--checkpoint",
            regular,
            "--checkpoint-every",
            3));
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(regular));
    assertTrue(Files.size(saved) < Files.size(whole), "saved at the end");
    assertEquals(0, train(0, "--resume", saved, "--checkpoint", saved));
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(saved));
  }

  private interface Action {
    void run() throws Exception;
  }

  /** Trains, and is interrupted after so many lines of progress, if not 0. */
  private int train(int interruptAfter, Object... args) throws Exception {
    int[] lines = {0};
    return train(
        () -> {
          if (++lines[0] == interruptAfter) {
            Thread.currentThread().interrupt();
          }
        },
        args);
  }

  private int train(Action afterLine, Object... args) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    OutputStream watched =
        new OutputStream() {
          @Override
          public void write(int b) {
            err.write(b);
            if (b == '\n') {
              try {
                afterLine.run();
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            }
          }
        };
    List<String> all =
        new ArrayList<>(
            List.of("--raw", "/raw", "--labels", "/labels", "--volume", volume.toString()));
    all.addAll(List.of("--patch", "3", "--batch", "16", "--steps", "20", "--device", "cuda"));
    for (Object arg : args) {
      all.add(arg.toString());
    }
    int code =
        Train.run(
            all.toArray(String[]::new),
            new PrintStream(out, true, UTF_8),
            new PrintStream(watched, true, UTF_8));
    assertTrue(out.toString(UTF_8).startsWith("device: cuda:0 ("), out + "" + err);
    return code;
  }
}
