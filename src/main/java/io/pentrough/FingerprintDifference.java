package io.pentrough;

import java.util.ArrayList;
import java.util.List;

/** Says in words how the configuration of a saved position differs from that of a loader. */
final class FingerprintDifference {

  private final List<String> differences = new ArrayList<>();

  private FingerprintDifference() {}

  /** What differs, for people; empty if nothing does. */
  static String of(Fingerprint saved, Fingerprint here) {
    FingerprintDifference difference = new FingerprintDifference();
    Fingerprint.Parts there = saved.parts;
    Fingerprint.Parts now = here.parts;
    if (there == null || now == null) {
      difference.addHashes(saved.hashes, here.hashes, now != null && !now.data().isEmpty());
    } else {
      difference.addParts(there, now);
    }
    return String.join(", and ", difference.differences);
  }

  private void addHashes(Fingerprint.Hashes there, Fingerprint.Hashes here, boolean hasData) {
    add(
        hasData ? "other arrays, stages or data" : "other arrays or stages",
        there.arrays() != here.arrays());
    add("another seed", there.seed() != here.seed());
    add("another number of batches per epoch", there.epochLength() != here.epochLength());
    add("another shard", there.shard() != here.shard());
  }

  private void addParts(Fingerprint.Parts there, Fingerprint.Parts here) {
    add("other arrays", there.arrays(), here.arrays());
    add("other stages", there.stages(), here.stages());
    if (there.stages().equals(here.stages())) { // else they are why
      add("other arrays after the stages", there.made(), here.made());
    }
    add("other data", there.data(), here.data());
    add("another seed", "" + there.seed(), "" + here.seed());
    add(
        "another number of batches per epoch",
        there.length("not declared"),
        here.length("not declared"));
    add("another shard", there.shard(), here.shard());
  }

  private void add(String what, boolean differs) {
    if (differs) {
      differences.add(what);
    }
  }

  private void add(String what, String there, String here) {
    add(what, List.of(there), List.of(here));
  }

  /** If both sides have equally many things, adds only those that differ, and of them the parts. */
  private void add(String what, List<String> there, List<String> here) {
    if (there.equals(here)) {
      return;
    }
    List<String> was = new ArrayList<>();
    List<String> is = new ArrayList<>();
    if (there.size() == here.size()) {
      for (int i = 0; i < there.size(); i++) {
        addUnequal(there.get(i).split("; ", -1), here.get(i).split("; ", -1), was, is);
      }
    } else {
      was.addAll(there);
      is.addAll(here);
    }
    differences.add(what + " (" + list(was) + " there, " + list(is) + " here)");
  }

  private static void addUnequal(String[] there, String[] here, List<String> was, List<String> is) {
    if (there.length != here.length) {
      was.addAll(List.of(there));
      is.addAll(List.of(here));
      return;
    }
    for (int i = 0; i < there.length; i++) {
      if (!there[i].equals(here[i])) {
        was.add(there[i]);
        is.add(here[i]);
      }
    }
  }

  private static String list(List<String> words) {
    return words.isEmpty() ? "none" : String.join("; ", words);
  }
}
