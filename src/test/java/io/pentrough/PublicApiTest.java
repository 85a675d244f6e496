package io.pentrough;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The public API beside the committed listing. A line that is gone or changed breaks programs that
 * were compiled against it; a new abstract method of an interface breaks who implements it. So the
 * listing changes on purpose only: {@code mvn test -Dtest=PublicApiTest -Dpentrough.api=write}.
 */
@Tag("sources")
class PublicApiTest {

  private static final Path LISTING = Path.of("src/test/resources/io/pentrough/public-api.txt");

  @Test
  void isAsListed() throws Exception {
    List<String> now = listing();
    if ("write".equals(System.getProperty("pentrough.api"))) {
      Files.write(LISTING, now);
    }
    List<String> before = Files.readAllLines(LISTING);
    assertEquals(List.of(), without(before, now), "gone or changed: see the comment of this test");
    assertEquals(List.of(), without(now, before), "new: see the comment of this test");
    assertTrue(now.size() > 500, "it looks at " + now.size() + " lines only");
  }

  private static List<String> without(List<String> all, List<String> others) {
    Set<String> left = new TreeSet<>(all);
    others.forEach(left::remove);
    return List.copyOf(left);
  }

  private static List<String> listing() throws IOException, URISyntaxException {
    Path classes =
        Path.of(BatchLoader.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Set<String> lines = new TreeSet<>();
    try (Stream<Path> files = Files.walk(classes)) {
      files
          .map(file -> classes.relativize(file).toString())
          .filter(name -> name.endsWith(".class") && !name.contains("-info"))
          .map(name -> name.substring(0, name.length() - 6).replace('/', '.').replace('\\', '.'))
          .map(PublicApiTest::load)
          .filter(PublicApiTest::isPublic)
          .forEach(type -> list(type, lines));
    }
    return List.copyOf(lines);
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name, false, PublicApiTest.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
  }

  /** Whether other packages see it. */
  private static boolean isPublic(Class<?> type) {
    Class<?> outer = type.getEnclosingClass();
    return isVisible(type.getModifiers())
        && !type.isSynthetic()
        && !type.isAnonymousClass()
        && (outer == null || isPublic(outer));
  }

  private static boolean isVisible(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  private static void list(Class<?> type, Set<String> lines) {
    String name = type.getName();
    String kind =
        type.isInterface() ? "" : type.isRecord() ? "record " : type.isEnum() ? "enum " : "class ";
    lines.add(
        name
            + " : "
            + Modifier.toString(type.getModifiers() & ~Modifier.STATIC)
            + " "
            + kind
            + (type.getSuperclass() == null ? "" : "extends " + type.getSuperclass().getName())
            + Arrays.stream(type.getInterfaces()).map(i -> " " + i.getName()).collect(joining()));
    for (Field field : type.getDeclaredFields()) {
      if (isListed(field)) {
        lines.add(line(name, field, field.getType().getTypeName() + " " + field.getName()));
      }
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      if (isListed(constructor)) {
        lines.add(line(name, constructor, "new" + parameters(constructor)));
      }
    }
    // Those of a superclass that others do not see are as its own.
    for (Class<?> at = type; at != null && (at == type || !isPublic(at)); at = at.getSuperclass()) {
      for (Method method : at.getDeclaredMethods()) {
        if (isListed(method)) {
          String returned = method.getReturnType().getTypeName();
          lines.add(line(name, method, returned + " " + method.getName() + parameters(method)));
        }
      }
    }
  }

  private static boolean isListed(Member member) {
    return isVisible(member.getModifiers()) && !member.isSynthetic();
  }

  private static String line(String type, Member member, String what) {
    int shown = member.getModifiers() & ~Modifier.SYNCHRONIZED & ~Modifier.NATIVE;
    if (member instanceof Executable) { // bits that mean other things there
      shown &= ~Modifier.TRANSIENT & ~Modifier.VOLATILE;
    }
    return type + " " + Modifier.toString(shown) + " " + what;
  }

  private static String parameters(Executable of) {
    return Arrays.stream(of.getParameterTypes())
        .map(Class::getTypeName)
        .collect(joining(", ", "(", ")"));
  }
}
