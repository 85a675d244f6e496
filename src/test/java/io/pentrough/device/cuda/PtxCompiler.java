package io.pentrough.device.cuda;

import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerCompile;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerCreate;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerDestroy;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetErrorLog;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetErrorLogSize;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetVersion;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.LogLevel;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/** NVIDIA's own compiler of PTX, which comes with JCuda and needs neither GPU nor driver. */
final class PtxCompiler {

  private static final String TEMPORARY = "java.io.tmpdir";

  static {
    touch();
  }

  private PtxCompiler() {}

  /**
   * Compiles a text.
   *
   * @param architecture such as sm_50
   * @return what the compiler complains of; empty if it takes the text
   */
  static String complaint(String ptx, String architecture) {
    byte[] text = (ptx + '\0').getBytes(StandardCharsets.UTF_8);
    nvPTXCompilerHandle compiler = new nvPTXCompilerHandle();
    int code = nvPTXCompilerCreate(compiler, text.length, text);
    if (code != 0) {
      throw new AssertionError("nvPTXCompilerCreate failed with " + code);
    }
    try {
      code = nvPTXCompilerCompile(compiler, 1, new String[] {"--gpu-name=" + architecture});
      return code == 0 ? "" : "code " + code + ": " + log(compiler);
    } finally {
      nvPTXCompilerDestroy(compiler);
    }
  }

  private static String log(nvPTXCompilerHandle compiler) {
    long[] size = {0};
    nvPTXCompilerGetErrorLogSize(compiler, size);
    byte[] log = new byte[(int) size[0] + 1];
    nvPTXCompilerGetErrorLog(compiler, log);
    return new String(log, StandardCharsets.UTF_8).replace("\0", "").strip();
  }

  /**
   * JCuda unpacks its library to a fixed name in the folder for temporary files and takes whatever
   * lies there, see {@link NativeLibrary}: so it gets a folder of its own for the moment.
   */
  private static void touch() {
    String usual = System.getProperty(TEMPORARY);
    try {
      Path folder = Files.createTempDirectory("pentrough-ptx-");
      try {
        System.setProperty(TEMPORARY, folder.toString());
        JNvPTXCompiler.setExceptionsEnabled(false);
        JNvPTXCompiler.setLogLevel(LogLevel.LOG_QUIET);
        nvPTXCompilerGetVersion(new int[1], new int[1]);
      } finally {
        System.setProperty(TEMPORARY, usual);
        try (DirectoryStream<Path> unpacked = Files.newDirectoryStream(folder)) {
          for (Path file : unpacked) {
            Files.delete(file);
          }
        }
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
