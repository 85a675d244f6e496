package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.example.Headspace;
import io.pentrough.recipes.CsvTable;
import io.pentrough.recipes.Hdf5Patches;
import io.pentrough.recipes.ImageFolder;
import io.pentrough.recipes.NpyRows;
import io.pentrough.recipes.Pictures;
import io.pentrough.recipes.RecipesTest;
import io.pentrough.recipes.TarShards;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The samples of README.md do what they say, and are the ones that were tried. */
class ReadmeSampleTest {

  private static final Path README = Path.of("README.md");

  private static final List<Class<?>> RECIPES =
      List.of(
          RecipesTest.class,
          ImageFolder.class,
          Pictures.class,
          Hdf5Patches.class,
          NpyRows.class,
          CsvTable.class,
          TarShards.class);

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("the sample trains on every patch it was given, and prints the statistics")
  void runs() throws Exception {
    ReadmeSample sample = new ReadmeSample(20);
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      sample.run();
    } finally {
      System.setOut(out);
    }
    assertEquals(20 * 16, sample.labels.size());
    for (int i = 0; i < sample.labels.size(); i++) {
      int grey = Byte.toUnsignedInt(sample.voxels.get(i));
      assertEquals(grey < 128 ? 0 : 1, sample.labels.get(i), "patch " + i);
    }
    assertEquals(List.of(0, 1), sample.labels.stream().distinct().sorted().toList());
    assertTrue(printed.toString(StandardCharsets.UTF_8).contains("20 batches"), printed::toString);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "README.md",
        "docs/from-elektronn2.md",
        "docs/reading-the-stats.md",
        "docs/augmentation.md",
        "docs/cuda-notes.md",
        "docs/data.md",
        "docs/recipes.md",
        "docs/scaling.md"
      })
  @DisplayName("every Java block of a page is a compiled sample, but for the line breaks")
  void everyBlockIsCompiled(String page) throws Exception {
    List<String> compiled = new ArrayList<>(Snippets.compiled(ReadmeSample.class).values());
    compiled.addAll(Snippets.compiled(FromElektronn2Samples.class).values());
    compiled.addAll(Snippets.compiled(AugmentationSample.class).values());
    compiled.addAll(Snippets.compiled(DataSample.class).values());
    compiled.addAll(Snippets.compiled(SequenceSamples.class).values());
    compiled.addAll(Snippets.compiled(ToFloats.class).values());
    compiled.addAll(Snippets.compiled(CudaLibrariesSample.class).values());
    compiled.addAll(Snippets.compiled(OrderSamples.class).values());
    for (Class<?> recipe : RECIPES) {
      compiled.addAll(Snippets.compiled(recipe).values());
    }
    compiled.addAll(Snippets.compiled(ScalingSample.class).values());
    compiled.addAll(Snippets.compiled(Headspace.class).values());
    for (String block : Snippets.shown(Path.of(page))) {
      assertTrue(
          compiled.contains(block), () -> page + " shows what is compiled nowhere: " + block);
    }
    Set<String> others = Snippets.languages(Path.of(page));
    others.removeAll(Set.of("", "java"));
    assertEquals(Set.of(), others, "Java under another name would not be looked at");
  }

  @Test
  @DisplayName("docs/recipes.md shows every recipe")
  void recipes() throws Exception {
    Set<String> compiled = new HashSet<>();
    for (Class<?> recipe : RECIPES) {
      compiled.addAll(Snippets.compiled(recipe).values());
    }
    assertEquals(RECIPES.size(), compiled.size());
    assertEquals(compiled, Set.copyOf(Snippets.shown(Path.of("docs/recipes.md"))));
  }

  @Test
  @DisplayName("README.md shows every sample that was compiled for it")
  void readmeHasThem() throws Exception {
    assertEquals(
        Set.copyOf(Snippets.compiled(ReadmeSample.class).values()),
        Set.copyOf(Snippets.shown(README)));
  }
}
