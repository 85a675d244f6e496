package io.pentrough.spark;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Rounds in which every task of the attempt gives some bytes, and gets those of all. Tasks that
 * have finished give an answer to whatever round the others begin, so that nobody waits in vain.
 */
final class Gathering {

  /** What a task is doing in a round. */
  enum Kind {
    START,
    CHECKPOINT,
    USER,
    FINISHED
  }

  /** What one task gave. */
  static final class Part {

    final Kind kind;
    final byte[] content;

    Part(Kind kind, byte[] content) {
      this.kind = kind;
      this.content = content;
    }
  }

  private final int rank;
  private final UnaryOperator<List<String>> rounds;

  /**
   * Rounds of one task.
   *
   * @param rank the task's number
   * @param allGather gives one message, as a list of one, and returns those of all tasks by rank
   */
  Gathering(int rank, UnaryOperator<List<String>> allGather) {
    this.rank = rank;
    this.rounds = allGather;
  }

  /**
   * Takes part in a round, and waits for all others.
   *
   * @return what each task gave, by rank
   * @throws IllegalStateException if the tasks are not in the same kind of round
   */
  List<Part> exchange(Kind kind, byte[] content) {
    String own = kind + " " + Base64.getEncoder().encodeToString(content);
    List<Part> parts = new ArrayList<>();
    for (String message : rounds.apply(List.of(own))) {
      int space = message.indexOf(' ');
      parts.add(
          new Part(
              Kind.valueOf(message.substring(0, space)),
              Base64.getDecoder()
                  .decode(message.substring(space + 1).getBytes(StandardCharsets.US_ASCII))));
    }
    requireSameKind(kind, parts);
    return parts;
  }

  private void requireSameKind(Kind own, List<Part> parts) {
    Kind common = own;
    int with = rank;
    for (int i = 0; i < parts.size(); i++) {
      Kind kind = parts.get(i).kind;
      if (kind == Kind.FINISHED || kind == common) {
        continue;
      }
      if (common != Kind.FINISHED) {
        throw new IllegalStateException(
            ("task " + with + " is in " + describe(common) + ", but task " + i + " in ")
                + describe(kind)
                + "; all tasks must call these methods in the same order");
      }
      common = kind;
      with = i;
    }
  }

  private static String describe(Kind kind) {
    return switch (kind) {
      case START -> "ElasticContext.start";
      case CHECKPOINT -> "ElasticContext.checkpoint";
      case USER -> "ElasticContext.gather";
      case FINISHED -> "no round";
    };
  }
}
