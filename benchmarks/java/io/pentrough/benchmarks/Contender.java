package io.pentrough.benchmarks;

/** A kind of loader. */
enum Contender {
  FRESH("textbook fresh", FreshLoader::new),
  REUSE("textbook reuse", ReuseLoader::new),
  REUSE_COPY("textbook reuse+copy", ReuseCopyLoader::new),
  PENTROUGH("Pentrough", setup -> new PentroughLoader(setup, false)),
  ZERO_COPY("Pentrough, no copy", setup -> new PentroughLoader(setup, true));

  private interface Start {
    Loader start(Setup setup) throws Exception;
  }

  private final String title;

  @SuppressWarnings("ImmutableEnumChecker") // a constructor
  private final Start start;

  Contender(String title, Start start) {
    this.title = title;
    this.start = start;
  }

  Loader start(Setup setup) throws Exception {
    return start.start(setup);
  }

  @Override
  public String toString() {
    return title;
  }
}
