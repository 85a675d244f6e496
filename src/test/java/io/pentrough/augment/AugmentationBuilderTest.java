package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.Position;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What options are refused, and how that is said. */
class AugmentationBuilderTest {

  private static final ArraySpec IMAGE = array("image", DType.UINT8, 2, 8, 8, 8);
  private static final ArraySpec LABEL = array("label", DType.INT16, 2, 8, 8, 8);

  private static ArraySpec array(String name, DType dtype, int... shape) {
    return BatchSpec.builder().array(name, dtype, shape).build().array(0);
  }

  private static Augmentation.Builder image() {
    return Augmentation.builder(IMAGE, Layout.NZYX);
  }

  private static void refuses(String words, Executable options) {
    String message =
        Objects.requireNonNull(assertThrows(IllegalArgumentException.class, options).getMessage());
    assertTrue(message.contains(words), () -> "no \"" + words + "\" in: " + message);
  }

  @Test
  void typesAndShapesThatWillNotDo() {
    refuses("FLOAT32]", () -> Augmentation.builder(array("i", DType.FLOAT64, 1, 2, 2), Layout.NYX));
    refuses("5 dimensions", () -> Augmentation.builder(IMAGE, Layout.NCZYX));
    refuses(
        "at most 65535",
        () -> Augmentation.builder(array("i", DType.INT8, 70_000, 1, 1), Layout.NYX));
    refuses("UINT64]", () -> image().label(array("l", DType.FLOAT32, 2, 8, 8, 8)));
    refuses("[n, z, y, x]", () -> image().label(array("l", DType.INT8, 2, 8, 8)));
    refuses("2 samples", () -> image().label(array("l", DType.INT8, 3, 8, 8, 8)));
    refuses("declared twice", () -> image().label(array("image", DType.INT8, 2, 8, 8, 8)));
    ArraySpec variable =
        BatchSpec.builder().variableArray("v", DType.UINT8, 2, 8, 8).build().array(0);
    refuses("variable", () -> Augmentation.builder(variable, Layout.NYX));
  }

  @Test
  void patchesThatWillNotDo() {
    refuses(
        "9 x 8 x 8 is larger than its source of 8 x 8 x 8", () -> image().patch(9, 8, 8).build());
    refuses("in the order z, y, x", () -> image().patch(0, 8, 8));
    refuses(
        "z must be 1",
        () -> Augmentation.builder(array("i", DType.INT8, 1, 4, 4), Layout.NYX).patch(2, 4, 4));
    refuses(
        "the patch 4 x 4 x 1 (in the order z, y, x) must be at least 1 along each axis, and z must"
            + " be 1 in two dimensions: 1 x height x width",
        () -> Augmentation.builder(array("i", DType.INT8, 1, 4, 4), Layout.NYX).patch(4, 4, 1));
    refuses("no label", () -> image().labelPatch(2, 2, 2).build());
    refuses("no common middle", () -> image().label(LABEL).labelPatch(8, 8, 7).build());
    ArraySpec odd = array("l", DType.INT8, 2, 8, 7, 8);
    refuses("no common middle", () -> image().label(odd).labelPatch(2, 2, 2).build());
    refuses(
        "the label patch of 10 x 8 x 8 is larger",
        () -> image().label(LABEL).labelPatch(10, 8, 8).build());
    refuses(
        "the label patch of 10 x 8 x 8 is larger",
        () -> image().label(LABEL).labelPatch(10, 8, 8).crop(true).build());
    refuses("[Z, Y] cannot be swapped", () -> image().patch(4, 6, 6).swap(Axis.Z, Axis.Y).build());
    refuses(
        "labels of 6 x 8 x 8",
        () -> image().label(LABEL).labelPatch(6, 8, 8).swap(Axis.values()).build());
    refuses("does not fit", () -> image().patch(4, 4, 4).cutOut(2, 5, 2).build());
    refuses("between 0.0 and 16.0", () -> image().cutOut(1, 1, 1).cutOutBoxes(17));
    refuses("cutOut(z, y, x)", () -> image().cutOutBoxes(2).build());
    refuses("cutOut(z, y, x)", () -> image().cutOutValue(1).build());
  }

  @Test
  void whatAnOptionSaysCanBeTakenBack() {
    String plain = image().patch(4, 4, 4).build().description();
    assertEquals(plain, image().patch(4, 4, 4).crop(true).crop(false).build().description());
    assertEquals(plain, image().patch(4, 4, 4).clip(true).clip(false).build().description());
    assertNotEquals(plain, image().patch(4, 4, 4).crop(true).build().description());
    assertNotEquals(plain, image().patch(4, 4, 4).clip(true).build().description());
    assertEquals(
        image().cutOut(2, 2, 2).build().description(),
        image().cutOut(2, 2, 2).cutOutBoxes(1).cutOutValue(0).build().description());
    Warp tilted = Warp.builder().lockZ(true).lockZ(false).tilt(10).build(); // else refused
    assertEquals(Warp.builder().tilt(10).build().toString(), tilted.toString());
  }

  @Test
  void constantsOfTheBorderComeWithTheMode() {
    String constant = image().constantBorder(3, 4).build().description();
    assertNotEquals(image().border(Border.CONSTANT).build().description(), constant);
    assertEquals(
        constant, image().border(Border.MIRROR).constantBorder(3, 4).build().description());
    assertEquals(
        image().constantBorder(0, 0).build().description(),
        image().border(Border.CONSTANT).build().description());
  }

  @Test
  void sizesThatWouldOverflow() {
    refuses("more than 2147483647 voxels", () -> image().patch(1 << 20, 1 << 20, 1 << 24));
    refuses("more than 2147483647 voxels", () -> image().labelPatch(1 << 11, 1 << 10, 1 << 10));
    refuses("more than 2147483647 voxels", () -> image().cutOut(1 << 11, 1 << 10, 1 << 10));
    ArraySpec channels = array("i", DType.INT8, 1, 1 << 30, 1, 1); // 3 * 2^30 words
    refuses(
        "1 samples of 1073741824 channels with 0 boxes take 12884901992 bytes of parameters",
        () -> Augmentation.builder(channels, Layout.NCYX).build());
    BatchSpec samples = BatchSpec.builder().array("i", DType.INT8, 10_083, 1, 1).build();
    try (Device device = HostDevice.open()) {
      Augmentation.Builder many = Augmentation.builder(samples.array(0), Layout.NYX);
      refuses("take fewer samples in a batch", () -> loader(device, samples, many).plan());
    }
  }

  @Test
  void valuesThatWillNotDo() {
    refuses("gamma must be above 0", () -> image().gamma(0, 1));
    refuses("is empty: 2.0 is above 1.0", () -> image().gamma(2, 1));
    refuses("is empty", () -> image().contrast(1.1f, 0.9f));
    refuses("finite", () -> image().brightness(Float.NaN, 1));
    refuses("finite", () -> image().gamma(Float.NaN, 1));
    refuses("clip(true)", () -> image().gamma(0.5f, 2).build());
    refuses("finite", () -> image().scale(1, Float.POSITIVE_INFINITY));
    refuses("1 channels", () -> image().scale(1, 2).build());
    refuses("not NaN", () -> image().gaussianNoise(Float.NaN));
    refuses("not -1.0", () -> image().uniformNoise(-1));
    refuses("finite", () -> image().constantBorder(Float.NaN, 0));
    refuses("finite", () -> image().cutOutValue(Float.NaN));
  }

  @Test
  void warpsThatCouldBeSingular() {
    refuses("the shear must be between 0.0 and 0.49, not 0.5", () -> Warp.builder().shear(0.5));
    refuses("the smallest scale", () -> Warp.builder().scale(0, 1));
    refuses("the largest scale", () -> Warp.builder().scale(2, 1));
    refuses("the perspective", () -> Warp.builder().perspective(0.34));
    refuses("the anisotropy", () -> Warp.builder().anisotropy(0));
    refuses("the rotation", () -> Warp.builder().rotation(Double.NaN));
    refuses("z is locked", () -> Warp.builder().tilt(10).lockZ(true).build());
    refuses("perspective and lockZ", () -> Warp.builder().perspective(0.1).lockZ(true).build());
    refuses("not Infinity", () -> Warp.builder().scale(1, Double.POSITIVE_INFINITY));
    refuses("not NaN", () -> Warp.builder().shear(Double.NaN));
  }

  @Test
  void theLoaderMustHaveTheArraysItWasBuiltFor() {
    BatchSpec other = BatchSpec.builder().array("image", DType.UINT8, 2, 8, 8, 9).build();
    try (Device device = HostDevice.open()) {
      refuses(
          "this augmentation was built for",
          () ->
              BackgroundLoader.builder(device, other, (out, context) -> {})
                  .stage(image().build())
                  .start()
                  .close());
      refuses("no label", () -> image().build().labelBox(AugmentRun.buffer(1000), 0));
    }
  }

  @Test
  void aPositionOfOtherRangesIsRefusedWithThoseThatDiffer() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 2, 8, 8, 8).build();
    try (Device device = HostDevice.open()) {
      Position position;
      try (BackgroundLoader loader = loader(device, spec, image().contrast(0.5f, 1.5f)).start();
          DeviceBatch batch = loader.get()) {
        position = Position.parse(batch.position().toString());
      }
      loader(device, spec, image().contrast(0.5f, 1.5f)).startAt(position).start().close();
      refuses(
          "a loader with other stages (contrast 0.5 to 1.5, brightness 0.0 to 0.0 there,"
              + " contrast 0.9 to 1.1, brightness 0.0 to 0.0 here);",
          () -> loader(device, spec, image().contrast(0.9f, 1.1f)).startAt(position).start());
      refuses(
          "flips [false, false, false], swaps [] there",
          () ->
              loader(device, spec, image().contrast(0.5f, 1.5f).flip(Axis.Z))
                  .startAt(position)
                  .start());
      // What 0.1.0 wrote for these options.
      Position old =
          Position.parse("pentrough-position-1 c5ed40a0-598cf43c-df409955-60d0721f 0 1 - -");
      loader(device, spec, image().contrast(0.5f, 1.5f)).startAt(old).start().close();
      refuses(
          "a loader with other arrays or stages;",
          () -> loader(device, spec, image().contrast(0.9f, 1.1f)).startAt(old).start());
    }
  }

  private static BackgroundLoader.Builder loader(
      Device device, BatchSpec spec, Augmentation.Builder stage) {
    return BackgroundLoader.builder(device, spec, (out, context) -> {}).stage(stage.build());
  }

  @Test
  void theNameTellsOptionsApart() {
    assertEquals(image().build().name(), image().build().name());
    assertNotEquals(image().build().name(), image().clip(true).build().name());
    assertTrue(image().build().name().startsWith("augmentation of image "));
  }
}
