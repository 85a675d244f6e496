package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.ok;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.cuda.RawCuda.Memory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Single PTX instructions at their corners, on the software CUDA driver. Expected values are those
 * of the PTX documentation, written down here, not computed the way the driver does.
 */
@Tag("cuda")
@Tag("softwareDriver")
@ExtendWith(SoftwareCuda.class)
class SoftwareDriverInstructionTest {

  /** Reads a and b in %ra (32 bits), %rda (64 bits), %fa, %da, and writes %rd. */
  private record Case(String body, long a, long b, long expected) {}

  private final List<Case> cases = new ArrayList<>();

  private void s32(String instruction, int a, int b, int expected) {
    u32(instruction, a, b, expected);
  }

  private void u32(String instruction, int a, int b, int expected) {
    String body = instruction + " %r, %ra, %rb; cvt.u64.u32 %rd, %r;";
    cases.add(new Case(body, a & 0xffffffffL, b & 0xffffffffL, expected & 0xffffffffL));
  }

  private void u64(String instruction, long a, long b, long expected) {
    cases.add(new Case(instruction + " %rd, %rda, %rdb;", a, b, expected));
  }

  private void f32(String instruction, float a, float b, float expected) {
    String body = instruction + " %f, %fa, %fb; mov.b32 %r, %f; cvt.u64.u32 %rd, %r;";
    cases.add(new Case(body, bits(a), bits(b), bits(expected)));
  }

  /** From a float in %fa. */
  private void fromFloat(String body, float a, long expected) {
    cases.add(new Case(body, bits(a), 0, expected));
  }

  private void raw(String body, long a, long b, long expected) {
    cases.add(new Case(body, a, b, expected));
  }

  private static long bits(float value) {
    return Float.floatToRawIntBits(value) & 0xffffffffL;
  }

  private static long bits(double value) {
    return Double.doubleToRawLongBits(value);
  }

  private void check() {
    StringBuilder ptx =
        new StringBuilder(
            """
            .version 6.0
            .target sm_50
            .address_size 64
            .visible .entry cases(.param .u64 in, .param .u64 out) {
            .reg .b64 %rd, %rda, %rdb, %rdc, %in, %out;
            .reg .b32 %r, %ra, %rb, %rc;
            .reg .b16 %h, %ha;
            .reg .f32 %f, %fa, %fb, %fc;
            .reg .f64 %d, %da;
            .reg .pred %p, %q;
            ld.param.u64 %in, [in];
            ld.param.u64 %out, [out];
            """);
    for (int i = 0; i < cases.size(); i++) {
      ptx.append(
          """
          ld.global.v2.u64 {%%rda, %%rdb}, [%%in+%d];
          cvt.u32.u64 %%ra, %%rda; cvt.u32.u64 %%rb, %%rdb; cvt.u16.u64 %%ha, %%rda;
          mov.b32 %%fa, %%ra; mov.b32 %%fb, %%rb; mov.b64 %%da, %%rda;
          %s
          st.global.u64 [%%out+%d], %%rd;
          """
              .formatted(16 * i, cases.get(i).body, 8 * i));
    }
    ptx.append("ret;\n}\n");
    try (RawCuda cuda = RawCuda.primary();
        RawModule kernels = new RawModule(cuda, ptx.toString())) {
      Memory in =
          kernels.upload(
              16 * cases.size(),
              bytes -> {
                for (int i = 0; i < cases.size(); i++) {
                  bytes.putLong(16 * i, cases.get(i).a).putLong(16 * i + 8, cases.get(i).b);
                }
              });
      Memory out = cuda.memory(8 * cases.size());
      ok(kernels.launch("cases", 1, 1, 0, in, out));
      ByteBuffer results = kernels.download(out, 8 * cases.size());
      List<String> wrong = new ArrayList<>();
      for (int i = 0; i < cases.size(); i++) {
        if (results.getLong(8 * i) != cases.get(i).expected) {
          wrong.add("%s, not 0x%x".formatted(cases.get(i), results.getLong(8 * i)));
        }
      }
      assertEquals(List.of(), wrong);
    }
  }

  @Test
  void integers() {
    int min = Integer.MIN_VALUE;
    int max = Integer.MAX_VALUE;
    s32("add.s32", max, 1, min);
    s32("add.sat.s32", max, 1, max);
    s32("sub.sat.s32", min, 1, min);
    s32("div.s32", -7, 2, -3);
    s32("div.s32", 7, -2, -3);
    s32("div.s32", min, -1, min);
    u32("div.u32", -1, 2, max);
    u32("div.u32", 5, 0, -1);
    s32("rem.s32", -7, 2, -1);
    s32("rem.s32", 7, -2, 1);
    s32("rem.s32", min, -1, 0);
    u32("rem.u32", -1, 10, 5);
    s32("mul.lo.s32", 65537, 65537, 131073);
    s32("mul.hi.s32", -1, 2, -1);
    u32("mul.hi.u32", -1, 2, 1);
    s32("min.s32", -1, 1, -1);
    u32("min.u32", -1, 1, 1);
    s32("max.s32", -1, 1, 1);
    u32("max.u32", -1, 1, -1);
    u64("mul.hi.u64", -1, 2, 1);
    u64("mul.hi.s64", -1, 2, -1);
    u64("mul.lo.s64", -3, 5, -15);
    u64("div.s64", Long.MIN_VALUE, -1, Long.MIN_VALUE);
    u64("rem.s64", -7, 4, -3);
    raw("mul.wide.s32 %rd, %ra, %rb;", 0xffffffffL, 3, -3);
    raw("mul.wide.u32 %rd, %ra, %rb;", 0xffffffffL, 3, 0x2fffffffdL);
    raw("mad.wide.s32 %rd, %ra, %rb, %rdb;", 0xffffffffL, 3, 0);
    raw("mad.lo.s32 %r, %ra, %rb, -1; cvt.s64.s32 %rd, %r;", 6, 7, 41);
    raw("mad.hi.u32 %r, %ra, %rb, 1; cvt.u64.u32 %rd, %r;", 0xffffffffL, 2, 2);
    raw("abs.s32 %r, %ra; cvt.u64.u32 %rd, %r;", 0x80000000L, 0, 0x80000000L);
    raw("neg.s64 %rd, %rda;", 5, 0, -5);
    check();
  }

  @Test
  void shiftsAndBits() {
    u32("shl.b32", 1, 31, 0x80000000);
    u32("shl.b32", 1, 32, 0);
    u32("shl.b32", 1, 1000, 0);
    u32("shr.u32", -1, 32, 0);
    s32("shr.s32", -8, 1, -4);
    s32("shr.s32", -8, 32, -1);
    s32("shr.s32", 8, 77, 0);
    u32("xor.b32", 0b1100, 0b1010, 0b0110);
    raw("shl.b64 %rd, %rda, %rb;", 1, 63, 1L << 63);
    raw("shl.b64 %rd, %rda, %rb;", 1, 64, 0);
    raw("shr.s64 %rd, %rda, %rb;", -2, 64, -1);
    raw("shr.u64 %rd, %rda, %rb;", -1, 60, 15);
    raw("bfe.u32 %r, %ra, 4, 8; cvt.u64.u32 %rd, %r;", 0xabcd, 0, 0xbc);
    raw("bfe.s32 %r, %ra, 4, 8; cvt.u64.u32 %rd, %r;", 0xabcd, 0, 0xffffffbcL);
    raw("bfe.s32 %r, %ra, 28, 8; cvt.u64.u32 %rd, %r;", 0x90000000L, 0, 0xfffffff9L);
    raw("bfe.u32 %r, %ra, 4, 0; cvt.u64.u32 %rd, %r;", 0xabcd, 0, 0);
    raw("bfi.b32 %r, %ra, %rb, 8, 4; cvt.u64.u32 %rd, %r;", 0x5, 0xffff, 0xf5ff);
    raw("prmt.b32 %r, %ra, %rb, 0x0145; cvt.u64.u32 %rd, %r;", 0x44332211, 0x88776655, 0x11225566);
    raw("prmt.b32 %r, %ra, %rb, 0x0fff; cvt.u64.u32 %rd, %r;", 0x11, 0x88000000L, 0x11ffffffL);
    raw("popc.b32 %r, %ra; cvt.u64.u32 %rd, %r;", 0xff00ff, 0, 16);
    raw("popc.b64 %r, %rda; cvt.u64.u32 %rd, %r;", -1, 0, 64);
    raw("clz.b32 %r, %ra; cvt.u64.u32 %rd, %r;", 1, 0, 31);
    raw("clz.b32 %r, %ra; cvt.u64.u32 %rd, %r;", 0, 0, 32);
    raw("clz.b64 %r, %rda; cvt.u64.u32 %rd, %r;", 0, 0, 64);
    raw("brev.b32 %r, %ra; cvt.u64.u32 %rd, %r;", 1, 0, 0x80000000L);
    raw("shf.l.wrap.b32 %r, %ra, %rb, 8; cvt.u64.u32 %rd, %r;", 0xaa000000L, 0xbb, 0xbbaa);
    raw("shf.r.wrap.b32 %r, %ra, %rb, 8; cvt.u64.u32 %rd, %r;", 0xaa00, 0xbb, 0xbb0000aaL);
    raw("shf.r.clamp.b32 %r, %ra, %rb, 99; cvt.u64.u32 %rd, %r;", 0xaa00, 0xbb, 0xbb);
    raw("mov.b64 %rd, {%rb, %ra};", 1, 2, 0x100000002L);
    raw("mov.b64 {%ra, %rb}, %rda; mov.b64 %rd, {%rb, %ra};", 0x100000002L, 0, 0x200000001L);
    raw("not.b64 %rd, %rda;", 0, 0, -1);
    raw("cnot.b64 %rd, %rda;", 0, 0, 1);
    check();
  }

  @Test
  void conversions() {
    String toS32 = " %r, %fa; cvt.s64.s32 %rd, %r;";
    fromFloat("cvt.rzi.s32.f32" + toS32, -2.7f, -2);
    fromFloat("cvt.rmi.s32.f32" + toS32, -2.3f, -3);
    fromFloat("cvt.rpi.s32.f32" + toS32, 2.3f, 3);
    fromFloat("cvt.rni.s32.f32" + toS32, 2.5f, 2);
    fromFloat("cvt.rni.s32.f32" + toS32, 3.5f, 4);
    fromFloat("cvt.rzi.s32.f32" + toS32, 3e9f, Integer.MAX_VALUE);
    fromFloat("cvt.rzi.s32.f32" + toS32, -3e9f, Integer.MIN_VALUE);
    fromFloat("cvt.rzi.s32.f32" + toS32, Float.NaN, 0);
    fromFloat("cvt.rzi.u32.f32 %r, %fa; cvt.u64.u32 %rd, %r;", -1, 0);
    fromFloat("cvt.rzi.u32.f32 %r, %fa; cvt.u64.u32 %rd, %r;", 5e9f, 0xffffffffL);
    fromFloat("cvt.rzi.u8.f32 %r, %fa; cvt.u64.u32 %rd, %r;", 300, 255);
    fromFloat("cvt.rzi.s8.f32 %r, %fa; cvt.s64.s32 %rd, %r;", -300, -128);
    fromFloat("cvt.rni.u16.f32 %h, %fa; cvt.u64.u16 %rd, %h;", 70000, 65535);
    fromFloat("cvt.rzi.s64.f32 %rd, %fa;", 1e30f, Long.MAX_VALUE);
    fromFloat("cvt.rzi.u64.f32 %rd, %fa;", 1e30f, -1);
    fromFloat("cvt.f64.f32 %d, %fa; mov.b64 %rd, %d;", 0.1f, bits((double) 0.1f));
    fromFloat("cvt.rn.f16.f32 %h, %fa; cvt.u64.u16 %rd, %h;", 1.5f, 0x3e00);
    fromFloat("cvt.rn.f16.f32 %h, %fa; cvt.u64.u16 %rd, %h;", 1e6f, 0x7c00);
    String fromF32 = " mov.b32 %r, %f; cvt.u64.u32 %rd, %r;";
    raw("cvt.f32.f16 %f, %ha;" + fromF32, 0xc100, 0, bits(-2.5f));
    raw("cvt.rn.f32.s32 %f, %ra;" + fromF32, 16777217, 0, bits(16777216f));
    raw("cvt.rp.f32.s32 %f, %ra;" + fromF32, 16777217, 0, bits(16777218f));
    raw("cvt.rz.f32.s32 %f, %ra;" + fromF32, 16777219, 0, bits(16777218f));
    raw("cvt.rn.f32.u32 %f, %ra;" + fromF32, 0xffffffffL, 0, bits(0x1p32f));
    raw("cvt.rn.f32.s64 %f, %rda;" + fromF32, -3, 0, bits(-3f));
    raw("cvt.rn.f32.f64 %f, %da;" + fromF32, bits(0.1), 0, bits(0.1f));
    raw("cvt.rm.f32.f64 %f, %da;" + fromF32, bits(0.1), 0, bits(Math.nextDown(0.1f)));
    raw("cvt.rn.f64.s64 %d, %rda; mov.b64 %rd, %d;", -5, 0, bits(-5.0));
    raw("cvt.sat.u8.s32 %r, %ra; cvt.u64.u32 %rd, %r;", -5 & 0xffffffffL, 0, 0);
    raw("cvt.sat.u8.s32 %r, %ra; cvt.u64.u32 %rd, %r;", 300, 0, 255);
    raw("cvt.sat.s8.s32 %r, %ra; cvt.s64.s32 %rd, %r;", 200, 0, 127);
    raw("cvt.sat.s32.u32 %r, %ra; cvt.u64.u32 %rd, %r;", 0xffffffffL, 0, Integer.MAX_VALUE);
    raw("cvt.sat.u32.s64 %r, %rda; cvt.u64.u32 %rd, %r;", -1, 0, 0);
    raw("cvt.s64.s8 %rd, %ra;", 0x1ff, 0, -1);
    raw("cvt.u64.u8 %rd, %ra;", 0x1ff, 0, 255);
    raw("cvt.s64.s16 %rd, %ha;", 0x8000, 0, -32768);
    check();
  }

  @Test
  void floats() {
    float nan = Float.NaN;
    f32("add.f32", 1, 0x1p-25f, 1);
    f32("add.rp.f32", 1, 0x1p-25f, Math.nextUp(1f));
    f32("add.rz.f32", 1, -0x1p-30f, Math.nextDown(1f));
    f32("sub.rm.f32", 1, 0x1p-30f, Math.nextDown(1f));
    f32("mul.rn.f32", 0.1f, 0.1f, 0.1f * 0.1f);
    f32("mul.rz.f32", 0.1f, 3f, Math.nextDown(0.3f));
    f32("div.rn.f32", 1, 3, 1 / 3f);
    f32("div.rn.f32", 1, 0, Float.POSITIVE_INFINITY);
    f32("min.f32", nan, 2, 2);
    f32("max.f32", -1, nan, -1);
    f32("min.f32", 0f, -0f, -0f);
    f32("max.f32", -0f, 0f, 0f);
    f32("add.ftz.f32", 0x1p-127f, 0, 0);
    f32("add.f32", 0x1p-127f, 0, 0x1p-127f);
    f32("mul.ftz.f32", 0x1p-100f, -0x1p-40f, -0f);
    f32("add.sat.f32", 0.75f, 0.75f, 1);
    f32("sub.sat.f32", nan, 0, 0);
    f32("copysign.f32", -1, 5, -5);
    String write = " mov.b32 %r, %f; cvt.u64.u32 %rd, %r;";
    raw(
        "fma.rn.f32 %f, %fa, %fb, 0fBF800000;" + write,
        bits(1 + 0x1p-12f),
        bits(1 - 0x1p-12f),
        bits(-0x1p-24f));
    raw("fma.rm.f32 %f, %fa, %fb, 0f33800000;" + write, bits(1f), bits(1f), bits(1f));
    raw("fma.rp.f32 %f, %fa, %fb, 0f2F800000;" + write, bits(1f), bits(1f), bits(Math.nextUp(1f)));
    fromFloat("neg.f32 %f, %fa;" + write, 0, bits(-0f));
    fromFloat("abs.f32 %f, %fa;" + write, -3, bits(3f));
    fromFloat("sqrt.rn.f32 %f, %fa;" + write, 2, bits((float) Math.sqrt(2)));
    fromFloat("rsqrt.approx.f32 %f, %fa;" + write, 4, bits(0.5f));
    fromFloat("ex2.approx.f32 %f, %fa;" + write, 10, bits(1024f));
    fromFloat("lg2.approx.f32 %f, %fa;" + write, 8, bits(3f));
    fromFloat("sin.approx.f32 %f, %fa;" + write, 0, bits(0f));
    fromFloat("cos.approx.f32 %f, %fa;" + write, 0, bits(1f));
    fromFloat("cvt.rni.f32.f32 %f, %fa;" + write, -2.5f, bits(-2f));
    fromFloat("cvt.sat.f32.f32 %f, %fa;" + write, nan, bits(0f));
    raw(
        "fma.rn.f64 %d, %da, 0d4008000000000000, 0d3FF0000000000000; mov.b64 %rd, %d;",
        bits(0.1), 0, bits(Math.fma(0.1, 3, 1)));
    check();
  }

  @Test
  void comparisons() {
    String asNumber = " %ra, %rb; selp.u64 %rd, 1, 0, %p;";
    raw("setp.lt.s32 %p," + asNumber, 0xffffffffL, 1, 1);
    raw("setp.lt.u32 %p," + asNumber, 0xffffffffL, 1, 0);
    raw("setp.lo.u32 %p," + asNumber, 1, 0xffffffffL, 1);
    raw("setp.hs.u32 %p," + asNumber, 1, 1, 1);
    String floats = " %fa, %fb; selp.u64 %rd, 1, 0, %p;";
    long nan = bits(Float.NaN);
    raw("setp.lt.f32 %p," + floats, nan, bits(1f), 0);
    raw("setp.ltu.f32 %p," + floats, nan, bits(1f), 1);
    raw("setp.ne.f32 %p," + floats, nan, nan, 0);
    raw("setp.neu.f32 %p," + floats, nan, nan, 1);
    raw("setp.eq.f32 %p," + floats, bits(0f), bits(-0f), 1);
    raw("setp.num.f32 %p," + floats, nan, bits(1f), 0);
    raw("setp.nan.f32 %p," + floats, nan, bits(1f), 1);
    raw("setp.gt.s32 %p|%q, %ra, %rb; selp.u64 %rd, 1, 0, %q;", 1, 2, 1);
    raw("setp.eq.s32 %q, %ra, 1; setp.eq.and.s32 %p, %rb, 2, %q; selp.u64 %rd, 1, 0, %p;", 1, 2, 1);
    raw("setp.eq.s32 %q, %ra, 1; setp.eq.or.s32 %p, %rb, 3, !%q; selp.u64 %rd, 1, 0, %p;", 1, 2, 0);
    raw(
        "setp.eq.s32 %p, %ra, 1; not.pred %q, %p; @%q mov.u64 %rd, 7; @!%q mov.u64 %rd, 8;",
        1, 0, 8);
    raw("mov.u64 %rd, 5; setp.ne.s32 %p, %ra, 1; @%p mov.u64 %rd, 6;", 1, 0, 5);
    check();
  }
}
