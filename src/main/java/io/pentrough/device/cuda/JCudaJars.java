package io.pentrough.device.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What there is of JCuda: its classes, its version, and the files in its jars. Initialises no class
 * that loads a library, so looking changes nothing for later.
 *
 * <p>The jar with the natives has no classes. It may lie where a class loader sees it that does not
 * know JCuda, or in a module of its own, where JCuda itself would not find it.
 */
final class JCudaJars {

  private static final String DRIVER = "jcuda.driver.JCudaDriver";
  private static final String NATIVES = "META-INF/maven/org.jcuda/jcuda-natives/pom.properties";

  private JCudaJars() {}

  /** Whether Pentrough's class loader sees JCuda. */
  static boolean arePresent() {
    return hasClass(ownLoader());
  }

  /** Whether JCuda is there for the application, seen from the calling thread. */
  static boolean arePresentForThread() {
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    return loader != null && hasClass(loader);
  }

  private static boolean hasClass(@Nullable ClassLoader loader) {
    try {
      Class.forName(DRIVER, false, loader);
      return true;
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }

  /** JCuda's class for the driver; only where there is JCuda. */
  static Class<?> driver() {
    try {
      return Class.forName(DRIVER, false, ownLoader());
    } catch (ClassNotFoundException e) {
      throw new NoCuda("JCuda is not on the class path; add org.jcuda:jcuda", e);
    }
  }

  /** The version of the JCuda that Pentrough sees; null if it is too old to contain one. */
  static @Nullable String version() {
    return versionSeenBy(ownLoader());
  }

  /** The version of the JCuda that a class of JCuda's sees; null if that is too old to have one. */
  static @Nullable String versionFor(Class<?> binding) {
    return versionSeenBy(binding.getClassLoader());
  }

  private static @Nullable String versionSeenBy(@Nullable ClassLoader loader) {
    try {
      Class<?> version = Class.forName("jcuda.JCudaVersion", true, loader);
      return (String) version.getMethod("get").invoke(null);
    } catch (ReflectiveOperationException | LinkageError e) {
      return null;
    }
  }

  /** Makes JCuda load one of its libraries for the class loader of a class of JCuda's. */
  static void loadLibrary(Class<?> binding, String name) throws ReflectiveOperationException {
    try {
      Class.forName("jcuda.LibUtils", true, binding.getClassLoader())
          .getMethod("loadLibrary", String.class, String[].class)
          .invoke(null, name, new String[0]);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof LinkageError unlinked) {
        throw unlinked;
      }
      throw e;
    }
  }

  static boolean hasFile(Class<?> near, String name) {
    return loaders(near).anyMatch(loader -> loader.getResource(name) != null)
        || modules(near).anyMatch(module -> isIn(module, name));
  }

  private static boolean isIn(Module module, String name) {
    try (InputStream in = module.getResourceAsStream(name)) {
      return in != null;
    } catch (IOException e) {
      return false;
    }
  }

  /** The content of a file; null if no jar has it. */
  static byte @Nullable [] read(Class<?> near, String name) throws IOException {
    for (ClassLoader loader : loaders(near).toList()) {
      try (InputStream in = loader.getResourceAsStream(name)) {
        if (in != null) {
          return in.readAllBytes();
        }
      }
    }
    for (Module module : modules(near).toList()) {
      try (InputStream in = module.getResourceAsStream(name)) {
        if (in != null) {
          return in.readAllBytes();
        }
      }
    }
    return null;
  }

  /** The versions of the natives that can be seen, as far as their jars say. */
  static List<String> nativesVersions() {
    Set<String> versions = new LinkedHashSet<>();
    for (ClassLoader loader : loaders(JCudaJars.class).toList()) {
      try {
        for (URL url : (Iterable<URL>) loader.resources(NATIVES)::iterator) {
          Properties properties = new Properties();
          try (InputStream in = url.openStream()) {
            properties.load(in);
          }
          versions.add(properties.getProperty("version"));
        }
      } catch (IOException e) {
        // They are named in a message only.
      }
    }
    versions.remove(null);
    return List.copyOf(versions);
  }

  /** Where to look, the nearest first. */
  private static Stream<ClassLoader> loaders(Class<?> near) {
    return Stream.of(
            near.getClassLoader(),
            ownLoader(),
            Thread.currentThread().getContextClassLoader(),
            ClassLoader.getSystemClassLoader())
        .filter(Objects::nonNull)
        .distinct();
  }

  /** The modules of a layer of the application, which may have a class loader each. */
  private static Stream<Module> modules(Class<?> near) {
    return Stream.of(near.getModule().getLayer(), JCudaJars.class.getModule().getLayer())
        .filter(layer -> layer != null && layer != ModuleLayer.boot())
        .distinct()
        .flatMap(layer -> layer.modules().stream());
  }

  private static ClassLoader ownLoader() {
    return JCudaJars.class.getClassLoader();
  }
}
