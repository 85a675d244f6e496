package io.pentrough.device.cuda;

import io.pentrough.device.cuda.CudaSim.Schedule;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The software driver for tests that make trouble: what a test leaves behind or violates is for the
 * test itself to look at ({@link SoftwareCuda} is for those that may leave nothing), and loaders
 * that break tell nobody.
 */
public final class TroubledDriver
    implements BeforeAllCallback, AfterAllCallback, BeforeEachCallback, AfterEachCallback {

  /** Kept here, as java.util.logging holds its loggers weakly. */
  private static final Logger LOG = Logger.getLogger("io.pentrough");

  @Override
  public void beforeAll(ExtensionContext context) {
    CudaSim.load();
    LOG.setLevel(Level.OFF);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    LOG.setLevel(null);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    CudaSim.reset();
    CudaSim.configure(Schedule.STRICT, 0);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    CudaSim.violations();
    CudaSim.leaks();
    CudaSim.reset();
  }
}
