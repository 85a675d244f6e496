package io.pentrough.benchmarks;

/** A kind of loader. */
enum Contender {
  FRESH("textbook fresh", FreshLoader::new),
  REUSE("textbook reuse", ReuseLoader::new),
  REUSE_COPY("textbook reuse+copy", ReuseCopyLoader::new),
  PENTROUGH("Pentrough", (workload, workers) -> new PentroughLoader(workload, workers, false)),
  HAND_OVER(
      "Pentrough, no copy", (workload, workers) -> new PentroughLoader(workload, workers, true));

  private interface Start {
    Loader start(Workload workload, int workers) throws Exception;
  }

  /** Host slots of a loader that copies, for each of them as many as {@code Builder} has. */
  static int hostSlots(int workers) {
    return workers + 2;
  }

  /** Device slots of a loader that copies. */
  static final int DEVICE_SLOTS = 3;

  /** Slots of a loader that does not copy: as many in all. */
  static int slots(int workers) {
    return hostSlots(workers) + DEVICE_SLOTS;
  }

  private final String title;

  @SuppressWarnings("ImmutableEnumChecker") // a constructor
  private final Start start;

  Contender(String title, Start start) {
    this.title = title;
    this.start = start;
  }

  Loader start(Workload workload, int workers) throws Exception {
    return start.start(workload, workers);
  }

  @Override
  public String toString() {
    return title;
  }
}
