package io.pentrough.device.cuda;

import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/** Where JCuda's class path is, without initialising a class of it. */
final class JCudaResource {

  private JCudaResource() {}

  private static Class<?> binding() {
    try {
      return Class.forName("jcuda.driver.JCudaDriver", false, JCudaResource.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new NoCuda("JCuda is not on the class path", e);
    }
  }

  static @Nullable ClassLoader loader() {
    return binding().getClassLoader();
  }

  static @Nullable InputStream open(String name) {
    return binding().getResourceAsStream(name);
  }
}
