package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Finds a deadlock that no stack shows: a target uses a class whose static initialiser waits for
 * the loader. The JVM lets only the initialising thread into such a class, and calls the thread
 * that it holds up RUNNABLE.
 */
final class StaticInitialisers {

  private static final String STATIC_INITIALISER = "<clinit>";

  private static final String CURE =
      ": start the loader, and get batches from it, after the class is initialised (in main or in a"
          + " method), not in a static initialiser or a static field";

  private StaticInitialisers() {}

  /**
   * Lines for a diagnosis, each after a line break; empty if no thread is in a static initialiser
   * or no target runs.
   *
   * @param threads those that may be initialising a class, with their stacks
   * @param targets the threads that run targets
   */
  static String describe(
      Map<Thread, StackTraceElement[]> threads, Map<Thread, StackTraceElement[]> targets) {
    StringBuilder text = new StringBuilder();
    threads.forEach(
        (thread, stack) -> {
          for (String type : initialised(stack)) {
            List<String> heldUp = new ArrayList<>();
            boolean mayHoldUp = false;
            for (Map.Entry<Thread, StackTraceElement[]> target : targets.entrySet()) {
              boolean other = target.getKey() != thread;
              mayHoldUp |= other;
              if (other && isEntering(type, target.getValue())) {
                heldUp.add(target.getKey().getName());
              }
            }
            if (!heldUp.isEmpty()) {
              text.append("\n  ").append(String.join(", ", new TreeSet<>(heldUp)));
              text.append(" waits for class ").append(type);
              text.append(" to be initialised, which thread ").append(thread.getName());
              text.append(" is doing").append(CURE);
            } else if (mayHoldUp) {
              text.append("\n  thread ").append(thread.getName());
              text.append(" is initialising class ").append(type);
              text.append(", so a target that uses this class waits for it").append(CURE);
            }
          }
        });
    return text.toString();
  }

  /** The classes whose static initialisers are on a stack. */
  private static List<String> initialised(StackTraceElement[] stack) {
    List<String> types = new ArrayList<>();
    for (StackTraceElement frame : stack) {
      if (frame.getMethodName().equals(STATIC_INITIALISER)) {
        types.add(frame.getClassName());
      }
    }
    return types;
  }

  /** Whether the stack ends in the class, one nested in it, or a lambda made there. */
  private static boolean isEntering(String type, StackTraceElement[] stack) {
    return stack.length > 0
        && (stack[0].getClassName().equals(type) || stack[0].getClassName().startsWith(type + "$"));
  }
}
