package io.pentrough.testkit;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command of a JVM that a test starts. */
public final class JavaCommand {

  private JavaCommand() {}

  /**
   * The program, with this JVM's options of its compiler and its collector: most such JVMs are over
   * before others would pay.
   *
   * @return a new list, to which the test adds its own
   */
  public static List<String> start() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(option -> option.matches("-XX:(TieredStopAtLevel=.*|[+]Use\\w+GC)"))
        .forEach(command::add);
    return command;
  }
}
