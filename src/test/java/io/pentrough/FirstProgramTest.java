package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The two files of docs/first-program.md, which {@code .ci/consumer/check.sh} builds by Maven. */
class FirstProgramTest {

  private static final Path PAGE = Path.of("docs/first-program.md");
  private static final Path PROJECT = Path.of(".ci/consumer");

  @TempDir private Path folder;

  private static String block(String opening) throws Exception {
    String page = Files.readString(PAGE);
    int begin = page.indexOf(opening) + opening.length();
    return page.substring(begin, page.indexOf("```", begin));
  }

  @Test
  @DisplayName("the pom is the one that is built, and asks for this version")
  void pom() throws Exception {
    assertEquals(Files.readString(PROJECT.resolve("pom.xml")), block("```\n"));
    String own = Files.readString(Path.of("pom.xml"));
    int begin = own.indexOf("<version>");
    String version = own.substring(begin, own.indexOf("\n", begin));
    assertTrue(block("```\n").contains("<artifactId>pentrough</artifactId>\n      " + version));
  }

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("the program compiles as it is pasted, and ends with the line that the page shows")
  void program() throws Exception {
    Path source = Files.writeString(folder.resolve("Main.java"), block("```java\n"));
    assertEquals(
        Files.readString(PROJECT.resolve("src/main/java/Main.java")),
        "// [main]\n" + Files.readString(source) + "// [/main]\n");
    String classPath = System.getProperty("java.class.path");
    int result =
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, "-cp", classPath, "-d", folder.toString(), source.toString());
    assertEquals(0, result, "javac");

    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try (URLClassLoader classes = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
      Method main = classes.loadClass("Main").getMethod("main", String[].class);
      main.invoke(null, (Object) new String[0]);
    } finally {
      System.setOut(out);
    }
    List<String> lines = printed.toString(StandardCharsets.UTF_8).lines().toList();
    assertTrue(Files.readString(PAGE).contains("    " + lines.get(lines.size() - 1) + "\n"));
  }
}
