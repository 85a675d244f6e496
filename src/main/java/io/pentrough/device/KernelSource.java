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
 * Kernels for any device: the PTX text for CUDA, and a Java implementation of each kernel for the
 * host.
 *
 * <pre>{@code
 * KernelSource source =
 *     KernelSource.of("scale.ptx", ptx) // or ofResource(Train.class, "scale.ptx")
 *         .hostKernel(
 *             "scale",
 *             arguments -> {
 *               ByteBuffer in = arguments.bytes(0);
 *               ByteBuffer out = arguments.bytes(1);
 *               for (int i = 0; i < arguments.getInt(2); i++) {
 *                 out.putFloat(4 * i, (in.get(i) & 0xff) * arguments.getFloat(3));
 *               }
 *             });
 * }</pre>
 *
 * <p>Immutable. Any thread may use it, and any number of devices may load it.
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
  private final Map<String, HostKernel> hostKernels;

  private KernelSource(
      String name,
      String ptx,
      Map<String, List<KernelParameter>> kernels,
      Map<String, HostKernel> hostKernels) {
    this.name = name;
    this.ptx = ptx;
    this.kernels = kernels;
    this.hostKernels = hostKernels;
  }

  /**
   * Reads kernels from a text.
   *
   * @param name a name for messages
   * @param ptx the text, as nvcc makes it with {@code -ptx}; the guide says which header it needs
   * @return the kernels, without host implementations
   * @throws IllegalArgumentException if the text has no kernel, or a kernel has a parameter that is
   *     neither a pointer nor a 32-bit or 64-bit number
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
   * Reads kernels from a resource in UTF-8.
   *
   * @param beside the class whose package contains the resource
   * @param resource the resource's name, as for {@link Class#getResourceAsStream}
   * @return the kernels, without host implementations
   * @throws IllegalArgumentException as for {@link #of}
   * @throws UncheckedIOException if the resource is missing or cannot be read, or the class is in a
   *     module that does not open its package
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
   * Adds the host implementation of a kernel. This object does not change.
   *
   * @param kernel the kernel's name in the PTX
   * @param implementation runs in the kernel's place on the host; several streams may run it at the
   *     same time
   * @return a new source with the implementation
   * @throws IllegalArgumentException if the source has no such kernel, or the kernel already has a
   *     host implementation
   */
  public KernelSource hostKernel(String kernel, HostKernel implementation) {
    Objects.requireNonNull(implementation, "implementation");
    parameters(kernel);
    Map<String, HostKernel> more = new LinkedHashMap<>(hostKernels);
    if (more.put(kernel, implementation) != null) {
      throw new IllegalArgumentException(
          "kernel "
              + kernel
              + " of "
              + name
              + " has a host implementation already: leave out one of the two");
    }
    return new KernelSource(name, ptx, kernels, Collections.unmodifiableMap(more));
  }

  /**
   * The source's name, for messages.
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
   * The names of the kernels.
   *
   * @return the names, in the order of the text
   */
  public Set<String> kernels() {
    return kernels.keySet();
  }

  /**
   * The parameters of a kernel.
   *
   * @param kernel the kernel's name
   * @return the types of its parameters, in order
   * @throws IllegalArgumentException if the source has no such kernel; the message lists its
   *     kernels
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
   * The host implementation of a kernel.
   *
   * @param kernel the kernel's name
   * @return the implementation; empty if the kernel has none, or the source no such kernel
   */
  public Optional<HostKernel> hostKernel(String kernel) {
    return Optional.ofNullable(hostKernels.get(Objects.requireNonNull(kernel, "kernel")));
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
