package io.pentrough.augment;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A kernel and mutants of it in one text: each arithmetic instruction is followed by others that
 * could stand there, and a parameter, the last, says which one runs. So the compiler is called once
 * (as in Untch et al., "Mutation analysis using mutant schemata", 1993).
 *
 * @param ptx a module of that kernel only; mutant 0 is the kernel itself
 * @param mutants what each of the others has changed, from 1: one instruction and what it became
 */
record PtxMutants(String ptx, List<String> mutants) {

  private static final Pattern INSTRUCTION =
      Pattern.compile("\\t(?:@(!?%p\\d+) )?([a-z][a-z0-9_.]*) *\\t([^;]*);");
  private static final Pattern INTEGER = Pattern.compile("-?\\d+");
  private static final Pattern FLOAT = Pattern.compile("0f([0-9A-F]{8})");

  /** What may stand for an operation. */
  private static final Map<String, List<String>> OTHERS =
      Map.ofEntries(
          Map.entry("add", List.of("sub")),
          Map.entry("sub", List.of("add")),
          Map.entry("min", List.of("max")),
          Map.entry("max", List.of("min")),
          Map.entry("and", List.of("or")),
          Map.entry("or", List.of("and", "xor")),
          Map.entry("xor", List.of("or")),
          Map.entry("div", List.of("rem")),
          Map.entry("rem", List.of("div")));

  private static final Map<String, List<String>> COMPARISONS =
      Map.ofEntries(
          Map.entry("lt", List.of("le", "ge", "ltu")),
          Map.entry("le", List.of("lt", "gt", "leu")),
          Map.entry("gt", List.of("ge", "le", "gtu")),
          Map.entry("ge", List.of("gt", "lt", "geu")),
          Map.entry("ltu", List.of("leu", "geu", "lt")),
          Map.entry("leu", List.of("ltu", "gtu", "le")),
          Map.entry("gtu", List.of("geu", "leu", "gt")),
          Map.entry("geu", List.of("gtu", "ltu", "ge")),
          Map.entry("eq", List.of("ne")),
          Map.entry("ne", List.of("eq")),
          Map.entry("num", List.of("nan")),
          Map.entry("nan", List.of("num")));

  /**
   * Makes the text.
   *
   * @param ptx with that kernel among others
   * @param kernel its name
   * @param wanted which mutants the text shall have; all are numbered and named
   */
  static PtxMutants of(String ptx, String kernel, IntPredicate wanted) {
    int start = ptx.indexOf(".visible .entry " + kernel + "(");
    int end = ptx.indexOf("\n}", start) + 3;
    String header = ptx.substring(0, ptx.indexOf(".visible"));
    StringBuilder text = new StringBuilder(header);
    List<String> mutants = new ArrayList<>();
    for (String line : ptx.substring(start, end).split("\n", -1)) {
      if (line.equals(")")) {
        text.insert(text.length() - 1, ",\n\t.param .u32 " + kernel + "_mutant");
      }
      Matcher parts = INSTRUCTION.matcher(line);
      List<String> others =
          parts.matches() && parts.group(1) == null
              ? others(parts.group(2), parts.group(3))
              : List.of();
      int first = mutants.size() + 1;
      others.forEach(other -> mutants.add(words(line) + " -> " + words(other)));
      if (IntStream.rangeClosed(first, mutants.size()).noneMatch(wanted)) {
        text.append(line).append('\n');
      } else {
        for (int i = 0; i < others.size(); i++) {
          if (wanted.test(first + i)) {
            text.append("\tsetp.eq.s32 \t%isMutant, %mutant, " + (first + i) + ";\n");
            text.append("\t@%isMutant " + others.get(i) + "\n");
          }
        }
        text.append("\tsub.s32 \t%offset, %mutant, " + first + ";\n");
        text.append("\tsetp.ge.u32 \t%isMutant, %offset, " + others.size() + ";\n");
        text.append("\t@%isMutant " + line.strip() + "\n");
      }
      if (line.equals("{")) {
        text.append("\t.reg .pred %isMutant;\n\t.reg .b32 %mutant, %offset;\n");
        text.append("\tld.param.u32 \t%mutant, [" + kernel + "_mutant];\n");
      }
    }
    return new PtxMutants(text.toString(), mutants);
  }

  private static String words(String instruction) {
    return instruction.strip().replaceAll("\\s+", " ");
  }

  private static List<String> others(String name, String operands) {
    String[] words = name.split("\\.");
    String[] operand = operands.split(", *");
    Set<String> others = new LinkedHashSet<>();
    String root = words[0];
    String type = words[words.length - 1];
    boolean isFloat = type.startsWith("f");
    for (String other : OTHERS.getOrDefault(root, List.of())) {
      String instead = isFloat && other.equals("rem") ? "mul" : other;
      others.add(name.replaceFirst("^" + root, instead) + " \t" + operands + ";");
    }
    switch (root) {
      case "setp" -> {
        for (String other : COMPARISONS.getOrDefault(words[1], List.of())) {
          if (!isFloat && other.endsWith("u")) {
            continue; // of floats alone: also where one is NaN
          }
          others.add(name.replaceFirst("\\." + words[1], "." + other) + " \t" + operands + ";");
        }
      }
      case "selp" ->
          others.add(
              "%s \t%s, %s, %s, %s;"
                  .formatted(name, operand[0], operand[2], operand[1], operand[3]));
      case "shl" -> others.add(name.replace("shl.b", "shr.u") + " \t" + operands + ";");
      case "shr" -> {
        others.add("shl.b" + type.substring(1) + " \t" + operands + ";");
        others.add(
            "shr."
                + (type.startsWith("s") ? "u" : "s")
                + type.substring(1)
                + " \t"
                + operands
                + ";");
      }
      case "mul" -> {
        if (name.contains(".lo") || isFloat) {
          others.add(
              name.replace("mul.lo", "mul").replaceFirst("mul", "add") + " \t" + operands + ";");
        } else if (name.contains(".hi")) {
          others.add(name.replace(".hi", ".lo") + " \t" + operands + ";");
        }
      }
      case "mad" ->
          others.add(
              name.replace("mad", "mul")
                  + " \t%s, %s, %s;".formatted(operand[0], operand[1], operand[2]));
      case "fma" ->
          others.add(
              name.replace("fma", "mul")
                  + " \t%s, %s, %s;".formatted(operand[0], operand[1], operand[2]));
      case "not", "neg", "abs" ->
          others.add(
              "mov."
                  + (type.equals("pred") ? type : (isFloat ? "f" : "b") + type.substring(1))
                  + " \t"
                  + operands
                  + ";");
      case "cvt" -> cvt(name, words, operands, others);
      default -> {}
    }
    boolean rounds = Set.of("add", "sub", "mul", "fma").contains(root);
    if (rounds && isFloat && name.contains(".rn")) {
      others.add(name.replace(".rn", ".rz") + " \t" + operands + ";");
    }
    if (!Set.of("ld", "st", "bra", "cvta", "ret", "bar").contains(root)) {
      immediates(name, operand, others);
    }
    return List.copyOf(new ArrayList<>(others));
  }

  private static void cvt(String name, String[] words, String operands, Set<String> others) {
    String from = words[words.length - 1];
    String to = words[words.length - 2];
    if (from.startsWith("s") && !to.startsWith("f")) { // what stays signed or not
      others.add(name.replace("." + from, ".u" + from.substring(1)) + " \t" + operands + ";");
    } else if (from.startsWith("s")) {
      others.add(name.replace("." + from, ".u" + from.substring(1)) + " \t" + operands + ";");
    } else if (from.startsWith("u") && !from.equals("u64")) {
      others.add(name.replace("." + from, ".s" + from.substring(1)) + " \t" + operands + ";");
    }
    for (String[] rounding :
        new String[][] {
          {".rn.", ".rz."}, {".rzi.", ".rni."}, {".rmi.", ".rzi."}, {".rni.", ".rzi."}
        }) {
      if (name.contains(rounding[0])) {
        others.add(name.replace(rounding[0], rounding[1]) + " \t" + operands + ";");
        break;
      }
    }
  }

  /** One more, and for floats the next one. */
  private static void immediates(String name, String[] operand, Set<String> others) {
    for (int i = 1; i < operand.length; i++) {
      String[] changed = operand.clone();
      Matcher bits = FLOAT.matcher(operand[i]);
      if (INTEGER.matcher(operand[i]).matches()) {
        changed[i] = Long.toString(Long.parseLong(operand[i]) + 1);
      } else if (bits.matches()) {
        changed[i] = "0f%08X".formatted((int) (Long.parseLong(bits.group(1), 16) + 1));
      } else {
        continue;
      }
      others.add(name + " \t" + String.join(", ", changed) + ";");
    }
  }
}
