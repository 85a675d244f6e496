package io.pentrough.device;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Kernels for any device: the PTX text for CUDA, and for each kernel a twin in Java for the host.
 *
 * <p>Immutable; may be used from any thread and loaded on any number of devices.
 */
public final class KernelSource {

  private static final Pattern COMMENT = Pattern.compile("//[^\n]*|/\\*.*?\\*/", Pattern.DOTALL);
  private static final Pattern ENTRY =
      Pattern.compile("\\.entry\\s+([\\w$%]+)\\s*(?:\\(([^)]*)\\))?");
  private static final Pattern PARAMETER =
      Pattern.compile(
          "\\s*\\.param\\s*(?:\\.align\\s+\\d+\\s*)?\\.(\\w+)(\\s*\\.ptr[^,]*?)?\\s+([\\w$%]+)\\s*(\\[[^,]*)?");

  private final String name;
  private final String ptx;
  private final Map<String, List<KernelParameter>> kernels;
  private final Map<String, HostKernel> twins;

  private KernelSource(
      String name,
      String ptx,
      Map<String, List<KernelParameter>> kernels,
      Map<String, HostKernel> twins) {
    this.name = name;
    this.ptx = ptx;
    this.kernels = kernels;
    this.twins = twins;
  }

  /**
   * Kernels from a text.
   *
   * @param name for messages
   * @param ptx the text, as nvcc makes it with {@code -ptx}; see the guide for its header
   * @return kernels without twins
   * @throws IllegalArgumentException if it has no kernel, or one with a parameter that is neither a
   *     pointer nor a 32-bit or 64-bit number
   */
  public static KernelSource of(String name, String ptx) {
    Objects.requireNonNull(name, "name");
    Map<String, List<KernelParameter>> kernels = new LinkedHashMap<>();
    Matcher entry =
        ENTRY.matcher(COMMENT.matcher(Objects.requireNonNull(ptx, "ptx")).replaceAll(" "));
    while (entry.find()) {
      kernels.put(entry.group(1), parameters(name, entry.group(1), entry.group(2)));
    }
    if (kernels.isEmpty()) {
      throw new IllegalArgumentException(
          name
              + " has no kernel: there is no .entry in its PTX (extern \"C\" __global__ in CUDA C)");
    }
    return new KernelSource(name, ptx, Collections.unmodifiableMap(kernels), Map.of());
  }

  /**
   * Kernels from a resource in UTF-8.
   *
   * @param beside the class the resource lies beside
   * @param resource its name, as for {@link Class#getResourceAsStream}
   * @return kernels without twins
   * @throws IllegalArgumentException as for {@link #of}
   * @throws UncheckedIOException if there is no such resource, it cannot be read, or the class lies
   *     in a module that does not open its package
   */
  public static KernelSource ofResource(Class<?> beside, String resource) {
    Objects.requireNonNull(beside, "beside");
    Objects.requireNonNull(resource, "resource");
    try (InputStream in = beside.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException(
            "no resource " + resource + " beside " + beside.getName() + whyHidden(beside));
      }
      return of(resource, new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A module keeps the resources of its packages to itself, unless it opens them. */
  private static String whyHidden(Class<?> beside) {
    Module module = beside.getModule();
    String its = beside.getPackageName();
    return module.isOpen(its, KernelSource.class.getModule())
        ? ": put it into the same package of the resources, or begin its name with a /"
        : " that can be read from here: module %s must open package %s (\"opens %s;\"), or read it itself and use KernelSource.of"
            .formatted(module.getName(), its, its);
  }

  /**
   * These kernels, one of them with a twin.
   *
   * @param kernel its name in the PTX
   * @param twin what stands for it on the host; must be free of state, or keep it apart for each
   *     stream
   * @return a new source
   * @throws IllegalArgumentException if there is no such kernel, or it has a twin already
   */
  public KernelSource hostKernel(String kernel, HostKernel twin) {
    Objects.requireNonNull(twin, "twin");
    parameters(kernel);
    Map<String, HostKernel> more = new LinkedHashMap<>(twins);
    if (more.put(kernel, twin) != null) {
      throw new IllegalArgumentException(
          "kernel " + kernel + " of " + name + " has a twin already");
    }
    return new KernelSource(name, ptx, kernels, Collections.unmodifiableMap(more));
  }

  /**
   * Its name, for messages.
   *
   * @return the name
   */
  public String name() {
    return name;
  }

  /**
   * The PTX.
   *
   * @return the text
   */
  public String ptx() {
    return ptx;
  }

  /**
   * The kernels there are.
   *
   * @return their names, in the order of the text
   */
  public Set<String> kernels() {
    return kernels.keySet();
  }

  /**
   * The parameters of a kernel.
   *
   * @param kernel its name
   * @return their types, in order
   * @throws IllegalArgumentException if there is no such kernel; the message lists those there are
   */
  public List<KernelParameter> parameters(String kernel) {
    List<KernelParameter> parameters = kernels.get(Objects.requireNonNull(kernel, "kernel"));
    if (parameters == null) {
      throw new IllegalArgumentException(
          "no kernel " + kernel + " in " + name + ": it has " + String.join(", ", kernels()));
    }
    return parameters;
  }

  /**
   * What stands for a kernel on the host.
   *
   * @param kernel its name
   * @return the twin; empty if it has none
   */
  public Optional<HostKernel> hostKernel(String kernel) {
    return Optional.ofNullable(twins.get(Objects.requireNonNull(kernel, "kernel")));
  }

  private static List<KernelParameter> parameters(
      String source, String kernel, @Nullable String declared) {
    if (declared == null || declared.isBlank()) {
      return List.of();
    }
    List<KernelParameter> parameters = new ArrayList<>();
    for (String parameter : declared.split(",", -1)) {
      Matcher parts = PARAMETER.matcher(parameter);
      if (!parts.matches() || parts.group(4) != null) {
        throw unknown(source, kernel, parameter);
      }
      parameters.add(
          switch (parts.group(1)) {
            case "u32", "s32", "b32" -> KernelParameter.INT32;
            case "u64", "s64", "b64" -> KernelParameter.POINTER_OR_INT64;
            case "f32" -> KernelParameter.FLOAT32;
            case "f64" -> KernelParameter.FLOAT64;
            default -> throw unknown(source, kernel, parameter);
          });
    }
    return Collections.unmodifiableList(parameters);
  }

  private static IllegalArgumentException unknown(String source, String kernel, String parameter) {
    return new IllegalArgumentException(
        "kernel "
            + kernel
            + " of "
            + source
            + " has the parameter \""
            + parameter.strip()
            + "\", which cannot be set: take pointers, 32-bit and 64-bit numbers, and put structs"
            + " and small types into a buffer");
  }

  @Override
  public String toString() {
    return name + " (" + String.join(", ", kernels()) + ")";
  }
}
