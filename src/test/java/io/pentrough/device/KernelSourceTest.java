package io.pentrough.device;

import static io.pentrough.device.KernelParameter.FLOAT32;
import static io.pentrough.device.KernelParameter.FLOAT64;
import static io.pentrough.device.KernelParameter.INT32;
import static io.pentrough.device.KernelParameter.POINTER_OR_INT64;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read out of a PTX text. */
class KernelSourceTest {

  private static final String HEADER = ".version 6.0\n.target sm_50\n.address_size 64\n";

  private static KernelSource of(String body) {
    return KernelSource.of("test", HEADER + body);
  }

  private static String message(Class<? extends Exception> type, Runnable wrong) {
    return String.valueOf(assertThrows(type, wrong::run).getMessage());
  }

  @Test
  void eachTypeOfParameterIsKnown() {
    KernelSource source =
        of(
            ".visible .entry k(.param .u32 a, .param .s32 b,\n\t.param .b32 c,.param .u64 d, .param"
                + " .s64 e, .param .b64 f, .param .f32 g, .param .f64 h)\n{ ret; }");
    assertEquals(
        List.of(
            INT32,
            INT32,
            INT32,
            POINTER_OR_INT64,
            POINTER_OR_INT64,
            POINTER_OR_INT64,
            FLOAT32,
            FLOAT64),
        source.parameters("k"));
  }

  @Test
  void pointersMayBeDeclaredAsSuch() {
    KernelSource source =
        of(
            """
            .entry k(
              .param .u64 .ptr .global .align 16 p_0,
              .param .u64 .ptr p_1,
              .param .align 8 .u64 p_2,
              .param .u64 .ptr .align 1 $p_3,
              .param .u32 p_4
            )
            .maxntid 256, 1, 1
            { ret; }
            """);
    assertEquals(
        List.of(POINTER_OR_INT64, POINTER_OR_INT64, POINTER_OR_INT64, POINTER_OR_INT64, INT32),
        source.parameters("k"));
  }

  @Test
  void noMoreSpaceIsNeededThanPtxAsksFor() {
    KernelSource source =
        of(".entry %k(.param.align 8 .u64.ptr.global.align 16 %p,.param.u32 _q){ret;}");
    assertEquals(List.of(POINTER_OR_INT64, INT32), source.parameters("%k"));
  }

  @Test
  void severalKernelsKeepTheirOrderAndCommentsAndFunctionsDoNotCount() {
    KernelSource source =
        of(
            """
            // .entry ghost(.param .u32 a)
            /* .entry spirit(
            .param .u8 b) */
            .func (.param .b32 r) helper(.param .b8 x[3]);
            .visible .entry second /* .param .u8 */ ( .param .u32 a // , .param .u8 x
            )
            { ret; }
            .weak .entry first()
            { ret; }
            .visible .entry bare
            { ret; }
            .entry blank(
            )
            { ret; }
            """);
    assertEquals(List.of("second", "first", "bare", "blank"), List.copyOf(source.kernels()));
    assertEquals(List.of(INT32), source.parameters("second"));
    for (String empty : List.of("first", "bare", "blank")) {
      List<KernelParameter> none = source.parameters(empty);
      assertEquals(List.of(), none);
      assertThrows(UnsupportedOperationException.class, () -> none.add(INT32));
    }
    assertEquals("test (second, first, bare, blank)", source.toString());
    assertThrows(UnsupportedOperationException.class, () -> source.parameters("second").clear());
    assertThrows(UnsupportedOperationException.class, () -> source.kernels().clear());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ".param .align 4 .b8 s[12]",
        ".param .u64 s[2]",
        ".param .u8 s",
        ".param .u16 s",
        ".param .f16 s",
        ".param .pred s",
        ".param .v2 .f32 s",
        ".reg .u32 s",
        ""
      })
  void whatCannotBeSetIsRefused(String parameter) {
    String told =
        message(
            IllegalArgumentException.class,
            () -> of(".entry k(.param .u32 a, " + parameter + ")\n{ ret; }"));
    assertTrue(
        told.startsWith(
            "kernel k of test has the parameter \"" + parameter + "\", which cannot be set"),
        told);
  }

  @Test
  void aTextWithoutAKernelIsRefused() {
    String told =
        message(IllegalArgumentException.class, () -> of("// .entry k()\n.func f { ret; }"));
    assertTrue(told.startsWith("test has no kernel: there is no .entry in its PTX"), told);
    assertThrows(IllegalArgumentException.class, () -> of("// .entry k()")); // no end of line
  }

  @Test
  void whatTheCompilerMakesIsRead() {
    KernelSource source = KernelSource.ofResource(KernelSourceTest.class, "cuda/kernels.ptx");
    assertEquals("cuda/kernels.ptx", source.name());
    assertEquals(
        Set.of(
            "saxpy",
            "normalise",
            "blockSum",
            "prefixSum",
            "collatz",
            "counters",
            "shuffles",
            "divergentBarrier",
            "writeAt",
            "floats",
            "reorder",
            "census"),
        source.kernels());
    assertEquals(
        List.of(INT32, FLOAT32, POINTER_OR_INT64, POINTER_OR_INT64), source.parameters("saxpy"));
    assertEquals(
        List.of(
            POINTER_OR_INT64, POINTER_OR_INT64, FLOAT32, FLOAT32, INT32, INT32, POINTER_OR_INT64),
        source.parameters("normalise"));
    assertThrows(
        UncheckedIOException.class,
        () -> KernelSource.ofResource(KernelSourceTest.class, "none.ptx"));
  }

  @Test
  void hostKernelsAreAddedToANewSource() {
    KernelSource bare = of(".entry k() { ret; } .entry l() { ret; }");
    HostKernel kernel = arguments -> {};
    KernelSource one = bare.hostKernel("k", kernel);
    assertEquals(Optional.empty(), bare.hostKernel("k"));
    assertSame(kernel, one.hostKernel("k").orElseThrow());
    assertEquals(Optional.empty(), one.hostKernel("l"));
    assertSame(bare.ptx(), one.ptx());
    assertEquals(
        "kernel k of test has a host implementation already: leave out one of the two",
        message(IllegalArgumentException.class, () -> one.hostKernel("k", kernel)));
    assertEquals(
        "no kernel m in test: it has k, l",
        message(IllegalArgumentException.class, () -> one.hostKernel("m", kernel)));
  }
}
