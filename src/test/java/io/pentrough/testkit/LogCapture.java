package io.pentrough.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * What the library logs while this is open, instead of on standard error. In a field of a test,
 * with {@code @RegisterExtension}, it is closed behind the test.
 */
public final class LogCapture extends Handler implements AutoCloseable, AfterEachCallback {

  /** Kept here, as java.util.logging holds its loggers weakly. */
  private final Logger logger = Logger.getLogger("io.pentrough");

  private final SimpleFormatter formatter = new SimpleFormatter();
  private final List<LogRecord> records = new ArrayList<>();

  public LogCapture() {
    logger.addHandler(this);
    logger.setUseParentHandlers(false);
  }

  @Override
  public void publish(LogRecord logged) {
    synchronized (records) {
      records.add(logged);
    }
  }

  /** The messages that contain the text. */
  public List<String> containing(String text) {
    synchronized (records) {
      return records.stream().map(formatter::formatMessage).filter(m -> m.contains(text)).toList();
    }
  }

  /** What was logged as the reason why a loader broke down. */
  public List<Throwable> thrown() {
    synchronized (records) {
      return records.stream().map(LogRecord::getThrown).filter(t -> t != null).toList();
    }
  }

  /** Forgets what was logged. */
  public void clear() {
    synchronized (records) {
      records.clear();
    }
  }

  @Override
  public void flush() {}

  @Override
  public void afterEach(ExtensionContext context) {
    close();
  }

  @Override
  public void close() {
    logger.removeHandler(this);
    logger.setUseParentHandlers(true);
  }
}
