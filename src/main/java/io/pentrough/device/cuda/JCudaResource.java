package io.pentrough.device.cuda;

/** JCuda's class, from which its class path is seen, without initialising a class of it. */
final class JCudaResource {

  private JCudaResource() {}

  static Class<?> binding() {
    try {
      return Class.forName("jcuda.driver.JCudaDriver", false, JCudaResource.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new NoCuda("JCuda is not on the class path", e);
    }
  }
}
