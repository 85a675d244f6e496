package io.pentrough.spark;

import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/** One Spark application for all tests of a JVM, with room for four tasks in this process. */
public final class LocalSpark {

  /** How many tasks there is room for. */
  public static final int ROOM = 4;

  private static final JavaSparkContext SPARK = start();

  private LocalSpark() {}

  /**
   * The application.
   *
   * @return it; it ends with the JVM
   */
  public static JavaSparkContext get() {
    return SPARK;
  }

  private static JavaSparkContext start() {
    SparkConf conf =
        new SparkConf()
            .setMaster("local[" + ROOM + "]")
            .setAppName("tests")
            .set("spark.ui.enabled", "false")
            .set("spark.driver.host", "127.0.0.1")
            .set("spark.driver.bindAddress", "127.0.0.1")
            .set("spark.executor.heartbeatInterval", "1s");
    JavaSparkContext spark = new JavaSparkContext(conf);
    spark.setLogLevel("OFF"); // tasks fail on purpose
    return spark;
  }
}
